// Models: the names that clients ask for, where they lead, and what providers list besides.
import { Badge, Button, Icon } from '../components/basics.js';
import { Cost } from '../components/figures.js';
import { Search } from '../components/filters.js';
import { PageHead } from '../components/shell.js';
import { Answer, Empty } from '../components/states.js';
import { LinkTabs } from '../components/tabs.js';
import { Table, sorted } from '../components/table.js';
import { compact, dateTime, number, relative } from '../lib/format.js';
import { t, word } from '../lib/i18n.js';
import { everything } from '../lib/api.js';
import { useAnswer, useQuery } from '../lib/query.js';
import { go, href, route, setQuery } from '../lib/router.js';
import { mayOperate } from '../lib/session.js';
import { classes, html, useEffect } from '../lib/ui.js';
import { AddModel, ModelDrawer } from './models/drawer.js';
import { Listed } from './models/listed.js';
import { PriceOf } from './models/price.js';
import { ROUTES } from '../routes.js';

/** Where `?price=NAME` leads, with which figures say what has no price: to its route, or to its line among the listed. */
function usePriceLink(models) {
  const { price } = route.value.query;
  useEffect(() => {
    if (!price || !models) return;
    const found = models.find((one) => one.name === price);
    go(found ? href(['models', found.id]) : href(['models', 'listed'], { search: price }), { replace: true });
  }, [price, models]);
}

export default function Models() {
  const { query, rest } = route.value;
  const models = useAnswer('api/models all', (signal) => everything('api/models', 'models', {}, { signal }), { every: 20_000 });
  const providers = useQuery('api/providers', { limit: 1000 }, { every: 60_000 });
  usePriceLink(models.data);
  const listed = rest[0] === 'listed';
  return html`
    <div class="page">
      <${PageHead} title=${t('nav.models')} count=${!listed && models.data ? number(models.data.length) : undefined} actions=${mayOperate.value && html`<${Button} kind="primary" icon="plus" onClick=${() => setQuery({ add: 1 })}>${t('models.add')}<//>`} />
      <${LinkTabs} label=${t('nav.models')} chosen=${listed ? 'listed' : 'routes'} tabs=${[['routes', t('models.routes'), href('models')], ['listed', t('models.listed'), href(['models', 'listed'])]]} />
      ${listed ? html`<${Listed} />` : html`<${Answer} of=${models} skeleton="table" rows=${8} quiet>${(data) => html`<${Routes} models=${data} providers=${providers.data?.providers ?? []} />`}<//>`}
      ${rest[0] && !listed && html`<${ModelDrawer} key=${rest[0]} id=${rest[0]} reload=${models.reload} back=${href('models', { ...query, add: null })} />`}
      ${query.add && html`<${AddModel} reload=${models.reload} close=${() => setQuery({ add: null, target: null, provider: null })} />`}
    </div>`;
}

/** Targets tier by tier, the way a call falls from one to the next. */
export const Targets = ({ targets }) => {
  const tiers = [...new Set(targets.map((target) => target.tier ?? 1))].sort((a, b) => a - b);
  return html`<span class="row targets">${tiers.map((tier, at) => html`<span class="row" key=${tier}>${at > 0 && html`<span class="hint" aria-label=${t('models.then')}>›</span>`}
    ${targets.filter((target) => (target.tier ?? 1) === tier).map((target) => html`<span class=${classes('tag', target.vanished_at && 'is-vanished')} key=${`${target.provider} ${target.model}`}
      title="${target.provider_name} / ${target.model}${target.vanished_at ? ` · ${t('models.vanished', { time: relative(target.vanished_at) })}` : ''}">${target.vanished_at && html`<${Icon} name="triangle-alert" label=${t('models.vanished', { time: relative(target.vanished_at) })} />`}${target.provider_name}<span class="hint">/${target.model}</span></span>`)}</span>`)}</span>`;
};

const hasChat = () => ROUTES.some((item) => item.page === 'chat');

/** When the lists of all its providers were last taken over: the oldest tells. */
const syncedAt = (model, providers) => model.targets.map((target) => providers.find((one) => one.id === target.provider)?.models_synced_at).filter(Boolean).sort()[0];

const calls = (one) => href('calls', { range: '24h', model: one.name });

const columnsOf = (providers) => [
  { name: 'name', title: t('common.name'), width: '18%', sort: (one) => one.name, render: (one) => html`<a class="cut" href=${href(['models', one.id])}>${one.name}</a>` },
  { name: 'targets', title: t('models.targets'), render: (one) => html`<${Targets} targets=${one.targets} />` },
  { name: 'strategy', title: t('models.strategy'), width: '14%', from: 820, sort: (one) => one.strategy, render: (one) => html`<span class="hint">${one.strategy ? word('strategy', one.strategy) : t('models.as_set')}</span>` },
  { name: 'price', title: t('models.price'), width: '128px', num: true, from: 700, sort: (one) => one.targets[0]?.price_in_force?.price.input, render: (one) => html`<${PriceOf} price=${one.targets[0]?.price_in_force} set=${mayOperate.value && (() => go(href(['models', one.id])))} />` },
  { name: 'calls', title: t('keys.calls_24h'), width: '82px', num: true, from: 560, sort: (one) => one.last_24h.calls, render: (one) => html`<a href=${calls(one)}>${compact(one.last_24h.calls)}</a>` },
  { name: 'cost', title: t('keys.cost'), width: '84px', num: true, from: 640, sort: (one) => one.last_24h.cost_usd, render: (one) => html`<${Cost} sums=${one.last_24h} />` },
  { name: 'synced', title: t('models.synced_title'), width: '92px', num: true, from: 980, sort: (one) => syncedAt(one, providers), render: (one) => html`<span class="hint" title=${dateTime(syncedAt(one, providers))}>${syncedAt(one, providers) ? relative(syncedAt(one, providers), { narrow: true }) : t('common.never')}</span>` },
  { name: 'enabled', title: t('common.status'), width: '112px', from: 500, render: (one) => html`<${Badge} tone=${one.enabled ? 'good' : 'plain'}>${t(one.enabled ? 'common.enabled' : 'common.disabled')}<//>` },
  ...(hasChat() ? [{ name: 'chat', title: '', width: '48px', from: 600, render: (one) => html`<${Button} small kind="quiet" icon="message-square" href=${href('chat', { model: one.name })} aria-label=${t('models.try')} title=${t('models.try')} />` }] : []),
];

