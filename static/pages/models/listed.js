// What the keys of all providers list: every name can be asked for, also without a route.
import { Badge, Button } from '../../components/basics.js';
import { FilterMenu, Search } from '../../components/filters.js';
import { Answer, Empty } from '../../components/states.js';
import { Table, sorted } from '../../components/table.js';
import { api, everything } from '../../lib/api.js';
import { compact, relative } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { useAnswer, useQuery } from '../../lib/query.js';
import { zone } from '../../lib/range.js';
import { href, route, setQuery } from '../../lib/router.js';
import { mayOperate } from '../../lib/session.js';
import { html, useState } from '../../lib/ui.js';
import { sync } from '../providers/models.js';

async function readAll(signal) {
  const providers = await everything('api/providers', 'providers', {}, { signal });
  const lists = await Promise.all(providers.map((one) => api.get(`api/providers/${one.id}/models`, {}, { signal })));
  return { providers, models: providers.flatMap((provider, at) => lists[at].models.map((one) => ({ ...one, id: `${provider.id} ${one.model}`, name: one.model, provider }))) };
}

export function Listed({ routes }) {
  const answer = useAnswer('listed models', readAll);
  const sums = useQuery('api/stats/totals', { range: '24h', zone: zone.value, by: 'served_model', limit: 10_000 });
  const use = new Map((sums.data?.members ?? []).map((member) => [member.name, member.sums]));
  return html`<${Answer} of=${answer} skeleton="table" rows=${10}>${(data) => html`<${List} data=${data} use=${use} routes=${routes} reload=${answer.reload} />`}<//>`;
}

const columnsOf = (use, routes) => [
  { name: 'name', title: t('common.name'), width: '32%', sort: (one) => one.model, render: (one) => html`<code class="cut">${one.model}</code>` },
  { name: 'provider', title: t('keys.provider'), width: '18%', sort: (one) => one.provider.name, render: (one) => html`<a href=${href(['providers', one.provider.id])}>${one.provider.name}</a>` },
  { name: 'keys', title: t('nav.keys'), width: '70px', num: true, sort: (one) => one.keys.length, render: (one) => one.keys.length },
  { name: 'state', title: t('common.status'), width: '20%', render: (one) => (one.removed_at ? html`<${Badge}>${t('models.taken_out')}<//>` : one.vanished_at ? html`<${Badge} tone="warn">${t('models.vanished', { time: relative(one.vanished_at) })}<//>`
    : routes.has(one.model) ? html`<${Badge} tone="info" icon="route">${t('models.has_route')}<//>` : html`<span class="hint">${t('models.first_seen', { time: relative(one.first_seen_at) })}</span>`) },
  { name: 'calls', title: t('keys.calls_24h'), width: '90px', num: true, from: 700, sort: (one) => use.get(one.model)?.calls ?? 0, render: (one) => compact(use.get(one.model)?.calls ?? 0) },
  { name: 'route', title: '', width: '130px', from: 620, render: (one) => mayOperate.value && html`<${Button} small kind="quiet" icon="route" href=${href('models', { add: 1, target: one.model, provider: one.provider.id })}>${t('models.make_route')}<//>` },
];

function List({ data, use, routes, reload }) {
  const { query } = route.value;
  const [busy, setBusy] = useState(false);
  const text = (query.search ?? '').toLowerCase();
  const columns = columnsOf(use, new Set(routes.flatMap((one) => one.targets.map((target) => target.model))));
  const order = (query.sort ?? 'name-up').split('-');
  const rows = sorted(data.models.filter((one) => (!text || one.model.toLowerCase().includes(text)) && (!query.provider || String(one.provider.id) === query.provider)), columns, order);
  const syncAll = async () => {
    setBusy(true);
    for (const provider of data.providers.filter((one) => one.enabled)) await sync(provider, () => {});
    setBusy(false);
    reload();
  };
  return html`
    <div class="list-bar"><${Search} label=${t('models.search')} />
      <${FilterMenu} name="provider" label=${t('keys.provider')} options=${data.providers.map((one) => [one.id, one.name])} />
      <span class="grow"></span>${mayOperate.value && data.providers.length > 0 && html`<${Button} small icon="refresh-cw" busy=${busy} onClick=${syncAll}>${t('models.sync_all')}<//>`}</div>
    ${rows.length ? html`<${Table} label=${t('models.listed')} columns=${columns} rows=${rows} order=${order} reorder=${(name, way) => setQuery({ sort: `${name}-${way}` })} cardHeight=${66}
      card=${(one) => html`<div class="card-line"><code class="cut">${one.model}</code><span class="num">${compact(use.get(one.model)?.calls ?? 0)}</span></div><div class="card-line hint"><span>${one.provider.name}</span><span>${t('providers.keys_n', { n: one.keys.length })}</span></div>`} />`
      : html`<${Empty} icon="boxes" title=${data.models.length ? t('models.no_match') : t('models.no_list')}>${!data.models.length && t('models.no_list_hint')}<//>`}`;
}
