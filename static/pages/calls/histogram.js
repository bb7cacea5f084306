// When the calls that match began, by how they ended.
import { Chart } from '../../components/chart.js';
import { Answer } from '../../components/states.js';
import { dateTime, number } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { useQuery } from '../../lib/query.js';
import { chooseSpan } from '../../lib/range.js';
import { html } from '../../lib/ui.js';
import { OUTCOMES, OUTCOME_COLOURS, outcomeName } from '../../lib/words.js';

const EVERY = 10_000;

/** Looking through bodies takes its time: such a question is put once. */
export function Histogram({ asked }) {
  const counts = useQuery('api/calls/histogram', asked, { every: asked.text ? null : EVERY });
  return html`<${Answer} of=${counts} skeleton="chart" rows=${1}>${(data) => {
    const byOutcome = new Map(data.series.map((one) => [one.outcome, one.calls]));
    const series = OUTCOMES.filter((name) => byOutcome.has(name)).map((name) => ({ name: outcomeName(name), colour: OUTCOME_COLOURS[name], values: byOutcome.get(name) }));
    const isCut = data.counted_from !== null;
    return html`<${Chart} title=${t('nav.calls')} total=${`${number(data.total)}${isCut ? '+' : ''}`} buckets=${data.buckets} series=${series} stacked format=${(value) => number(value)}
      zoom=${chooseSpan} height=${84} note=${isCut && t('calls.counted_from', { time: dateTime(data.counted_from) })} />`;
  }}<//>`;
}
