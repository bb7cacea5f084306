// Hands a file to the browser's downloads.
import { ApiError, failureOf, send } from './api.js';
import { t } from './i18n.js';
import { notifyError } from './notices.js';

export function saveAs(blob, name) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Passes pieces on and tells how many bytes have come. */
const counted = (onProgress) => {
  let bytes = 0;
  return new TransformStream({
    transform(piece, controller) {
      bytes += piece.byteLength;
      onProgress(bytes);
      controller.enqueue(piece);
    },
  });
};

/**
 * Fetches a file of the server, with whatever lets us in, and saves it. The browser keeps the pieces as they come, on the disk
 * where they are many; a file that breaks off is not saved.
 */
export async function fetchFile(path, query, name, { signal, onProgress = () => {} } = {}) {
  const response = await send('GET', path, { query, accept: '*/*', signal });
  if (!response.ok) throw await failureOf(response);
  let blob;
  try {
    blob = await new Response(response.body.pipeThrough(counted(onProgress)), { headers: { 'content-type': response.headers.get('content-type') } }).blob();
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new ApiError('network', { code: 'network' });
  }
  saveAs(blob, name);
}

/** As `fetchFile`, saying what went wrong. */
export async function download(path, query, name) {
  try {
    await fetchFile(path, query, name);
  } catch (error) {
    notifyError(error, t('error.title'));
  }
}
