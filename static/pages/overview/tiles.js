// The figures of the whole stretch, each against the stretch before and each leading to its calls.
import { Delta, Tile } from '../../components/figures.js';
import { compact, money, NOTHING, percent, span } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { range } from '../../lib/range.js';
import { href } from '../../lib/router.js';
import { html } from '../../lib/ui.js';
import { FAULTS } from '../../lib/words.js';

const share = (part, whole) => (whole ? part / whole : null);

/** Cost in words: what is known, and how many calls lack a price. */
const costOf = (sums) => (sums.cost_usd === 0 && sums.unpriced > 0 ? NOTHING : money(sums.cost_usd));

export function Tiles({ totals, series }) {
  const { total, former } = totals;
  const before = former?.sums;
  const line = series?.series[0];
  const calls = (more = {}) => href('calls', { ...range.value, ...more });
  const success = share(total.outcomes.success, total.calls);
  const tokens = total.input + total.output;
  const delta = (now, then, good) => html`<${Delta} now=${now} before=${then} good=${good} />`;
  return html`
    <div class="tiles">
      <${Tile} label=${t('overview.calls')} value=${compact(total.calls)} href=${calls()} spark=${line?.calls}
        delta=${delta(total.calls, before?.calls)} hint=${total.retried ? t('overview.retried', { n: total.retried }) : ''} />
      <${Tile} label=${t('overview.success')} value=${percent(success, 2)} href=${calls({ outcome: FAULTS.join(',') })}
        spark=${line?.calls.map((count, at) => count - line.succeeded[at])} tone=${success !== null && success < 0.9 ? 'bad' : undefined}
        delta=${delta(success, share(before?.outcomes.success, before?.calls), 'up')} hint=${t('overview.failed', { n: total.calls - total.outcomes.success })} />
      <${Tile} label=${t('overview.tokens')} value=${compact(tokens)} href=${calls()} spark=${line?.input.map((count, at) => count + line.output[at])}
        delta=${delta(tokens, before && before.input + before.output)} hint=${t('overview.cached', { share: percent(share(total.cached_read, total.input), 0) })} />
      <${Tile} label=${t('overview.cost')} value=${costOf(total)} href=${calls({ sort: 'cost' })} spark=${line?.cost_usd}
        delta=${delta(total.cost_usd, before?.cost_usd)} hint=${total.unpriced ? t('overview.unpriced', { n: total.unpriced }) : ''} />
      <${Tile} label=${t('overview.first_token')} value=${span(total.first_token_ms?.p50)} href=${calls({ stream: true })} spark=${line?.first_token_p50_ms}
        delta=${delta(total.first_token_ms?.p50, before?.first_token_ms?.p50, 'down')} hint=${`p95 ${span(total.first_token_ms?.p95)}`} />
      <${Tile} label=${t('overview.latency')} value=${span(total.latency_ms?.p50)} href=${calls()} spark=${line?.latency_p50_ms}
        delta=${delta(total.latency_ms?.p50, before?.latency_ms?.p50, 'down')} hint=${`p95 ${span(total.latency_ms?.p95)}`} />
    </div>`;
}
