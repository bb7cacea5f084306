// Overview: what came in, how it went, what it cost, and which keys carry it.
import { Answer } from '../components/states.js';
import { CallsChart, CostChart, LatencyChart, TokensChart } from './overview/charts.js';
import { GroupChoice, groupOf } from './overview/groups.js';
import { Health } from './overview/health.js';
import { PageHead } from '../components/shell.js';
import { RangePicker } from '../components/range-picker.js';
import { RecentFaults } from './overview/faults.js';
import { Tiles } from './overview/tiles.js';
import { Tops } from './overview/tops.js';
import { NoCalls } from './overview/first-call.js';
import { Week } from './overview/week.js';
import { t } from '../lib/i18n.js';
import { useLive } from '../lib/live.js';
import { useQuery } from '../lib/query.js';
import { range, rangeQuery } from '../lib/range.js';
import { html, useEffect, useRef } from '../lib/ui.js';

/** Members with a series of their own in a chart. */
const MEMBERS = 8;
/** At most so often are the figures asked again while calls come in. */
const PACE = 5000;

/** Calls back soon after a call has ended, but not more often than the pace. */
function useCallsEnding(callback) {
  const state = useRef(null);
  state.current ??= { timer: null, last: Date.now() };
  useLive(() => {
    const { current } = state;
    if (current.timer || document.hidden) return;
    current.timer = setTimeout(() => {
      current.timer = null;
      current.last = Date.now();
      callback();
    }, Math.max(400, PACE - (Date.now() - current.last)));
  });
  useEffect(() => () => clearTimeout(state.current.timer), []);
}

export default function Overview() {
  const query = rangeQuery.value;
  const totals = useQuery('api/stats/totals', { ...query, former: true });
  const series = useQuery('api/stats/series', query);
  const by = groupOf();
  const grouped = (usual, rank) => ({ ...query, by: by ?? usual, rank: by ? rank : undefined, top: MEMBERS });
  const calls = useQuery('api/stats/series', grouped('outcome', 'calls'));
  const costs = useQuery('api/stats/series', { ...grouped('model'), rank: 'cost' });
  const tokens = useQuery(by ? 'api/stats/series' : null, grouped(by, 'tokens'));
  const reloads = [totals, series, calls, costs, ...(by ? [tokens] : [])];
  const isRunning = range.value.range && range.value.range !== 'yesterday';
  useCallsEnding(() => isRunning && reloads.forEach((answer) => answer.reload()));
  // What lies below waits until the figures are there: the browser asks few questions at once.
  const isThere = Boolean(totals.data || totals.error);
  const isEmpty = totals.data && totals.data.total.calls === 0;
  return html`
    <div class="page overview">
      <${PageHead} title=${t('nav.overview')}><${GroupChoice} /><${RangePicker} /><//>
      <${Answer} of=${totals} skeleton="tiles" rows=${6}>${(data) => html`<${Tiles} totals=${data} series=${series.data} />`}<//>
      <${Health} />
      ${isEmpty ? html`<${NoCalls} />` : html`
        <div class="grid-2">
          <${Answer} of=${calls} skeleton="chart" rows=${1}>${(data) => html`<${CallsChart} data=${data} />`}<//>
          <${Answer} of=${costs} skeleton="chart" rows=${1}>${(data) => html`<${CostChart} data=${data} />`}<//>
          <${Answer} of=${by ? tokens : series} skeleton="chart" rows=${1}>${(data) => html`<${TokensChart} data=${data} />`}<//>
          <${Answer} of=${by ? calls : series} skeleton="chart" rows=${1}>${(data) => html`<${LatencyChart} data=${data} />`}<//>
        </div>
        ${isThere && html`<${Tops} query=${query} /><${Week} />`}`}
      ${isThere && html`<${RecentFaults} query=${query} />`}
    </div>`;
}
