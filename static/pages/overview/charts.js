// The charts of the overview. A piece that is drawn out becomes the stretch of the whole page; a figure leads to its calls.
import { Chart } from '../../components/chart.js';
import { compact, cost, money, number, span } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { chooseSpan } from '../../lib/range.js';
import { html } from '../../lib/ui.js';
import { OUTCOME_COLOURS, OUTCOMES, outcomeName } from '../../lib/words.js';
import { callsOf, groupOf, seriesOf } from './groups.js';

const sum = (values) => values.reduce((all, value) => all + (value ?? 0), 0);
const both = (one, another) => one.map((value, at) => value + another[at]);
const usual = { zoom: chooseSpan, link: callsOf };

/** By outcome, unless it is grouped. */
export function CallsChart({ data }) {
  const byName = new Map(data.series.map((one) => [one.name, one]));
  const outcomes = () => OUTCOMES.filter((name) => byName.has(name)).map((name) => ({ name: outcomeName(name), colour: OUTCOME_COLOURS[name], filter: { outcome: name }, values: byName.get(name).calls }));
  const series = groupOf() ? seriesOf(data.series.filter((one) => one.sums.calls > 0), groupOf(), (one) => one.calls) : outcomes();
  return html`<${Chart} title=${t('overview.calls')} total=${compact(sum(data.series.map((one) => one.sums.calls)))} buckets=${data.buckets} series=${series} stacked
    format=${(value) => number(value)} ...${usual} />`;
}

/** By model, unless it is grouped otherwise. */
export function CostChart({ data }) {
  const series = seriesOf(data.series.filter((one) => one.sums.cost_usd > 0), groupOf() ?? 'model', (one) => one.cost_usd);
  const sums = { cost_usd: sum(data.series.map((one) => one.sums.cost_usd)), unpriced: sum(data.series.map((one) => one.sums.unpriced)) };
  return html`<${Chart} title=${t('overview.cost')} total=${cost(sums)} buckets=${data.buckets} series=${series} stacked
    format=${money} ...${usual} note=${sums.unpriced > 0 && html`${t('overview.unpriced', { n: sums.unpriced })} · <a href="#/models">${t('overview.set_price')}</a>`} />`;
}

/** By kind of token, unless it is grouped. */
export function TokensChart({ data }) {
  const kinds = ([line]) => [
    { name: t('tokens.cached'), colour: 'series-3', values: line.cached_read },
    { name: t('tokens.input'), colour: 'series-1', values: line.input.map((count, at) => Math.max(0, count - line.cached_read[at])) },
    { name: t('tokens.output'), colour: 'series-2', values: line.output },
  ];
  const of = ({ sums }) => sums.input + sums.output;
  const series = groupOf() ? seriesOf(data.series.filter((one) => of(one) > 0), groupOf(), (one) => both(one.input, one.output)) : kinds(data.series);
  return html`<${Chart} title=${t('overview.tokens')} total=${compact(sum(data.series.map(of)))} buckets=${data.buckets} series=${series} stacked format=${compact} ...${usual} />`;
}

/** Of all calls; grouped, what 95 of 100 calls took. */
export function LatencyChart({ data }) {
  const lines = ([line]) => [
    { name: t('overview.latency_p95'), colour: 'series-2', values: line.latency_p95_ms, dashed: true },
    { name: t('overview.latency_p50'), colour: 'series-2', values: line.latency_p50_ms },
    { name: t('overview.first_token_p95'), colour: 'series-1', values: line.first_token_p95_ms, dashed: true },
    { name: t('overview.first_token_p50'), colour: 'series-1', values: line.first_token_p50_ms },
  ];
  const series = groupOf() ? seriesOf(data.series.filter((one) => !one.is_others && one.sums.latency_ms), groupOf(), (one) => one.latency_p95_ms) : lines(data.series);
  return html`<${Chart} kind="line" title=${t(groupOf() ? 'overview.latency_p95' : 'overview.durations')} buckets=${data.buckets} series=${series} format=${span} ...${usual} />`;
}
