// One event stream for the whole page: calls as they end. It rests while the tab is hidden and comes back by itself.
import { signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { follow } from './api.js';

/** `off`, `connecting`, `live`, `waiting` (for the next try) or `resting` (the tab is hidden). */
export const liveState = signal('off');
/** Counts up when the stream opens, and when it lacks something: what was asked for before then may lack calls. */
export const liveGaps = signal(0);

const LEAST_WAIT = 1000;
const LONGEST_WAIT = 30_000;
/** A hidden tab is let go after this time: switching back and forth costs nothing. */
const REST_AFTER = 20_000;

const listeners = new Set();
let connection = null;
let wait = LEAST_WAIT;
let timer = null;
let restTimer = null;

async function connect() {
  clearTimeout(timer);
  connection?.abort();
  if (!listeners.size) return;
  const mine = new AbortController();
  connection = mine;
  liveState.value = 'connecting';
  try {
    const onOpen = () => {
      liveState.value = 'live';
      liveGaps.value += 1;
      wait = LEAST_WAIT;
    };
    await follow('GET', 'api/calls/live', { signal: mine.signal, onOpen }, deliver);
  } catch (error) {
    if (error.name === 'AbortError') return;
  }
  if (connection !== mine) return;
  liveState.value = 'waiting';
  timer = setTimeout(connect, wait * (0.75 + Math.random() / 2));
  wait = Math.min(LONGEST_WAIT, wait * 2);
}

function deliver(event) {
  if (event.missed) liveGaps.value += 1;
  for (const listener of listeners) listener(event);
}

function rest() {
  clearTimeout(timer);
  connection?.abort();
  connection = null;
  liveState.value = listeners.size ? 'resting' : 'off';
}

document.addEventListener('visibilitychange', () => {
  clearTimeout(restTimer);
  if (document.hidden) restTimer = setTimeout(rest, REST_AFTER);
  else if (['resting', 'waiting'].includes(liveState.value)) connect();
});
addEventListener('online', () => liveState.value === 'waiting' && connect());
addEventListener('pagehide', rest);

/** Listens to `{call, missed}` events; gives back what ends it. */
export function listen(listener) {
  listeners.add(listener);
  if (listeners.size === 1) connect();
  return () => {
    listeners.delete(listener);
    if (!listeners.size) rest();
  };
}

/** Listens as long as a component is shown. */
export function useLive(listener) {
  const latest = useRef(listener);
  latest.current = listener;
  useEffect(() => listen((event) => latest.current(event)), []);
}
