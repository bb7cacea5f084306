// The figures of the whole stretch, each against the stretch before and each leading to its calls.
import { Delta, Tile } from '../../components/figures.js';
import { compact, cost, lacksPrice, percent, span } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { range } from '../../lib/range.js';
import { href } from '../../lib/router.js';
import { html } from '../../lib/ui.js';
import { FAILED } from '../../lib/words.js';

const share = (part, whole) => (whole ? part / whole : null);

const calls = (more = {}) => href('calls', { ...range.value, ...more });
const delta = (now, then, good) => html`<${Delta} now=${now} before=${then} good=${good} />`;

/** Half and 95 of 100, each with its change. */
const Durations = ({ label, now, before, spark, filter }) => html`
  <${Tile} label=${label} value=${span(now?.p50)} href=${calls(filter)} spark=${spark} delta=${delta(now?.p50, before?.p50, 'down')}
    hint=${html`p95 ${span(now?.p95)} ${delta(now?.p95, before?.p95, 'down')}`} />`;

export function Tiles({ totals, series }) {
  const { total, former } = totals;
  const before = former?.sums;
  const line = series?.series[0];
  const success = share(total.outcomes.success, total.calls);
  const tokens = total.input + total.output;
  return html`
    <div class="tiles tiles-full">
      <${Tile} label=${t('overview.calls')} value=${compact(total.calls)} href=${calls()} spark=${line?.calls}
        delta=${delta(total.calls, before?.calls)} hint=${total.retried ? t('overview.retried', { n: total.retried }) : ''} />
      <${Tile} label=${t('overview.success')} value=${percent(success, 2)} href=${calls({ outcome: FAILED.join(',') })}
        spark=${line?.calls.map((count, at) => count - line.succeeded[at])} tone=${success !== null && success < 0.9 ? 'bad' : undefined}
        delta=${delta(success, share(before?.outcomes.success, before?.calls), 'up')} hint=${t('overview.failed', { n: total.calls - total.outcomes.success })} />
      <${Tile} label=${t('overview.tokens')} value=${compact(tokens)} href=${calls()} spark=${line?.input.map((count, at) => count + line.output[at])}
        delta=${delta(tokens, before && before.input + before.output)}
        hint=${t('overview.tokens_split', { input: compact(total.input), output: compact(total.output), share: percent(share(total.cached_read, total.input), 0) })} />
      <${Tile} label=${t('overview.cost')} value=${cost(total)} href=${lacksPrice(total) ? href('models') : calls()} spark=${line?.cost_usd}
        delta=${delta(total.cost_usd, before?.cost_usd)} hint=${total.unpriced ? t(total.cost_usd ? 'overview.unpriced' : 'overview.set_prices', { n: total.unpriced }) : ''} />
      <${Durations} label=${t('overview.first_token')} now=${total.first_token_ms} before=${before?.first_token_ms} spark=${line?.first_token_p50_ms} filter=${{ stream: true }} />
      <${Durations} label=${t('overview.latency')} now=${total.latency_ms} before=${before?.latency_ms} spark=${line?.latency_p50_ms} />
    </div>`;
}
