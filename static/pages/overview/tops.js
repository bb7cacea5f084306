// Who used most: models, keys and clients, by calls or by cost.
import { Meter } from '../../components/figures.js';
import { Answer } from '../../components/states.js';
import { compact, lacksPrice, money, NOTHING, percent } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { useQuery } from '../../lib/query.js';
import { range } from '../../lib/range.js';
import { href, route, setQuery } from '../../lib/router.js';
import { html } from '../../lib/ui.js';
import { FAILED } from '../../lib/words.js';
import { GROUPS, filterOf } from './groups.js';

const RANKS = ['calls', 'cost', 'tokens', 'failures'];
const LENGTH = 6;

const figure = {
  calls: (sums) => sums.calls,
  cost: (sums) => sums.cost_usd,
  tokens: (sums) => sums.input + sums.output,
  failures: (sums) => sums.calls - sums.outcomes.success,
};

export function Tops({ query }) {
  const rank = RANKS.includes(route.value.query.rank) ? route.value.query.rank : 'calls';
  return html`
    <section aria-label=${t('overview.tops')}>
      <div class="section-head"><h2>${t('overview.tops')}</h2>
        <div class="segments small" role="group" aria-label=${t('overview.rank')}>
          ${RANKS.map((name) => html`<button type="button" key=${name} aria-pressed=${rank === name} onClick=${() => setQuery({ rank: name === 'calls' ? null : name })}>${t(`overview.rank_${name}`)}</button>`)}
        </div></div>
      <div class="grid-4">${GROUPS.map((by) => html`<${Top} key=${by} by=${by} rank=${rank} query=${query} />`)}</div>
    </section>`;
}

function Top({ by, rank, query }) {
  const answer = useQuery('api/stats/totals', { ...query, by, rank, limit: LENGTH }, { every: 15_000 });
  return html`<div class="panel top"><h3>${t(`overview.by_${by}`)}</h3>
    <${Answer} of=${answer} rows=${LENGTH}>${(data) => html`<${Ranking} data=${data} by=${by} rank=${rank} />`}<//></div>`;
}

/** What has no price is named all the same: its cost is unknown, not 0. */
const isUnknown = (rank, sums) => rank === 'cost' && lacksPrice(sums);

function Ranking({ data, by, rank }) {
  const of = figure[rank];
  const members = data.members.filter((member) => !member.is_others && (of(member.sums) > 0 || isUnknown(rank, member.sums)));
  const whole = by === 'key' || by === 'provider' ? members.concat(data.members.filter((member) => member.is_others)).reduce((sum, member) => sum + of(member.sums), 0) : of(data.total);
  const most = Math.max(...members.map((member) => of(member.sums)), 0);
  const show = rank === 'cost' ? (value) => money(value, true) : compact;
  const link = (member) => href('calls', { ...range.value, ...filterOf(by, member), ...(rank === 'failures' ? { outcome: FAILED.join(',') } : {}) });
  if (!members.length) return html`<p class="hint">${NOTHING}</p>`;
  return html`<ol class="ranking">
    ${members.map((member) => html`<li key=${member.id ?? member.name}>
      <a href=${link(member)} class="cut">${member.name ?? t('chart.none')}</a>
      ${isUnknown(rank, member.sums) ? html`<a class="ranking-link" href=${by === 'model' ? href('models', { price: member.name }) : href('models')}>${t('overview.set_price')}</a>` : html`
        <span class="num">${show(of(member.sums))}</span><span class="num hint">${percent(whole ? of(member.sums) / whole : null, 0)}</span>`}
      <${Meter} share=${most ? of(member.sums) / most : 0} tone=${rank === 'failures' ? 'bad' : 'accent'} label=${show(of(member.sums))} /></li>`)}
  </ol>`;
}
