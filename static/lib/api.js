// The only place that asks the server anything.
import { csrf, demandSignIn, hasSession, maybeSignedIn, signedIn, token } from './session.js';

/** Why a question got no answer: `code`, a sentence for people, the form field at fault, what is wrong in scripts, and an id to look for in the log. */
export class ApiError extends Error {
  constructor(message, { status = 0, code = 'network', field = null, requestId = null, problems = [] } = {}) {
    super(message);
    Object.assign(this, { status, code, field, requestId, problems });
  }
}

/** The address of a path of this server, wherever the page lies. */
export const url = (path, query = {}) => {
  const address = new URL(path.replace(/^\//, ''), new URL('.', document.baseURI.split('#')[0]));
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== '') [].concat(value).forEach((one) => address.searchParams.append(name, one));
  }
  return address;
};

function headers(extra) {
  const all = { accept: 'application/json', ...extra };
  if (token.peek()) all.authorization = `Bearer ${token.peek()}`;
  if (csrf.peek()) all['x-csrf-token'] = csrf.peek();
  return all;
}

/** Whether somebody has signed in anew in another tab, so that our guard of writes is an old one. */
const isOfOldSession = async (response) => response.status === 403 && (await response.clone().json().catch(() => null))?.error?.code === 'csrf';

/** Sends a request and gives the response back, whatever its status. `etag` changes only that version, `absent` makes only what is not there. A 401 waits until someone has signed in. */
export async function send(method, path, { query, body, etag, absent, signal, patient = true, accept } = {}) {
  for (let renewed = false; ;) {
    const extra = {};
    if (body !== undefined) extra['content-type'] = 'application/json';
    if (etag !== undefined) extra['if-match'] = `"${etag}"`;
    if (absent) extra['if-none-match'] = '*';
    if (accept) extra.accept = accept;
    let response;
    try {
      response = await fetch(url(path, query), {
        method, signal, headers: headers(extra), body: body === undefined ? undefined : JSON.stringify(body), cache: 'no-store',
      });
    } catch (error) {
      if (error.name === 'AbortError') throw error;
      throw new ApiError('network', { code: 'network' });
    }
    if (!renewed && (await isOfOldSession(response))) {
      renewed = true;
      const session = await currentSession();
      if (session) signedIn(session);
    } else if (response.status === 401 && patient) await demandSignIn();
    else return response;
  }
}

/** Sends a request and reads its JSON answer. */
export async function request(method, path, options = {}) {
  const response = await send(method, path, options);
  if (response.status === 204) return null;
  if (!response.ok) throw await failureOf(response);
  return response.json();
}

/** The error that an answer tells of. */
export async function failureOf(response) {
  const answer = await response.json().catch(() => null);
  const { message = response.statusText || `HTTP ${response.status}`, code = `http_${response.status}`, field, problems } = answer?.error ?? {};
  return new ApiError(message, { status: response.status, code, field, problems, requestId: response.headers.get('x-request-id') });
}

export const api = {
  get: (path, query, options) => request('GET', path, { query, ...options }),
  post: (path, body, options) => request('POST', path, { body, ...options }),
  put: (path, body, options) => request('PUT', path, { body, ...options }),
  patch: (path, body, options) => request('PATCH', path, { body, ...options }),
  delete: (path, options) => request('DELETE', path, options),
};

/** Every entry of a list, page after page. */
export async function everything(path, member, query = {}, { signal, onPage } = {}) {
  const all = [];
  let cursor;
  do {
    const page = await api.get(path, { limit: 1000, ...query, cursor }, { signal });
    all.push(...page[member]);
    cursor = page.next_cursor;
    if (cursor) onPage?.(all);
  } while (cursor);
  return all;
}

/** Who is signed in, if anyone. Nobody is asked for where no one has signed in with this browser. */
export async function currentSession() {
  if (!maybeSignedIn()) return null;
  try {
    return await request('GET', 'api/session', { patient: false });
  } catch (error) {
    if (error.status === 401) hasSession.value = false;
    if (error.status === 401) token.value = null;
    return null;
  }
}

/** Sends a request whose answer is an event stream; `onEvent` gets the JSON of each event. Ends with the stream. */
export async function follow(method, path, options, onEvent) {
  const response = await send(method, path, { accept: 'text/event-stream', ...options });
  if (!response.ok) throw await failureOf(response);
  options.onOpen?.();
  const { createParser } = await import('eventsource-parser');
  const parser = createParser({ onEvent: ({ data }) => onEvent(JSON.parse(data)) });
  const text = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let piece = await text.read(); !piece.done; piece = await text.read()) parser.feed(piece.value);
}
