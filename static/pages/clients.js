// Clients: applications and people that call Keywheel, what each may do, and what it used.
import { Badge, Button, Tag } from '../components/basics.js';
import { Search } from '../components/filters.js';
import { PageHead } from '../components/shell.js';
import { Answer, Empty } from '../components/states.js';
import { Table, sorted } from '../components/table.js';
import { everything } from '../lib/api.js';
import { compact, dateTime, NOTHING, number, relative } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { useAnswer, useQuery } from '../lib/query.js';
import { zone } from '../lib/range.js';
import { href, route, setQuery } from '../lib/router.js';
import { mayOperate } from '../lib/session.js';
import { html } from '../lib/ui.js';
import { ClientMenu } from './clients/actions.js';
import { Budget, budgetsOf, spent, useUnpriced } from './clients/budgets.js';
import { AddClient, ClientDrawer } from './clients/drawer.js';

/** Sums of the last 24 hours by client. */
function useSums() {
  const { data } = useQuery('api/stats/totals', { range: '24h', zone: zone.value, by: 'client', limit: 10_000 }, { every: 30_000 });
  return new Map((data?.members ?? []).map((member) => [member.id, member.sums]));
}

export function stateOf(client) {
  if (!client.enabled) return ['plain', t('common.disabled')];
  if (client.expires_at && new Date(client.expires_at) < Date.now()) return ['bad', t('clients.expired')];
  return ['good', t('common.enabled')];
}

export default function Clients() {
  const clients = useAnswer('api/clients all', (signal) => everything('api/clients', 'clients', {}, { signal }), { every: 20_000 });
  const sums = useSums();
  const unpricedOf = useUnpriced(clients.data?.some((one) => one.budget_usd_day !== null));
  const { query, rest } = route.value;
  return html`
    <div class="page">
      <${PageHead} title=${t('nav.clients')} count=${clients.data && number(clients.data.length)} actions=${mayOperate.value && html`<${Button} kind="primary" icon="plus" onClick=${() => setQuery({ add: 1 })}>${t('clients.add')}<//>`} />
      <${Answer} of=${clients} skeleton="table" rows=${6} quiet>${(data) => html`<${List} clients=${data} sums=${sums} unpricedOf=${unpricedOf} reload=${clients.reload} />`}<//>
      ${rest[0] && html`<${ClientDrawer} key=${rest[0]} id=${rest[0]} sums=${sums} unpricedOf=${unpricedOf} reload=${clients.reload} back=${href('clients', { ...query, add: null })} />`}
      ${query.add && html`<${AddClient} reload=${clients.reload} close=${() => setQuery({ add: null })} />`}
    </div>`;
}

const tightest = (client, unpricedOf) => {
  const [one] = budgetsOf(client, unpricedOf);
  if (!one) return html`<span class="hint">${spent(client, 'usd_month', unpricedOf, true)}</span>`;
  return html`<span title=${t(`budget.${one.name}`)}><${Budget} one=${one} warn=${client.warn_percent} /></span>`;
};

const models = (client) => (client.models ? html`<span class="row">${client.models.slice(0, 2).map((name) => html`<${Tag} key=${name}>${name}<//>`)}${client.models.length > 2 && html`<span class="hint">+${client.models.length - 2}</span>`}${!client.models.length && t('common.none')}</span>` : html`<span class="hint">${t('common.all')}</span>`);
const limits = (client) => [client.rpm !== null && `${compact(client.rpm)} rpm`, client.tpm !== null && `${compact(client.tpm)} tpm`, client.concurrency !== null && `${client.concurrency} ∥`].filter(Boolean).join(' · ');

const columnsOf = (day, unpricedOf, reload) => [
  { name: 'name', title: t('common.name'), width: '18%', sort: (one) => one.name, render: (one) => html`<span class="row"><a class="cut" href=${href(['clients', one.id])}>${one.name}</a><code class="hint">${one.token_hint}</code></span>` },
  { name: 'state', title: t('common.status'), width: '120px', sort: (one) => stateOf(one)[1], render: (one) => html`<${Badge} tone=${stateOf(one)[0]}>${stateOf(one)[1]}<//>` },
  { name: 'models', title: t('nav.models'), width: '18%', from: 820, render: models },
  { name: 'limits', title: t('keys.limits'), width: '15%', from: 960, render: (one) => limits(one) || html`<span class="hint">${t('common.unlimited')}</span>` },
  { name: 'month', title: t('clients.month_or_budget'), width: '170px', num: true, from: 560, sort: (one) => budgetsOf(one, unpricedOf)[0]?.share ?? one.used.usd_month / 1e12, render: (one) => tightest(one, unpricedOf) },
  { name: 'calls', title: t('keys.calls_24h'), width: '86px', num: true, from: 640, sort: (one) => day.get(one.id)?.calls ?? 0, render: (one) => compact(day.get(one.id)?.calls ?? 0) },
  { name: 'tokens', title: t('overview.tokens'), width: '86px', num: true, from: 720, sort: (one) => day.get(one.id)?.input ?? 0, render: (one) => compact((day.get(one.id)?.input ?? 0) + (day.get(one.id)?.output ?? 0)) },
  { name: 'used', title: t('keys.last_used'), width: '96px', num: true, from: 1000, sort: (one) => one.last_used_at, render: (one) => html`<span class="hint" title=${dateTime(one.last_used_at)}>${one.last_used_at ? relative(one.last_used_at) : t('common.never')}</span>` },
  { name: 'expires', title: t('clients.expires'), width: '112px', num: true, from: 900, sort: (one) => one.expires_at, render: (one) => (one.expires_at ? html`<span title=${dateTime(one.expires_at)}>${relative(one.expires_at)}</span>` : html`<span class="hint">${NOTHING}</span>`) },
  { name: 'menu', title: '', width: '46px', render: (one) => html`<${ClientMenu} item=${one} reload=${reload} />` },
];

