// Dialogs and drawers on the native element, which keeps focus inside and gives it back.
import { t } from '../lib/i18n.js';
import { classes, html, useId, useLayoutEffect, useRef } from '../lib/ui.js';
import { Button, IconButton } from './basics.js';

/**
 * A modal dialog while it is rendered. `drawer` puts it at the side; `keep` lets neither Escape nor a click outside close it,
 * for what is shown only once. `onKey` gets every key that is pressed inside.
 */
export function Dialog({ title, subtitle, close, children, actions, drawer, wide, keep, class: name, header, onKey }) {
  const element = useRef();
  const heading = useId();
  const before = useRef(document.activeElement);
  // Before anything is painted: a key that is pressed now is meant for the dialog.
  useLayoutEffect(() => {
    const dialog = element.current;
    dialog.showModal();
    const first = dialog.querySelector('[autofocus]') ?? dialog.querySelector('.dialog-body :is(input, select, textarea):not([type=hidden])');
    (first ?? dialog.querySelector('h2')).focus();
    return () => {
      dialog.close();
      before.current?.isConnected && before.current.focus({ preventScroll: true });
    };
  }, []);
  const cancel = (event) => {
    event.preventDefault();
    if (!keep) close();
  };
  // Chromium closes a dialog on the second Escape whatever `cancel` says.
  const press = (event) => {
    if (keep && event.key === 'Escape') event.preventDefault();
    onKey?.(event);
  };
  const pressed = useRef(false);
  const outside = (event) => event.target === element.current;
  return html`
    <dialog ref=${element} class=${classes(drawer ? 'drawer' : 'dialog', wide && 'wide', name)} aria-labelledby=${heading}
      onCancel=${cancel} onKeyDown=${press}
      onPointerDown=${(event) => { pressed.current = outside(event); }}
      onClick=${(event) => { if (pressed.current && outside(event) && !keep) close(); }}>
      <div class="dialog-box">
        <header class="dialog-head">
          <div class="grow"><h2 id=${heading} tabindex="-1">${title}</h2>${subtitle && html`<div class="hint">${subtitle}</div>`}</div>
          ${header}
          ${!keep && html`<${IconButton} icon="x" label=${t('common.close')} onClick=${close} />`}
        </header>
        <div class="dialog-body">${children}</div>
        ${actions && html`<footer class="dialog-foot">${actions}</footer>`}
      </div>
    </dialog>`;
}

/** Asks before something that cannot be undone. */
export function Confirm({ title, text, action, run, close, busy }) {
  return html`
    <${Dialog} title=${title} close=${close} actions=${html`
      <${Button} onClick=${close}>${t('common.cancel')}<//>
      <${Button} kind="danger" busy=${busy} onClick=${run} autofocus>${action}<//>`}>
      <p>${text}</p>
    <//>`;
}
