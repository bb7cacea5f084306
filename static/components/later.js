// Parts that are not wanted at once: their modules are loaded when they are first drawn, or when the page rests.
import { t } from '../lib/i18n.js';
import { notifyError } from '../lib/notices.js';
import { html, signal, useEffect, useState } from '../lib/ui.js';
import { Failure } from './states.js';

/** Whoever has just opened the page is left alone for so many milliseconds. */
const REST = 3000;
const all = [];

/** A component of that `name` in the module that `load` loads; until it is there, `fallback` stands for it. */
export function later(load, name) {
  const part = signal(null);
  const get = async () => {
    part.value ??= (await load())[name];
  };
  all.push(get);
  return function Later({ fallback, ...rest }) {
    const [error, setError] = useState(null);
    useEffect(() => {
      get().catch((failure) => {
        setError(failure);
        if (!fallback) notifyError(failure, t('error.load'));
      });
    }, []);
    if (part.value) return html`<${part.value} ...${rest} />`;
    return error ? fallback && html`<${Failure} error=${error} title=${t('error.load')} retry=${() => location.reload()} />` : fallback;
  };
}

/** Loads what no one has asked for yet, so that it is there when somebody does. */
export const loadWhenAtRest = () => setTimeout(() => {
  const load = () => all.forEach((get) => get().catch(() => {}));
  if ('requestIdleCallback' in globalThis) requestIdleCallback(load);
  else load();
}, REST);
