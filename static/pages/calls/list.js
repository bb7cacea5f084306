// The calls of a question: page after page, and new ones as they end.
import { api } from '../../lib/api.js';
import { liveGaps, useLive } from '../../lib/live.js';
import { useEffect, useMemo, useRef, useState } from '../../lib/ui.js';

const PAGE = 100;
/** Most calls that are kept while they stream in; older ones are asked for again by scrolling. */
const MOST = 5000;
/** So often are held calls shown: a row a frame would be unreadable. */
const BEAT = 500;
/** So long after the pointer has moved over the list do its rows hold still, so that what is aimed at is hit. */
const AIM = 1500;

let aimedAt = -Infinity;
for (const event of ['pointermove', 'pointerdown']) {
  addEventListener(event, ({ target, timeStamp }) => {
    if (target.closest?.('.table-room')) aimedAt = timeStamp;
  }, { passive: true });
}
const isAimed = () => performance.now() - aimedAt < AIM;

/** Filters that a call's line can tell; the others need the server. */
const TELLS = {
  outcome: (call, wanted) => [].concat(wanted).includes(call.outcome),
  model: (call, wanted) => call.model === wanted,
  served_model: (call, wanted) => call.served_model === wanted,
  error_code: (call, wanted) => call.error_code === wanted,
  api: (call, wanted) => call.api === wanted,
  client: (call, wanted) => String(call.client?.id) === String(wanted),
  key: (call, wanted) => String(call.key?.id) === String(wanted),
  provider: (call, wanted) => String(call.provider?.id) === String(wanted),
  stream: (call, wanted) => String(call.stream) === String(wanted),
  probe: (call, wanted) => String(call.probe) === String(wanted),
  min_attempts: (call, wanted) => call.attempt_count >= wanted,
  max_attempts: (call, wanted) => call.attempt_count <= wanted,
  min_duration_ms: (call, wanted) => call.duration_ms >= wanted,
  max_duration_ms: (call, wanted) => call.duration_ms <= wanted,
  // What is not known is neither more nor less than anything.
  min_cost_usd: (call, wanted) => call.cost_usd !== null && call.cost_usd >= wanted,
  max_cost_usd: (call, wanted) => call.cost_usd !== null && call.cost_usd <= wanted,
  min_tokens: (call, wanted) => call.input !== null && call.input + (call.output ?? 0) >= wanted,
  max_tokens: (call, wanted) => call.input !== null && call.input + (call.output ?? 0) <= wanted,
  tag: (call, wanted) => [].concat(wanted).every((tag) => call.tags.includes(tag)),
  status: (call, wanted) => fitsStatus(call.status, wanted),
};
const OF_TIME = ['range', 'from', 'to', 'zone'];

function fitsStatus(status, wanted) {
  if (/^\dxx$/i.test(wanted)) return String(status)[0] === wanted[0];
  const [low, high = low] = wanted.split('-').map(Number);
  return status >= low && status <= high;
}

/** Whether a question also takes calls that end from now on, and its filters can be told from a line. */
const canFollow = (asked) =>
  asked.range !== 'yesterday' && !asked.to && Object.keys(asked).every((name) => OF_TIME.includes(name) || name in TELLS);

const fits = (call, asked) => Object.entries(asked).every(([name, wanted]) => OF_TIME.includes(name) || TELLS[name](call, wanted));

const EMPTY = { calls: [], pending: [], cursor: null, since: null, unreadable: [], loading: true, error: null, fresh: new Set() };

/**
 * The calls that `asked` finds. `stale` says that those in `calls` answer another question, or are of `at` because a newer answer
 * could not be had; `pending` are new ones that are not shown yet.
 */
export function useCalls(asked, paused) {
  const key = JSON.stringify(asked);
  const [state, setState] = useState(EMPTY);
  const [round, setRound] = useState(0);
  const asking = useRef(null);
  const follows = useMemo(() => canFollow(asked), [key]);

  const load = async (cursor, old) => {
    asking.current?.abort();
    const stop = new AbortController();
    asking.current = stop;
    setState((now) => ({ ...now, loading: true, error: null }));
    try {
      const page = await api.get('api/calls', { ...asked, limit: PAGE, cursor }, { signal: stop.signal });
      setState((now) => ({
        ...now, loading: false, of: key, at: Date.now(), cursor: page.next_cursor, unreadable: page.unreadable, since: page.calls.length ? null : sinceOf(page.next_cursor),
        calls: old ? merged(now.calls, page.calls) : page.calls, pending: old ? now.pending : [],
      }));
    } catch (error) {
      if (error.name !== 'AbortError') setState((now) => ({ ...now, loading: false, error }));
    } finally {
      if (asking.current === stop) asking.current = null;
    }
  };

  const buffer = useRef([]);
  useEffect(() => {
    // What is held back fits the question before, not this one.
    buffer.current = [];
    setState((now) => ({ ...EMPTY, calls: now.calls, of: now.of, at: now.at }));
    load(undefined, false);
    return () => asking.current?.abort();
  }, [key, round, liveGaps.value]);

  useLive(({ call }) => call && follows && fits(call, asked) && buffer.current.push(call));
  const rest = useRef();
  rest.current = paused;
  useEffect(() => {
    const timer = setInterval(() => {
      if (!buffer.current.length || asking.current || isAimed()) return;
      const arrived = buffer.current.reverse();
      buffer.current = [];
      const holds = rest.current || document.getElementById('main').scrollTop > 240;
      setState((now) => (holds ? { ...now, pending: merged(arrived, now.pending) } : taken(now, merged(arrived, now.pending))));
    }, BEAT);
    return () => clearInterval(timer);
  }, []);

  const more = () => state.cursor && !asking.current && !state.error && load(state.cursor, true);
  const retry = () => load(state.cursor ?? undefined, Boolean(state.cursor));
  const take = () => {
    document.getElementById('main').scrollTo(0, 0);
    setState((now) => taken(now, now.pending));
  };
  const stale = state.calls.length > 0 && (state.of !== key || Boolean(state.error));
  return { ...state, stale, follows, more: state.error ? retry : more, take, reload: () => setRound((old) => old + 1) };
}

const taken = (now, arrived) => ({ ...now, calls: ordered(merged(arrived, now.calls)).slice(0, MOST), pending: [], fresh: new Set(arrived.map((call) => call.id)) });

/** Both lists, each call once. */
function merged(first, second) {
  const known = new Set(first.map((call) => call.id));
  return [...first, ...second.filter((call) => !known.has(call.id))];
}

/** The newest first, as the server lists them: ids begin with the time. Calls end in another order than they begin. */
const ordered = (calls) => calls.sort((one, other) => (one.id < other.id ? 1 : -1));

/** The time inside a cursor, which is a call's id. */
function sinceOf(cursor) {
  const ms = cursor && parseInt(cursor.replaceAll('-', '').slice(0, 12), 16);
  return ms ? new Date(ms).toLocaleString() : null;
}
