// The charts of the overview. A piece that is drawn out becomes the stretch of the whole page.
import { Chart } from '../../components/chart.js';
import { Menu, MenuEntry } from '../../components/menu.js';
import { SERIES } from '../../lib/chart.js';
import { compact, money, number, span } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { chooseSpan } from '../../lib/range.js';
import { route, setQuery } from '../../lib/router.js';
import { html } from '../../lib/ui.js';
import { OUTCOME_COLOURS, OUTCOMES, outcomeName } from '../../lib/words.js';

const sum = (values) => values.reduce((all, value) => all + (value ?? 0), 0);

export function CallsChart({ data }) {
  const byName = new Map(data.series.map((one) => [one.name, one]));
  const series = OUTCOMES.filter((name) => byName.has(name)).map((name) => ({ name: outcomeName(name), colour: OUTCOME_COLOURS[name], values: byName.get(name).calls }));
  return html`<${Chart} title=${t('overview.calls')} total=${compact(sum(data.series.map((one) => one.sums.calls)))} buckets=${data.buckets} series=${series} stacked
    format=${(value) => number(value)} zoom=${chooseSpan} />`;
}

const GROUPS = ['model', 'key', 'client', 'provider'];

/** By what the cost is shown; stands in the address. */
export const groupOf = () => (GROUPS.includes(route.value.query.by) ? route.value.query.by : 'model');

const GroupChoice = () => html`
  <${Menu} small quiet title=${t('overview.group_by')} label=${t(`overview.by_${groupOf()}`)}>${(close) => GROUPS.map((name) => html`
    <${MenuEntry} key=${name} close=${close} chosen=${groupOf() === name} run=${() => setQuery({ by: name === 'model' ? null : name })}>${t(`overview.by_${name}`)}<//>`)}<//>`;

export function CostChart({ data }) {
  const series = data.series.filter((one) => one.sums.cost_usd > 0).map((one, at) => ({
    name: one.is_others ? t('chart.others') : one.name ?? t('chart.none'),
    colour: one.is_others ? 'series-others' : SERIES[at % SERIES.length],
    values: one.cost_usd,
  }));
  const unpriced = sum(data.series.map((one) => one.sums.unpriced));
  return html`<${Chart} tools=${html`<${GroupChoice} />`} title=${t('overview.cost')} total=${money(sum(data.series.map((one) => one.sums.cost_usd)))} buckets=${data.buckets} series=${series} stacked
    format=${money} zoom=${chooseSpan} note=${unpriced > 0 && html`${t('overview.unpriced', { n: unpriced })} · <a href="#/models">${t('overview.set_price')}</a>`} />`;
}

export function TokensChart({ data }) {
  const [line] = data.series;
  const series = [
    { name: t('tokens.cached'), colour: 'series-3', values: line.cached_read },
    { name: t('tokens.input'), colour: 'series-1', values: line.input.map((count, at) => Math.max(0, count - line.cached_read[at])) },
    { name: t('tokens.output'), colour: 'series-2', values: line.output },
  ];
  return html`<${Chart} title=${t('overview.tokens')} total=${compact(line.sums.input + line.sums.output)} buckets=${data.buckets} series=${series} stacked
    format=${compact} zoom=${chooseSpan} />`;
}

export function LatencyChart({ data }) {
  const [line] = data.series;
  const series = [
    { name: t('overview.latency_p95'), colour: 'series-2', values: line.latency_p95_ms, dashed: true },
    { name: t('overview.latency_p50'), colour: 'series-2', values: line.latency_p50_ms },
    { name: t('overview.first_token_p95'), colour: 'series-1', values: line.first_token_p95_ms, dashed: true },
    { name: t('overview.first_token_p50'), colour: 'series-1', values: line.first_token_p50_ms },
  ];
  return html`<${Chart} kind="line" title=${t('overview.durations')} buckets=${data.buckets} series=${series} format=${span} zoom=${chooseSpan} />`;
}
