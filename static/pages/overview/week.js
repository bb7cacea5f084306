// When in the week calls come: every hour of it as a shade, or as figures.
import { Button } from '../../components/basics.js';
import { Answer } from '../../components/states.js';
import { csv } from '../../lib/csv.js';
import { clockHour, compact, number, percent, weekday } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { useQuery } from '../../lib/query.js';
import { range, zone } from '../../lib/range.js';
import { saveAs } from '../../lib/save.js';
import { html, useState } from '../../lib/ui.js';

/** Stretches of whole weeks; of a shorter one the last 30 days are shown. */
const WEEKS = ['7d', '30d'];
const SHADES = 5;
const DAYS = [1, 2, 3, 4, 5, 6, 7];
const HOURS = Array.from({ length: 24 }, (_, hour) => hour);

export function Week() {
  const shown = WEEKS.includes(range.value.range) ? range.value.range : '30d';
  const answer = useQuery('api/stats/heatmap', { range: shown, zone: zone.value }, { every: 300_000 });
  const [asTable, setAsTable] = useState(false);
  return html`
    <figure class="chart panel week">
      <figcaption>
        <h2>${t('overview.week')} <span class="hint">${t('overview.week_hint', { range: t(`range.${shown}`) })}</span></h2>
        <span class="row">${asTable && answer.data && html`<${Button} small kind="quiet" icon="download" onClick=${() => save(answer.data.hours)}>CSV<//>`}
          <${Button} small kind="quiet" aria-pressed=${asTable} onClick=${() => setAsTable(!asTable)}>${t(asTable ? 'chart.as_chart' : 'chart.as_table')}<//></span>
      </figcaption>
      <${Answer} of=${answer} skeleton="chart" rows=${1}>${({ hours }) => html`<${Hours} hours=${hours} asTable=${asTable} />`}<//>
    </figure>`;
}

/** Calls in such an hour on average; one that the stretch has not had yet has none. */
const mean = ({ calls, times }) => (times ? calls / times : 0);
const brief = (value) => (value < 100 ? number(value, 1) : compact(Math.round(value)));

function save(hours) {
  const rows = hours.map((one) => [one.weekday, one.hour, one.times, one.calls, one.succeeded, one.input, one.output, one.cost_usd]);
  saveAs(new Blob([csv([['weekday', 'hour', 'times', 'calls', 'succeeded', 'input', 'output', 'cost_usd'], ...rows])], { type: 'text/csv' }), 'week.csv');
}

function Hours({ hours, asTable }) {
  const at = (day, hour) => hours[(day - 1) * 24 + hour];
  const most = Math.max(...hours.map(mean));
  const shade = (one) => (mean(one) > 0 ? Math.max(1, Math.ceil((mean(one) / most) * SHADES)) : 0);
  const says = (one) => t('overview.week_cell', { time: `${weekday(one.weekday)} ${clockHour(one.hour)}`, calls: number(mean(one), 1), success: one.calls ? percent(one.succeeded / one.calls) : number(0) });
  return html`
    <div class="week-room" tabindex="0" role="region" aria-label=${t('overview.week')}>
      <table class=${asTable ? 'week-figures' : 'week-shades'}><caption class="sr-only">${t('overview.week')}</caption>
        <thead><tr><th scope="col"><span class="sr-only">${t('overview.week_day')}</span></th>${HOURS.map((hour) => html`<th scope="col" key=${hour}><span class=${!asTable && hour % 3 ? 'sr-only' : undefined}>${hour}</span></th>`)}</tr></thead>
        <tbody>${DAYS.map((day) => html`<tr key=${day}><th scope="row">${weekday(day)}</th>
          ${HOURS.map((hour) => html`<td key=${hour} class="shade-${shade(at(day, hour))}" title=${says(at(day, hour))}><span class=${asTable ? undefined : 'sr-only'}>${brief(mean(at(day, hour)))}</span></td>`)}</tr>`)}</tbody>
      </table>
    </div>
    ${!asTable && html`<p class="week-scale hint" aria-hidden="true">${t('overview.week_least')} ${Array.from({ length: SHADES + 1 }, (_, level) => html`<i key=${level} class="shade-${level}"></i>`)} ${t('overview.week_most', { n: brief(most) })}</p>`}`;
}
