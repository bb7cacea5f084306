// What was typed and is not live yet: texts by name, kept until the tab is closed.
import { failureOf, send } from '../../lib/api.js';
import { stored } from '../../lib/stored.js';
import { computed } from '../../lib/ui.js';

/** `{name: {text, base, tag}}`: `base` is the text on the disk that it began with and `tag` its version; a new script has neither. */
export const drafts = stored('script-drafts', {}, () => sessionStorage);

export const draftNames = computed(() => Object.keys(drafts.value).sort());

/** The drafts as the API takes them: over the live scripts. */
export const draftBody = (all = drafts.peek()) => ({ files: Object.fromEntries(Object.entries(all).map(([name, { text }]) => [name, text])) });

/** Keeps what was typed; the text of the disk is no draft. */
export function keepDraft(name, draft) {
  if (draft.text === draft.base) return dropDraft(name);
  drafts.value = { ...drafts.peek(), [name]: draft };
  return undefined;
}

export function dropDraft(name) {
  const { [name]: dropped, ...others } = drafts.peek();
  if (dropped) drafts.value = others;
}

export const pathOf = (name) => `api/scripts/files/${encodeURIComponent(name)}`;

/** Writes a draft; it is live when this returns. An error tells lines in its `problems`. */
export async function saveDraft(name, { overwrite = false } = {}) {
  const { text, tag } = drafts.peek()[name];
  const response = await send('PUT', pathOf(name), { body: { text }, ...(overwrite ? {} : tag ? { etag: tag } : { absent: true }) });
  if (!response.ok) throw await failureOf(response);
  // What was typed meanwhile stays a draft, now over the text that was written.
  const now = drafts.peek()[name];
  if (now) keepDraft(name, { text: now.text, base: text, tag: tagOf(response) });
}

/** The version of a script that an answer bears. */
export const tagOf = (response) => response.headers.get('etag')?.replaceAll('"', '');
