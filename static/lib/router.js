// Routes live in the hash, `#/keys/12?state=cooling`, so that the server needs to know none of them and links work from a file.
import { signal } from '@preact/signals';

function read() {
  const [path, search = ''] = location.hash.replace(/^#\/?/, '').split('?');
  const [page = '', ...rest] = path.split('/').filter(Boolean).map(decodeURIComponent);
  return { page, rest, query: Object.fromEntries(new URLSearchParams(search)) };
}

/** Where we are: `page`, the further path segments `rest`, and the `query`. */
export const route = signal(read());

addEventListener('hashchange', () => {
  route.value = read();
});

/** The hash of a page: path segments and a query without its empty members. */
export function href(path, query = {}) {
  const segments = [].concat(path).map((segment) => encodeURIComponent(segment)).join('/');
  const members = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== '');
  const search = new URLSearchParams(members.map(([name, value]) => [name, String(value)])).toString();
  return `#/${segments}${search ? `?${search}` : ''}`;
}

/** Goes somewhere; `replace` leaves no entry in the history. */
export function go(hash, { replace = false } = {}) {
  if (hash === location.hash) return;
  if (replace) history.replaceState(history.state, '', hash);
  else history.pushState(null, '', hash);
  route.value = read();
}

addEventListener('popstate', () => {
  route.value = read();
});

/** Changes members of the query on the page where we are; empty ones leave the address. */
export function setQuery(changes, options = { replace: true }) {
  const { page, rest, query } = route.peek();
  go(href([page, ...rest], { ...query, ...changes }), options);
}
