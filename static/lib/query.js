// Questions to the server that a component lives on: answered from the last answer at once, asked again behind it.
import { useEffect, useRef, useState } from 'preact/hooks';
import { api } from './api.js';

const answers = new Map();
const MOST_ANSWERS = 60;
/** A question that has had no answer for so long is put anew: its connection may be dead. */
const PATIENCE = 60_000;

function remember(key, data) {
  answers.delete(key);
  answers.set(key, { data, at: Date.now() });
  if (answers.size > MOST_ANSWERS) answers.delete(answers.keys().next().value);
}

/** Questions that were put before the component is drawn that lives on their answers. */
const ahead = new Map();
const keyOf = (path, query) => path && `${path}?${JSON.stringify(query)}`;

/** Puts a question at once: whoever asks it first with `useQuery` gets this answer. */
export function askAhead(path, query) {
  const key = keyOf(path, query);
  const answer = api.get(path, query);
  ahead.set(key, answer);
  answer.then((data) => remember(key, data), () => {});
}

/** Forgets answers whose path starts so, after something was changed. */
export function forget(start) {
  for (const key of answers.keys()) if (key.startsWith(start)) answers.delete(key);
}

/**
 * Asks `GET path?query` and asks again every `every` milliseconds while the page is seen, but waits for a slow answer.
 * `data` is the last answer; `stale` says that it is of another question, or older than a failed one; `path` null asks nothing.
 * `reload` asks anew, as after a change; `refresh` only if no answer is on its way.
 */
export function useQuery(path, query = {}, options = {}) {
  return useAnswer(keyOf(path, query), (signal) => api.get(path, query, { signal }), options);
}

/** As `useQuery`, for a question that `ask(signal)` puts; `key` names it. */
export function useAnswer(key, ask, { every } = {}) {
  const [state, setState] = useState(() => ({ key, ...(answers.get(key) ?? {}) }));
  const [round, setRound] = useState(0);
  const question = useRef(ask);
  question.current = ask;
  const asking = useRef(null);
  const askedAt = useRef(0);
  useEffect(() => {
    if (!key) return undefined;
    const stop = new AbortController();
    asking.current = stop;
    askedAt.current = Date.now();
    const ends = () => {
      if (asking.current === stop) asking.current = null;
    };
    const known = answers.get(key);
    setState((old) => ({ ...old, ...(known ?? {}), dataKey: known ? key : old.dataKey, error: old.key === key ? old.error : undefined, key, loading: true }));
    const early = ahead.get(key);
    ahead.delete(key);
    (early ?? question.current(stop.signal)).then(
      (data) => {
        ends();
        remember(key, data);
        if (!stop.signal.aborted) setState({ key, dataKey: key, data, at: Date.now(), loading: false });
      },
      (error) => {
        ends();
        if (!stop.signal.aborted) setState((old) => ({ ...old, error, loading: false }));
      },
    );
    return () => {
      stop.abort();
      ends();
    };
  }, [key, round]);
  const reload = () => setRound((old) => old + 1);
  const refresh = () => (asking.current && Date.now() - askedAt.current < PATIENCE) || reload();
  useInterval(refresh, key ? every : null);
  const current = state.dataKey ?? (state.data ? state.key : undefined);
  const stale = state.data !== undefined && (current !== key || Boolean(state.error));
  return { data: state.data, at: state.at, error: state.error, loading: Boolean(key) && (state.loading ?? true), stale, reload, refresh };
}

/** Calls back every so many milliseconds while the page is seen, and when it is seen again. */
export function useInterval(callback, every) {
  const latest = useRef(callback);
  latest.current = callback;
  useEffect(() => {
    if (!every) return undefined;
    let last = Date.now();
    const tick = () => {
      if (document.hidden || Date.now() - last < every - 50) return;
      last = Date.now();
      latest.current();
    };
    const timer = setInterval(tick, every);
    document.addEventListener('visibilitychange', tick);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', tick);
    };
  }, [every]);
}

/** The value, once it has rested for so many milliseconds. */
export function useRested(value, ms = 250) {
  const [rested, setRested] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setRested(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return rested;
}
