// Hands a file to the browser's downloads.
import { failureOf, send } from './api.js';
import { t } from './i18n.js';
import { notifyError } from './notices.js';

export function saveAs(blob, name) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Fetches a file of the server, with whatever lets us in, and saves it. */
export async function download(path, query, name) {
  try {
    const response = await send('GET', path, { query, accept: '*/*' });
    if (!response.ok) throw await failureOf(response);
    saveAs(await response.blob(), name);
  } catch (error) {
    notifyError(error, t('error.title'));
  }
}
