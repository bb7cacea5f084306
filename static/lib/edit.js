// What pages do with things of the catalog: change, delete with undo, and say how it went.
import { api } from './api.js';
import { t } from './i18n.js';
import { notify, notifyError } from './notices.js';
import { forget } from './query.js';

/** Runs something that changes the catalog; then asks the lists anew. True if it worked. */
export async function attempt(run, { done, changed, failed } = {}) {
  try {
    const answer = await run();
    forget('api/');
    changed?.(answer);
    if (done) notify(done);
    return true;
  } catch (error) {
    if (error.name === 'AbortError') return false;
    notifyError(error, failed ?? t('error.title'));
    changed?.(null);
    return false;
  }
}

/** Deletes one thing of a noun, such as `keys`, and offers to undo it. */
export async function removeThing(noun, thing, changed) {
  try {
    await api.delete(`api/${noun}/${thing.id}`, { etag: thing.version });
  } catch (error) {
    notifyError(error, t('edit.not_deleted', { name: thing.name }));
    changed();
    return false;
  }
  forget('api/');
  changed();
  const undo = () => attempt(() => api.post(`api/${noun}/${thing.id}/restore`), { done: t('common.restored', { name: thing.name }), changed });
  notify(t('common.deleted', { name: thing.name }), { action: { label: t('common.undo'), run: undo } });
  return true;
}

/** The members that differ between a thing and the form over it. */
export function differences(before, after) {
  return Object.fromEntries(Object.entries(after).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name])));
}
