// Short messages at the edge of the page, some with an undo.
import { signal } from '@preact/signals';
import { causeOf } from './cause.js';

const TIME = 6000;
const TIME_WITH_ACTION = 12_000;
/** Time is counted in such pieces, so that a page that is late, or is not seen, takes nothing away unread. */
const TICK = 250;
let last = 0;
const left = new Map();
let timer = null;
/** Notices on which the pointer or the focus rests. */
const held = new Set();

/** `{id, kind, text, detail, action: {label, run}}`, oldest first. */
export const notices = signal([]);

/** Shows a message of kind `good`, `bad` or `plain`; bad ones stay until they are closed. */
export function notify(text, { kind = 'good', detail, action } = {}) {
  const id = ++last;
  notices.value = [...notices.value.slice(-3), { id, kind, text, detail, action }];
  if (kind !== 'bad') left.set(id, action ? TIME_WITH_ACTION : TIME);
  timer ??= setInterval(tick, TICK);
  return id;
}

function tick() {
  if (document.hidden) return;
  for (const [id, time] of left) {
    if (held.has(id)) continue;
    if (time > TICK) left.set(id, time - TICK);
    else dismiss(id);
  }
  if (left.size) return;
  clearInterval(timer);
  timer = null;
}

/** Keeps a notice as long as somebody is about to use it. */
export function hold(id, on) {
  if (on) held.add(id);
  else held.delete(id);
}

export function dismiss(id) {
  left.delete(id);
  held.delete(id);
  notices.value = notices.value.filter((notice) => notice.id !== id);
}

/** Says why something failed, and by which id the log tells more. */
export const notifyError = (error, text) => notify(text, { kind: 'bad', detail: [causeOf(error), error.status >= 500 && error.requestId].filter(Boolean).join(' · ') });
