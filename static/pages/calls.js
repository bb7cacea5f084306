// Calls: what came in, newest first, live; narrowed by filters that stand in the address.
import { Button, Icon } from '../components/basics.js';
import { RangePicker } from '../components/range-picker.js';
import { PageHead } from '../components/shell.js';
import { Empty, Failure, Skeleton, StaleNote, useSlow } from '../components/states.js';
import { Table } from '../components/table.js';
import { t } from '../lib/i18n.js';
import { liveState } from '../lib/live.js';
import { chooseRange, range, rangeQuery, wider } from '../lib/range.js';
import { href, route, setQuery } from '../lib/router.js';
import { stored } from '../lib/stored.js';
import { html, useEffect, useRef } from '../lib/ui.js';
import { CallCard, USUAL, columnsOf } from './calls/columns.js';
import { CallDrawer } from './calls/drawer.js';
import { ActionMenu } from './calls/actions.js';
import { FILTERS, Filters, askedFor } from './calls/filters.js';
import { Histogram } from './calls/histogram.js';
import { useCalls } from './calls/list.js';
import { ColumnMenu } from './calls/column-menu.js';

export const chosenColumns = stored('calls.columns', USUAL);
const paused = stored('calls.paused', false);

export default function Calls() {
  const { query, rest } = route.value;
  const asked = { ...rangeQuery.value, ...askedFor(query) };
  const list = useCalls(asked, paused.value);
  const isFiltered = Object.keys(askedFor(query)).length > 0;
  return html`
    <div class="page">
      <${PageHead} title=${t('nav.calls')} actions=${html`<${ColumnMenu} chosen=${chosenColumns} /><${ActionMenu} asked=${asked} deleted=${list.reload} />`}>
        ${list.follows && html`<${Button} small kind="quiet" icon=${paused.value ? 'play' : 'pause'} aria-pressed=${paused.value} onClick=${() => { paused.value = !paused.value; }}>
          <span class="wide-only">${t(paused.value ? 'calls.resume' : 'calls.pause')}</span><//>`}
        <${RangePicker} />
      <//>
      <${Histogram} asked=${asked} />
      <${Filters} />
      ${list.unreadable.map((day) => html`<p class="form-problem" key=${day.day}><${Icon} name="triangle-alert" />${t('calls.unreadable', { day: day.day, reason: day.reason })}</p>`)}
      <${Rows} list=${list} isFiltered=${isFiltered} />
      ${rest[0] && html`<${CallDrawer} id=${rest[0]} back=${href('calls', query)} step=${(by) => neighbour(list.calls, rest[0], by)} />`}
    </div>`;
}

const neighbour = (calls, id, by) => calls[calls.findIndex((call) => call.id === id) + by]?.id;

function Rows({ list, isFiltered }) {
  const { query, rest } = route.value;
  const columns = columnsOf().filter((column) => chosenColumns.value.includes(column.name));
  const open = (call) => href(['calls', call.id], query);
  const dim = useSlow(list.stale && !list.error, 300) || (list.stale && list.error);
  if (list.error && !list.calls.length) return html`<${Failure} error=${list.error} retry=${list.reload} />`;
  if (!list.calls.length && list.loading) return html`<${Skeleton} kind="table" rows=${12} />`;
  return html`
    ${list.pending.length > 0 && html`<button type="button" class="button primary small new-calls" onClick=${list.take}><${Icon} name="arrow-up" />${t('calls.new', { n: list.pending.length })}</button>`}
    ${list.error && html`<${StaleNote} at=${list.at} error=${list.error} reload=${list.more} />`}
    <div class=${dim ? 'is-stale' : 'is-fresh'} aria-busy=${dim && !list.error ? 'true' : undefined}>
    ${list.calls.length > 0 ? html`<${Table} label=${t('nav.calls')} columns=${columns} rows=${list.calls} open=${open} current=${rest[0]} cardHeight=${88}
      tone=${(call) => (list.fresh.has(call.id) ? 'is-new' : call.probe ? 'is-dim' : undefined)} card=${(call) => html`<${CallCard} call=${call} link=${open(call)} />`} />`
      : !list.cursor && html`<${Nothing} isFiltered=${isFiltered} />`}</div>
    <${End} list=${list} />`;
}

/** No call: the ways to more of them. */
function Nothing({ isFiltered }) {
  const next = wider(range.value);
  const clear = () => setQuery(Object.fromEntries(FILTERS.map((name) => [name, null])));
  return html`<${Empty} icon="activity" title=${t(isFiltered ? 'calls.no_match' : 'calls.none')} action=${html`
    ${isFiltered && html`<${Button} icon="x" onClick=${clear}>${t('calls.clear_filters')}<//>`}
    ${next && html`<${Button} icon="calendar" onClick=${() => chooseRange(next)}>${t('calls.widen', { range: t(`range.${next}`) })}<//>`}`}>
    ${t(isFiltered ? 'calls.no_match_hint' : 'calls.none_hint')}<//>`;
}

/** Asks for the next page when the end of the list comes into sight. */
function End({ list }) {
  const element = useRef();
  const more = useRef();
  more.current = list.more;
  useEffect(() => {
    if (!element.current) return undefined;
    const watcher = new IntersectionObserver(([entry]) => entry.isIntersecting && more.current(), { root: document.getElementById('main'), rootMargin: '600px' });
    watcher.observe(element.current);
    return () => watcher.disconnect();
  }, [list.cursor]);
  if (list.cursor) return html`<div ref=${element} class="list-end" role="status"><${Icon} name="loader-circle" size="spin" />${list.since && t('calls.searching', { time: list.since })}</div>`;
  return list.calls.length > 0 && html`<p class="list-end hint">${t('calls.end')}${liveState.value === 'waiting' && ` · ${t('live.waiting_hint')}`}</p>`;
}
