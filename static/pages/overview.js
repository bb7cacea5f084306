// Overview: what came in, how it went, what it cost, and which keys carry it.
import { later } from '../components/later.js';
import { RangePicker } from '../components/range-picker.js';
import { PageHead } from '../components/shell.js';
import { Answer, Skeleton } from '../components/states.js';
import { t } from '../lib/i18n.js';
import { useQuery } from '../lib/query.js';
import { rangeQuery, totalsQuestion } from '../lib/range.js';
import { html } from '../lib/ui.js';
import { GroupChoice } from './overview/groups.js';
import { Health } from './overview/health.js';
import { useReloads } from './overview/pace.js';
import { Tiles } from './overview/tiles.js';

/** Loaded when the first figures are there: a slow machine shows those before it reads how to draw charts. */
const More = later(() => import('./overview/more.js'), 'More', () => html`<${Skeleton} kind="chart" rows=${1} />`);

export default function Overview() {
  const query = rangeQuery.value;
  const totals = useQuery(...totalsQuestion.value);
  const series = useQuery('api/stats/series', query);
  useReloads(totals, series);
  // What lies below waits until the figures are there: the browser asks few questions at once.
  const isThere = Boolean(totals.data || totals.error);
  const isEmpty = totals.data && totals.data.total.calls === 0;
  return html`
    <div class="page overview">
      <${PageHead} title=${t('nav.overview')}><${GroupChoice} /><${RangePicker} /><//>
      <${Answer} of=${totals} skeleton="tiles" rows=${6}>${(data) => html`<${Tiles} totals=${data} series=${series.data} />`}<//>
      <${Health} />
      ${isThere && html`<${More} ...${{ query, series, isEmpty }} />`}
    </div>`;
}
