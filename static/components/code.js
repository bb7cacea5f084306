// Text to copy. The button works on plain HTTP and inside dialogs; where copying fails, the text is selected, so that a key copies it.
import { copy, select } from '../lib/clipboard.js';
import { t } from '../lib/i18n.js';
import { classes, html, useEffect, useLayoutEffect, useRef, useState } from '../lib/ui.js';
import { Button } from './basics.js';

/** A button that copies and says so only if it is true. Where it is not, `fallback`, an element that shows the text, is selected, or a field with the text. */
export function CopyButton({ text, label, fallback, ...rest }) {
  const [state, setState] = useState('idle');
  const [byHand, setByHand] = useState(null);
  const timer = useRef();
  useEffect(() => () => clearTimeout(timer.current), []);
  const say = (name) => {
    setState(name);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setState('idle'), 2000);
  };
  const run = async (event) => {
    const whole = typeof text === 'function' ? text() : text;
    const done = await copy(whole, event.currentTarget);
    say(done ? 'done' : 'failed');
    if (!done && fallback?.current) select(fallback.current);
    else if (!done) setByHand(whole);
  };
  const close = (copied) => {
    setByHand(null);
    if (copied) say('done');
  };
  const words = { idle: label ?? t('common.copy'), done: t('common.copied'), failed: t('common.copy_failed') };
  const shown = byHand === null ? state : 'failed';
  const button = html`<${Button} small kind="quiet" icon=${shown === 'done' ? 'check' : 'copy'} onClick=${run} ...${rest}><span aria-live="polite">${words[shown]}</span><//>`;
  return fallback ? button : html`<span class="copy-place">${button}${byHand !== null && html`<${ByHand} text=${byHand} close=${close} />`}</span>`;
}

/** The text in a selected field below the button, until it is copied or left. */
function ByHand({ text, close }) {
  const field = useRef();
  useLayoutEffect(() => field.current.select(), [text]);
  const key = (event) => {
    if (event.key !== 'Escape') return;
    // Not the dialog around it.
    event.preventDefault();
    event.stopPropagation();
    close();
  };
  // The browser copies after this event, and needs the field for it.
  const copied = () => setTimeout(() => close(true));
  return html`<textarea ref=${field} class="copy-by-hand" readonly rows=${Math.min(6, text.split('\n').length)} aria-label=${t('common.copy_failed')} onCopy=${copied} onBlur=${() => close()} onKeyDown=${key}>${text}</textarea>`;
}

/** A block of code with its copy button; `wrap` is for prose. */
export function Code({ text, title, language, tall, wrap }) {
  const shown = useRef();
  return html`
    <div class=${classes('code', tall && 'tall', wrap && 'wraps')}>
      <div class="code-head"><span>${title ?? language ?? ''}</span><${CopyButton} text=${text} fallback=${shown} /></div>
      <pre tabindex="0" ref=${shown} data-language=${language}><code>${text}</code></pre>
    </div>`;
}
