// What the keys of all providers list: every name can be asked for, also without a route.
import { Badge, Button } from '../../components/basics.js';
import { Cost } from '../../components/figures.js';
import { FilterMenu, Search } from '../../components/filters.js';
import { Menu, MenuEntry } from '../../components/menu.js';
import { Answer, Empty } from '../../components/states.js';
import { Table, sorted } from '../../components/table.js';
import { api, everything } from '../../lib/api.js';
import { attempt } from '../../lib/edit.js';
import { compact, relative } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { isForChat } from '../../lib/model-names.js';
import { useAnswer, useQuery } from '../../lib/query.js';
import { go, href, route, setQuery } from '../../lib/router.js';
import { mayOperate } from '../../lib/session.js';
import { html, useState } from '../../lib/ui.js';
import { DiffDialog, sizeOf } from './diff.js';
import { PriceDialog, PriceOf } from './price.js';

async function readAll(signal) {
  const providers = await everything('api/providers', 'providers', {}, { signal });
  const lists = await Promise.all(providers.map((one) => api.get(`api/providers/${one.id}/models`, {}, { signal })));
  return { providers, models: providers.flatMap((provider, at) => lists[at].models.map((one) => ({ ...one, id: `${provider.id} ${one.model}`, name: one.model, provider }))) };
}

export function Listed() {
  const answer = useAnswer('api/listed models', readAll, { every: 60_000 });
  const diffs = useQuery('api/models/diffs', {}, { every: 60_000 });
  const reload = () => {
    answer.reload();
    diffs.reload();
  };
  return html`<${Answer} of=${answer} skeleton="table" rows=${10}>${(data) => html`<${List} data=${data} diffs=${diffs.data?.diffs ?? []} reload=${reload} />`}<//>`;
}

/** The state of a listed model: taken out, vanished, in a route, or since when it is known. */
function State({ one }) {
  if (one.removed_at) return html`<${Badge}>${t('models.taken_out')}<//>`;
  if (one.vanished_at) return html`<${Badge} tone="warn">${t('models.vanished', { time: relative(one.vanished_at) })}<//>`;
  if (one.routes.length) return html`<${Badge} tone="info" icon="route">${one.routes.length > 2 ? t('models.in_routes', { n: one.routes.length }) : one.routes.join(', ')}<//>`;
  return html`<span class="hint">${one.first_seen_at ? t('models.first_seen', { time: relative(one.first_seen_at) }) : t('models.only_priced')}</span>`;
}

const callsOf = (one) => href('calls', { range: '24h', served_model: one.model, provider: one.provider.id });
const routeOf = (one) => href('models', { add: 1, target: one.model, provider: one.provider.id });

function RowMenu({ one, price, reload }) {
  const take = (removed) => attempt(() => api.patch(`api/providers/${one.provider.id}/models`, { model: one.model, removed }), { done: t(removed ? 'models.was_taken_out' : 'models.was_let_in', { name: one.model }), changed: reload });
  return html`
    <${Menu} quiet small icon="ellipsis" chevron=${false} title=${t('keys.actions', { name: one.model })}>${(close) => html`
      ${isForChat(one.model) && html`<${MenuEntry} icon="message-square" close=${close} href=${href('chat', { model: one.model })}>${t('models.try')}<//>`}
      <${MenuEntry} icon="activity" close=${close} href=${callsOf(one)}>${t('keys.show_calls')}<//>
      ${mayOperate.value && html`
        <${MenuEntry} icon="route" close=${close} run=${() => go(routeOf(one))}>${t('models.make_route')}<//>
        <${MenuEntry} icon="dollar-sign" close=${close} run=${() => price(one)}>${t('models.set_price')}<//>
        <${MenuEntry} icon=${one.removed_at ? 'undo-2' : 'ban'} close=${close} run=${() => take(!one.removed_at)}>${t(one.removed_at ? 'models.let_in' : 'models.take_out')}<//>`}`}
    <//>`;
}

