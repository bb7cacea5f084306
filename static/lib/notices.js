// Short messages at the edge of the page, some with an undo.
import { signal } from '@preact/signals';
import { causeOf } from './cause.js';

const TIME = 6000;
const TIME_WITH_ACTION = 10_000;
let last = 0;

/** `{id, kind, text, detail, action: {label, run}}`, oldest first. */
export const notices = signal([]);

/** Shows a message of kind `good`, `bad` or `plain`; bad ones stay until they are closed. */
export function notify(text, { kind = 'good', detail, action } = {}) {
  const id = ++last;
  notices.value = [...notices.value.slice(-3), { id, kind, text, detail, action }];
  if (kind !== 'bad') setTimeout(() => dismiss(id), action ? TIME_WITH_ACTION : TIME);
  return id;
}

export function dismiss(id) {
  notices.value = notices.value.filter((notice) => notice.id !== id);
}

/** Says why something failed, and by which id the log tells more. */
export const notifyError = (error, text) => notify(text, { kind: 'bad', detail: [causeOf(error), error.status >= 500 && error.requestId].filter(Boolean).join(' · ') });
