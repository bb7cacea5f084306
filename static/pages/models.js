// Models: the names that clients ask for, where they lead, and what providers list besides.
import { Badge, Button } from '../components/basics.js';
import { Search } from '../components/filters.js';
import { PageHead } from '../components/shell.js';
import { Answer, Empty } from '../components/states.js';
import { LinkTabs } from '../components/tabs.js';
import { Table, sorted } from '../components/table.js';
import { compact, money, number } from '../lib/format.js';
import { t, word } from '../lib/i18n.js';
import { everything } from '../lib/api.js';
import { useAnswer, useQuery } from '../lib/query.js';
import { zone } from '../lib/range.js';
import { href, route, setQuery } from '../lib/router.js';
import { mayOperate } from '../lib/session.js';
import { html } from '../lib/ui.js';
import { AddModel, ModelDrawer } from './models/drawer.js';
import { Listed } from './models/listed.js';
import { ROUTES } from '../routes.js';

/** Use of the last 24 hours by the name that was asked for. */
function useByName() {
  const { data } = useQuery('api/stats/totals', { range: '24h', zone: zone.value, by: 'model', limit: 10_000 }, { every: 30_000 });
  return new Map((data?.members ?? []).map((member) => [member.name, member.sums]));
}

export default function Models() {
  const { query, rest } = route.value;
  const models = useAnswer('api/models all', (signal) => everything('api/models', 'models', {}, { signal }), { every: 20_000 });
  const use = useByName();
  const listed = rest[0] === 'listed';
  return html`
    <div class="page">
      <${PageHead} title=${t('nav.models')} count=${!listed && models.data ? number(models.data.length) : undefined} actions=${mayOperate.value && html`<${Button} kind="primary" icon="plus" onClick=${() => setQuery({ add: 1 })}>${t('models.add')}<//>`} />
      <${LinkTabs} label=${t('nav.models')} chosen=${listed ? 'listed' : 'routes'} tabs=${[['routes', t('models.routes'), href('models')], ['listed', t('models.listed'), href(['models', 'listed'])]]} />
      ${listed ? html`<${Listed} routes=${models.data ?? []} />` : html`<${Answer} of=${models} skeleton="table" rows=${8} quiet>${(data) => html`<${Routes} models=${data} use=${use} />`}<//>`}
      ${rest[0] && !listed && html`<${ModelDrawer} key=${rest[0]} id=${rest[0]} sums=${use} reload=${models.reload} back=${href('models', { ...query, add: null })} />`}
      ${query.add && html`<${AddModel} reload=${models.reload} close=${() => setQuery({ add: null, target: null, provider: null })} />`}
    </div>`;
}

const priceOf = (price) => (price ? html`${money(price.input, true)} <span class="hint">/</span> ${money(price.output, true)}` : html`<span class="hint">${t('models.by_table')}</span>`);

/** Targets tier by tier, the way a call falls from one to the next. */
export const Targets = ({ targets }) => {
  const tiers = [...new Set(targets.map((target) => target.tier ?? 1))].sort((a, b) => a - b);
  return html`<span class="row targets">${tiers.map((tier, at) => html`<span class="row" key=${tier}>${at > 0 && html`<span class="hint" aria-label=${t('models.then')}>›</span>`}
    ${targets.filter((target) => (target.tier ?? 1) === tier).map((target) => html`<span class="tag" key=${`${target.provider} ${target.model}`} title="${target.provider_name} / ${target.model}">${target.provider_name}<span class="hint">/${target.model}</span></span>`)}</span>`)}</span>`;
};

const hasChat = () => ROUTES.some((item) => item.page === 'chat');

const columnsOf = (use) => [
  { name: 'name', title: t('common.name'), width: '18%', sort: (one) => one.name, render: (one) => html`<a class="cut" href=${href(['models', one.id])}>${one.name}</a>` },
  { name: 'targets', title: t('models.targets'), width: '38%', render: (one) => html`<${Targets} targets=${one.targets} />` },
  { name: 'strategy', title: t('models.strategy'), width: '13%', from: 820, sort: (one) => one.strategy, render: (one) => html`<span class="hint">${one.strategy ? word('strategy', one.strategy) : t('models.as_set')}</span>` },
  { name: 'price', title: t('models.price'), width: '120px', num: true, from: 700, sort: (one) => one.price?.input, render: (one) => priceOf(one.price) },
  { name: 'calls', title: t('keys.calls_24h'), width: '84px', num: true, from: 560, sort: (one) => use.get(one.name)?.calls ?? 0, render: (one) => compact(use.get(one.name)?.calls ?? 0) },
  { name: 'cost', title: t('keys.cost'), width: '88px', num: true, from: 640, sort: (one) => use.get(one.name)?.cost_usd, render: (one) => money(use.get(one.name)?.cost_usd ?? 0, true) },
  { name: 'enabled', title: t('common.status'), width: '112px', from: 500, render: (one) => html`<${Badge} tone=${one.enabled ? 'good' : 'plain'}>${t(one.enabled ? 'common.enabled' : 'common.disabled')}<//>` },
  ...(hasChat() ? [{ name: 'chat', title: '', width: '48px', from: 600, render: (one) => html`<${Button} small kind="quiet" icon="message-square" href=${href('chat', { model: one.name })} aria-label=${t('models.try')} title=${t('models.try')} />` }] : []),
];

function Routes({ models, use }) {
  const { query, rest } = route.value;
  const order = (query.sort ?? 'name-up').split('-');
  const columns = columnsOf(use);
  const text = (query.search ?? '').toLowerCase();
  const rows = sorted(models.filter((one) => !text || `${one.name} ${one.targets.map((target) => `${target.provider_name}/${target.model}`)}`.toLowerCase().includes(text)), columns, order);
  if (!models.length) {
    return html`<${Empty} icon="boxes" title=${t('models.none')} action=${mayOperate.value && html`<${Button} kind="primary" icon="plus" onClick=${() => setQuery({ add: 1 })}>${t('models.add')}<//>`}>${t('models.none_hint')}<//>`;
  }
  return html`
    <div class="list-bar"><${Search} label=${t('models.search')} /></div>
    ${rows.length ? html`<${Table} label=${t('nav.models')} columns=${columns} rows=${rows} open=${(one) => href(['models', one.id], query)} current=${Number(rest[0])} cardHeight=${92}
      order=${order} reorder=${(name, way) => setQuery({ sort: `${name}-${way}` })} card=${(one) => html`
        <div class="card-line"><a class="cut" href=${href(['models', one.id])}>${one.name}</a><${Badge} tone=${one.enabled ? 'good' : 'plain'}>${t(one.enabled ? 'common.enabled' : 'common.disabled')}<//></div>
        <div class="card-line"><${Targets} targets=${one.targets} /></div>
        <div class="card-line hint"><span>${one.strategy ? word('strategy', one.strategy) : t('models.as_set')}</span><span class="num">${compact(use.get(one.name)?.calls ?? 0)} · ${money(use.get(one.name)?.cost_usd ?? 0, true)}</span></div>`} />`
      : html`<${Empty} icon="list-filter" title=${t('models.no_match')} />`}`;
}

