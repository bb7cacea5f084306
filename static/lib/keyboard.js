// Keys for the whole page: single ones, `g k` pairs, and the palette. They rest while somebody types or a dialog is open.
import { useLayoutEffect, useRef } from 'preact/hooks';

const PAIR_TIME = 1200;
const bindings = new Map();
let first = null;
let firstAt = 0;

const isTyping = (target) => target.isContentEditable || /^(input|textarea|select)$/i.test(target.tagName);

addEventListener('keydown', (event) => {
  if (event.isComposing || event.defaultPrevented) return;
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k' && !event.shiftKey && !event.altKey) return run('ctrl+k', event);
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return undefined;
  if (document.querySelector('dialog[open]')) return undefined;
  if (first && Date.now() - firstAt < PAIR_TIME && run(`${first} ${event.key}`, event)) {
    first = null;
    return undefined;
  }
  first = event.key;
  firstAt = Date.now();
  return run(event.key, event);
});

function run(keys, event) {
  const stack = bindings.get(keys);
  if (!stack?.length) return false;
  event.preventDefault();
  stack.at(-1)(event);
  return true;
}

/** Binds keys such as `/`, `g k` or `ctrl+k`; the last one bound is asked. Gives back what ends it. */
export function bind(keys, action) {
  if (!bindings.has(keys)) bindings.set(keys, []);
  bindings.get(keys).push(action);
  return () => bindings.set(keys, bindings.get(keys).filter((other) => other !== action));
}

/** Binds `{keys: action}` as long as a component is shown; the same keys at every render. */
export function useKeys(actions) {
  const latest = useRef(actions);
  latest.current = actions;
  // Before anything is painted: whoever sees a list can already walk it.
  useLayoutEffect(() => {
    const ends = Object.keys(actions).map((keys) => bind(keys, (event) => latest.current[keys](event)));
    return () => ends.forEach((end) => end());
  }, []);
}
