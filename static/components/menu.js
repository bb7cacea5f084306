// A button that opens a panel: closed by Escape, a choice, or a press elsewhere.
import { classes, html, useEffect, useRef, useState } from '../lib/ui.js';
import { Icon } from './basics.js';

/** `label` stands on the button; `children` is called with `close` while the panel is open: a table of menus draws none of their entries. */
export function Menu({ label, icon, chevron = true, active, children, panel, quiet, small, title, start }) {
  const element = useRef();
  const [open, setOpen] = useState(false);
  const close = () => element.current?.removeAttribute('open');
  useEffect(() => {
    if (!open) return undefined;
    const root = element.current;
    const away = (event) => !root.contains(event.target) && close();
    const escape = (event) => {
      if (event.key !== 'Escape') return;
      event.preventDefault();
      event.stopPropagation();
      close();
      root.querySelector('summary').focus();
    };
    document.addEventListener('pointerdown', away);
    root.addEventListener('keydown', escape);
    return () => {
      document.removeEventListener('pointerdown', away);
      root.removeEventListener('keydown', escape);
    };
  }, [open]);
  return html`
    <details class="menu-button" ref=${element} onToggle=${(event) => setOpen(event.target.open)}>
      <summary class=${classes('button', quiet && 'quiet', small && 'small', active && 'is-active', !label && 'only-icon')} title=${title} aria-label=${label ? undefined : title}>
        ${icon && html`<${Icon} name=${icon} />`}${label && html`<span class="cut">${label}</span>`}${chevron && label && html`<${Icon} name="chevron-down" />`}</summary>
      ${open && html`<div class=${classes('menu-panel', panel, start && 'at-start')}>${children(close)}</div>`}
    </details>`;
}

/** One entry of a menu: an action or, with `href`, a link. */
export const MenuEntry = ({ icon, children, href, run, close, danger, chosen, disabled }) => {
  const inside = html`${icon && html`<${Icon} name=${icon} />`}<span class="grow">${children}</span>${chosen && html`<${Icon} name="check" />`}`;
  if (href) return html`<a class="menu-entry" href=${href} onClick=${close}>${inside}</a>`;
  return html`<button type="button" class=${classes('menu-entry', danger && 'danger')} disabled=${disabled} aria-pressed=${chosen === undefined ? undefined : chosen}
    onClick=${() => { close(); run(); }}>${inside}</button>`;
};
