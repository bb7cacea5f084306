// What lies below the first figures: charts, who used most, and when in the week.
import { Answer } from '../../components/states.js';
import { useQuery } from '../../lib/query.js';
import { html } from '../../lib/ui.js';
import { CallsChart, CostChart, LatencyChart, TokensChart } from './charts.js';
import { RecentFaults } from './faults.js';
import { NoCalls } from './first-call.js';
import { groupOf } from './groups.js';
import { useReloads } from './pace.js';
import { Tops } from './tops.js';
import { Week } from './week.js';

/** Members with a series of their own in a chart. */
const MEMBERS = 8;

/** `series` is the answer without groups, which the figures above live on as well. */
export const More = ({ query, series, isEmpty }) => html`
  ${isEmpty ? html`<${NoCalls} />` : html`<${Charts} query=${query} series=${series} /><${Tops} query=${query} /><${Week} />`}
  <${RecentFaults} query=${query} />`;

function Charts({ query, series }) {
  const by = groupOf();
  const grouped = (usual, rank) => ({ ...query, by: by ?? usual, rank: by ? rank : undefined, top: MEMBERS });
  const calls = useQuery('api/stats/series', grouped('outcome', 'calls'));
  const costs = useQuery('api/stats/series', { ...grouped('model'), rank: 'cost' });
  const tokens = useQuery(by ? 'api/stats/series' : null, grouped(by, 'tokens'));
  useReloads(calls, costs, by && tokens);
  return html`
    <div class="grid-2">
      <${Answer} of=${calls} skeleton="chart" rows=${1}>${(data) => html`<${CallsChart} data=${data} />`}<//>
      <${Answer} of=${costs} skeleton="chart" rows=${1}>${(data) => html`<${CostChart} data=${data} />`}<//>
      <${Answer} of=${by ? tokens : series} skeleton="chart" rows=${1}>${(data) => html`<${TokensChart} data=${data} />`}<//>
      <${Answer} of=${by ? calls : series} skeleton="chart" rows=${1}>${(data) => html`<${LatencyChart} data=${data} />`}<//>
    </div>`;
}
