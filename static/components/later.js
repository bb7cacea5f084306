// Parts that are not wanted at once: their modules are loaded when they are first drawn, or when the page rests.
import { t } from '../lib/i18n.js';
import { notifyError } from '../lib/notices.js';
import { html, signal, useEffect, useState } from '../lib/ui.js';
import { Failure } from './states.js';

/** Whoever has just opened the page is left alone for so many milliseconds. */
const REST = 3000;
const all = [];

/**
 * A component of that `name` in the module that `load` loads; until it is there, the component `Meanwhile` stands for it, if one
 * is given. It is no element: one that the effect held on to would hold on to the tree of every drawing that follows.
 */
export function later(load, name, Meanwhile) {
  const part = signal(null);
  const get = async () => {
    part.value ??= (await load())[name];
  };
  all.push(get);
  return function Later(properties) {
    const [error, setError] = useState(null);
    useEffect(() => {
      get().catch((failure) => {
        setError(failure);
        if (!Meanwhile) notifyError(failure, t('error.load'));
      });
    }, []);
    if (part.value) return html`<${part.value} ...${properties} />`;
    if (!Meanwhile) return null;
    return error ? html`<${Failure} error=${error} title=${t('error.load')} retry=${() => location.reload()} />` : html`<${Meanwhile} />`;
  };
}

function loadRest() {
  // A hidden tab asks nothing.
  if (document.hidden) document.addEventListener('visibilitychange', loadRest, { once: true });
  else all.forEach((get) => get().catch(() => {}));
}

/** Loads what no one has asked for yet, so that it is there when somebody does. */
export const loadWhenAtRest = () => setTimeout(() => {
  if ('requestIdleCallback' in globalThis) requestIdleCallback(loadRest);
  else loadRest();
}, REST);