function List({ clients, sums, unpricedOf, reload }) {
  const { query, rest } = route.value;
  const order = (query.sort ?? 'name-up').split('-');
  const columns = columnsOf(sums, unpricedOf, reload);
  const text = (query.search ?? '').toLowerCase();
  const rows = sorted(clients.filter((one) => !text || `${one.name} ${one.token_hint} ${one.tags}`.toLowerCase().includes(text)), columns, order);
  if (!clients.length) return html`<${Empty} icon="users" title=${t('clients.none')} action=${mayOperate.value && html`<${Button} kind="primary" icon="plus" onClick=${() => setQuery({ add: 1 })}>${t('clients.add')}<//>`}>${t('clients.none_hint')}<//>`;
  return html`
    <div class="list-bar"><${Search} label=${t('clients.search')} /></div>
    ${rows.length ? html`<${Table} label=${t('nav.clients')} columns=${columns} rows=${rows} open=${(one) => href(['clients', one.id], query)} current=${Number(rest[0])} cardHeight=${72} order=${order}
      reorder=${(name, way) => setQuery({ sort: `${name}-${way}` })} card=${(one) => html`
        <div class="card-line"><a class="cut" href=${href(['clients', one.id])}>${one.name}</a><${Badge} tone=${stateOf(one)[0]}>${stateOf(one)[1]}<//></div>
        <div class="card-line hint"><span class="cut"><code>${one.token_hint}</code> · ${t('common.last_used', { time: one.last_used_at ? relative(one.last_used_at) : t('common.never') })}</span><span class="num">${t('common.calls_n', { n: sums.get(one.id)?.calls ?? 0 })} · ${spent(one, 'usd_month', unpricedOf, true)}</span></div>`} />`
      : html`<${Empty} icon="list-filter" title=${t('clients.no_match')} />`}`;
}
