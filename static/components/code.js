// Text to copy. The button works on plain HTTP and inside dialogs; where copying fails, the text is selected.
import { copy, select } from '../lib/clipboard.js';
import { t } from '../lib/i18n.js';
import { classes, html, useEffect, useRef, useState } from '../lib/ui.js';
import { Button } from './basics.js';

/** A button that copies and says so only if it is true. `fallback` is an element to select where it is not. */
export function CopyButton({ text, label, fallback, ...rest }) {
  const [state, setState] = useState('idle');
  const timer = useRef();
  useEffect(() => () => clearTimeout(timer.current), []);
  const run = async (event) => {
    const done = await copy(typeof text === 'function' ? text() : text, event.currentTarget);
    if (!done && fallback?.current) select(fallback.current);
    setState(done ? 'done' : 'failed');
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setState('idle'), 2000);
  };
  const words = { idle: label ?? t('common.copy'), done: t('common.copied'), failed: t('common.copy_failed') };
  return html`<${Button} small kind="quiet" icon=${state === 'done' ? 'check' : 'copy'} onClick=${run} ...${rest}><span aria-live="polite">${words[state]}</span><//>`;
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