function Routes({ models, providers }) {
  const { query, rest } = route.value;
  const order = (query.sort ?? 'name-up').split('-');
  const columns = columnsOf(providers);
  const text = (query.search ?? '').toLowerCase();
  const rows = sorted(models.filter((one) => !text || `${one.name} ${one.targets.map((target) => `${target.provider_name}/${target.model}`)}`.toLowerCase().includes(text)), columns, order);
  const hasKeys = providers.some((one) => Object.values(one.status.keys).some((count) => count > 0));
  if (!models.length && !hasKeys) return html`<${Empty} icon="key-round" title=${t('models.key_first')} action=${mayOperate.value && html`<${Button} kind="primary" icon="plus" href=${href('keys', { add: 1 })}>${t('keys.add')}<//>`}>${t('models.key_first_hint')}<//>`;
  if (!models.length) {
    return html`<${Empty} icon="boxes" title=${t('models.none')} action=${mayOperate.value && html`<${Button} kind="primary" icon="plus" onClick=${() => setQuery({ add: 1 })}>${t('models.add')}<//>`}>${t('models.none_hint')}<//>`;
  }
  return html`
    <div class="list-bar"><${Search} label=${t('models.search')} /></div>
    ${rows.length ? html`<${Table} label=${t('nav.models')} columns=${columns} rows=${rows} open=${(one) => href(['models', one.id], query)} current=${Number(rest[0])} cardHeight=${92}
      order=${order} reorder=${(name, way) => setQuery({ sort: `${name}-${way}` })} card=${(one) => html`
        <div class="card-line"><a class="cut" href=${href(['models', one.id])}>${one.name}</a><${Badge} tone=${one.enabled ? 'good' : 'plain'}>${t(one.enabled ? 'common.enabled' : 'common.disabled')}<//></div>
        <div class="card-line"><${Targets} targets=${one.targets} /></div>
        <div class="card-line hint"><span>${one.strategy ? word('strategy', one.strategy) : t('models.as_set')}</span><span class="num">${compact(one.last_24h.calls)} · <${Cost} sums=${one.last_24h} /></span></div>`} />`
      : html`<${Empty} icon="list-filter" title=${t('models.no_match')} />`}`;
}

