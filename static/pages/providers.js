// Providers: where calls go, how each fares, and the models that its keys list.
import { Badge, Button, Cut } from '../components/basics.js';
import { Cost, Parts } from '../components/figures.js';
import { PageHead } from '../components/shell.js';
import { Answer, Empty } from '../components/states.js';
import { Table, sorted } from '../components/table.js';
import { compact, NOTHING, percent, relative } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { useQuery } from '../lib/query.js';
import { zone } from '../lib/range.js';
import { href, route, setQuery } from '../lib/router.js';
import { mayOperate } from '../lib/session.js';
import { html } from '../lib/ui.js';
import { KEY_STATES, stateName, stateTone } from '../lib/words.js';
import { ProviderDrawer } from './providers/drawer.js';
import { AddProvider } from './providers/form.js';

/** What is the matter with a provider, worst first. */
export function stateOf(provider) {
  const { status } = provider;
  if (!provider.enabled) return { tone: 'plain', text: t('common.disabled') };
  if (status.breaker_open_since) return { tone: 'bad', text: t('providers.held_back'), more: status.breaker_reason ? t(`providers.breaker_${status.breaker_reason}`) : '' };
  if (status.check_base_url) return { tone: 'warn', text: t('providers.check_url'), more: t('providers.check_url_hint') };
  if (status.region_refused_at) return { tone: 'warn', text: t('providers.region'), more: relative(status.region_refused_at) };
  const keys = Object.values(status.keys).reduce((sum, count) => sum + count, 0);
  if (keys > 0 && !status.keys.active) return { tone: 'warn', text: t('providers.no_active_key') };
  return { tone: 'good', text: t('providers.fine'), more: status.last_success_at ? t('providers.answered', { time: relative(status.last_success_at) }) : '' };
}

export const State = ({ provider }) => {
  const { tone, text, more } = stateOf(provider);
  return html`<span class="row" title=${more}><${Badge} tone=${tone}>${text}<//><span class="hint cut">${more}</span></span>`;
};

export const keysOf = (provider) => Object.values(provider.status.keys).reduce((sum, count) => sum + count, 0);
export const keyParts = (provider) => KEY_STATES.map((state) => ({ name: stateName(state), tone: stateTone(state), count: provider.status.keys[state] ?? 0 }));

export default function Providers() {
  const providers = useQuery('api/providers', { limit: 1000 }, { every: 8000 });
  const sums = useQuery('api/stats/totals', { range: '24h', zone: zone.value, by: 'provider' }, { every: 30_000 });
  const use = new Map((sums.data?.members ?? []).map((member) => [member.id, member.sums]));
  const { query, rest } = route.value;
  return html`
    <div class="page">
      <${PageHead} title=${t('nav.providers')} count=${providers.data?.providers.length} actions=${mayOperate.value && html`<${Button} kind="primary" icon="plus" onClick=${() => setQuery({ add: 1 })}>${t('providers.add')}<//>`} />
      <${Answer} of=${providers} skeleton="table" rows=${6} quiet>${(data) => html`<${List} providers=${data.providers} use=${use} />`}<//>
      ${rest[0] && html`<${ProviderDrawer} key=${rest[0]} id=${rest[0]} reload=${providers.reload} back=${href('providers', query)} />`}
      ${query.add && html`<${AddProvider} reload=${providers.reload} close=${() => setQuery({ add: null })} />`}
    </div>`;
}

const columnsOf = (use) => [
  { name: 'name', title: t('common.name'), width: '16%', sort: (one) => one.name, render: (one) => html`<span class="row"><a class="cut" href=${href(['providers', one.id])}>${one.name}</a>${one.default && html`<span class="tag">${t('providers.default')}</span>`}</span>` },
  { name: 'state', title: t('common.status'), width: '22%', render: (one) => html`<${State} provider=${one} />` },
  { name: 'url', title: t('providers.base_url'), width: '22%', from: 900, sort: (one) => one.base_url, render: (one) => html`<code><${Cut} text=${one.base_url} /></code>` },
  { name: 'auth', title: t('providers.auth_short'), width: '92px', from: 1040, sort: (one) => one.auth, render: (one) => html`<code class="hint"><${Cut} text=${one.auth} /></code>` },
  { name: 'keys', title: t('nav.keys'), width: '130px', from: 560, sort: keysOf, num: true, render: (one) => html`<a class="row key-cell" href=${href('keys', { provider: one.id })}><${Parts} parts=${keyParts(one)} /><span>${keysOf(one)}</span></a>` },
  { name: 'models', title: t('nav.models'), width: '76px', num: true, from: 700, sort: (one) => one.synced_models, render: (one) => one.synced_models || html`<span class="hint">${NOTHING}</span>` },
  { name: 'calls', title: t('keys.attempts_24h'), width: '116px', num: true, from: 620, sort: (one) => use.get(one.id)?.attempts, render: (one) => compact(use.get(one.id)?.attempts ?? 0) },
  { name: 'failed', title: t('keys.failures'), width: '76px', num: true, from: 780, render: (one) => percent(use.get(one.id)?.attempts ? use.get(one.id).failed_attempts / use.get(one.id).attempts : null, 1) },
  { name: 'cost', title: t('keys.cost'), width: '92px', num: true, from: 860, sort: (one) => use.get(one.id)?.cost_usd, render: (one) => html`<${Cost} sums=${use.get(one.id)} />` },
];

function List({ providers, use }) {
  const order = (route.value.query.sort ?? 'name-up').split('-');
  const columns = columnsOf(use);
  if (!providers.length) return html`<${Empty} icon="plug" title=${t('providers.none')} action=${mayOperate.value && html`<${Button} kind="primary" icon="plus" onClick=${() => setQuery({ add: 1 })}>${t('providers.add')}<//>`}>${t('providers.none_hint')}<//>`;
  return html`<${Table} label=${t('nav.providers')} columns=${columns} rows=${sorted(providers, columns, order)} open=${(one) => href(['providers', one.id])} current=${Number(route.value.rest[0])} cardHeight=${92}
    order=${order} reorder=${(name, way) => setQuery({ sort: `${name}-${way}` })} card=${(one) => html`
      <div class="card-line"><a class="cut" href=${href(['providers', one.id])}>${one.name}</a><${Badge} tone=${stateOf(one).tone}>${stateOf(one).text}<//></div>
      <div class="card-line hint"><code class="cut">${one.base_url}</code></div>
      <div class="card-line hint"><span>${t('providers.keys_n', { n: keysOf(one) })}</span><span class="num">${compact(use.get(one.id)?.attempts ?? 0)} · <${Cost} sums=${use.get(one.id)} /></span></div>`} />`;
}