const columnsOf = (price, reload) => [
  { name: 'name', title: t('common.name'), sort: (one) => one.model, render: (one) => html`<code class="cut" title=${one.model}>${one.model}</code>` },
  { name: 'provider', title: t('keys.provider'), width: '16%', from: 520, sort: (one) => one.provider.name, render: (one) => html`<a href=${href(['providers', one.provider.id])}>${one.provider.name}</a>` },
  { name: 'state', title: t('common.status'), width: '20%', from: 640, render: (one) => html`<${State} one=${one} />` },
  { name: 'keys', title: t('nav.keys'), width: '60px', num: true, sort: (one) => one.keys.length, render: (one) => one.keys.length },
  { name: 'price', title: t('models.price'), width: '140px', num: true, from: 760, sort: (one) => one.price_in_force?.price.input, render: (one) => html`<${PriceOf} price=${one.price_in_force} set=${mayOperate.value && (() => price(one))} />` },
  { name: 'calls', title: t('keys.calls_24h'), width: '86px', num: true, from: 700, sort: (one) => one.last_24h.calls, render: (one) => html`<a href=${callsOf(one)}>${compact(one.last_24h.calls)}</a>` },
  { name: 'cost', title: t('keys.cost'), width: '90px', num: true, from: 860, sort: (one) => one.last_24h.cost_usd, render: (one) => html`<${Cost} sums=${one.last_24h} />` },
  { name: 'menu', title: '', width: '42px', render: (one) => html`<${RowMenu} ...${{ one, price, reload }} />` },
];

/** One line a provider: when its lists were taken over, and what a newer reading would change. */
const Providers = ({ providers, diffs, review }) => html`
  <ul class="provider-lists">${providers.filter((one) => one.enabled).map((one) => {
    const diff = diffs.find((other) => other.provider === one.id);
    const size = diff ? sizeOf(diff) : 0;
    const failed = diff?.failed.length ?? 0;
    return html`<li key=${one.id}><a href=${href(['providers', one.id])}>${one.name}</a>
      <span class="hint">${t('models.listed_n', { n: one.synced_models })} · ${diff?.synced_at ? t('models.synced_at', { time: relative(diff.synced_at) }) : t('models.never_synced')}</span>
      ${failed > 0 && html`<${Badge} tone="bad" title=${diff.failed[0].message}>${t('models.lists_failed_short', { n: failed })}<//>`}
      ${mayOperate.value && html`<${Button} small icon=${size ? 'git-compare' : 'refresh-cw'} kind=${size ? 'plain' : 'quiet'} onClick=${() => review(one, !size)}>${size ? t('models.review', { n: size }) : t('models.sync')}<//>`}</li>`;
  })}</ul>`;

function List({ data, diffs, reload }) {
  const { query } = route.value;
  const [review, setReview] = useState(null);
  const [price, setPrice] = useState(null);
  const text = (query.search ?? '').toLowerCase();
  const columns = columnsOf(setPrice, reload);
  const order = (query.sort ?? 'name-up').split('-');
  const rows = sorted(data.models.filter((one) => (!text || one.model.toLowerCase().includes(text)) && (!query.provider || String(one.provider.id) === query.provider)), columns, order);
  const hasKeys = data.providers.some((one) => Object.values(one.status.keys).some((count) => count > 0));
  const none = hasKeys ? html`<${Empty} icon="boxes" title=${t('models.no_list')}>${t('models.no_list_hint')}<//>`
    : html`<${Empty} icon="key-round" title=${t('models.key_first')} action=${mayOperate.value && html`<${Button} kind="primary" icon="plus" href=${href('keys', { add: 1 })}>${t('keys.add')}<//>`}>${t('models.key_first_hint')}<//>`;
  return html`
    <${Providers} providers=${data.providers} diffs=${diffs} review=${(provider, read) => setReview({ provider, read })} />
    <div class="list-bar"><${Search} label=${t('models.search')} />
      <${FilterMenu} name="provider" label=${t('keys.provider')} options=${data.providers.map((one) => [one.id, one.name])} /></div>
    ${rows.length ? html`<${Table} label=${t('models.listed')} columns=${columns} rows=${rows} order=${order} reorder=${(name, way) => setQuery({ sort: `${name}-${way}` })} cardHeight=${74}
      card=${(one) => html`<div class="card-line"><code class="cut">${one.model}</code><${RowMenu} ...${{ one, price: setPrice, reload }} /></div><div class="card-line hint"><span>${one.provider.name} · ${t('providers.keys_n', { n: one.keys.length })}</span><span class="num">${compact(one.last_24h.calls)} · <${PriceOf} price=${one.price_in_force} /></span></div>`} />`
      : data.models.length ? html`<${Empty} icon="list-filter" title=${t('models.no_match')} />` : none}
    ${review && html`<${DiffDialog} ...${review} changed=${reload} close=${() => setReview(null)} />`}
    ${price && html`<${PriceDialog} model=${price} provider=${price.provider} changed=${reload} close=${() => setPrice(null)} />`}`;
}
