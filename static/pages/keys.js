// Keys: a list of up to ten thousand, what became of each, and what can be done with many at once.
import { Button } from '../components/basics.js';
import { ClearFilters, FilterMenu, Search } from '../components/filters.js';
import { PageHead } from '../components/shell.js';
import { Answer, Empty } from '../components/states.js';
import { MarkedBar, Table, sorted } from '../components/table.js';
import { everything } from '../lib/api.js';
import { number } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { useAnswer, useQuery } from '../lib/query.js';
import { zone } from '../lib/range.js';
import { href, route, setQuery } from '../lib/router.js';
import { mayOperate } from '../lib/session.js';
import { html, useMemo, useState } from '../lib/ui.js';
import { KEY_STATES, stateName } from '../lib/words.js';
import { BulkActions, CheckAll } from './keys/bulk.js';
import { KeyCard, columnsOf } from './keys/columns.js';
import { KeyDrawer } from './keys/drawer.js';
import { AddKeys, PasteBox } from './keys/add.js';
import { ExportMenu } from './keys/export.js';

const FILTERS = ['search', 'state', 'provider', 'tag'];
/** How often the list is asked again: large ones cost more. */
const pace = (count) => (count > 3000 ? 60_000 : count > 500 ? 20_000 : 8000);

const contains = (key, text) => [key.name, key.account, key.secret_hint, key.provider_name].some((part) => part?.toLowerCase().includes(text));

export function matching(keys, query) {
  const text = query.search?.toLowerCase();
  const states = query.state?.split(',');
  return keys.filter((key) =>
    (!states || states.includes(key.status?.state)) && (!query.provider || String(key.provider) === query.provider)
    && (!query.tag || key.tags.includes(query.tag)) && (!text || contains(key, text)));
}

/** What an export asks for: one state at most can be asked of the server. */
const exported = ({ provider, tag, search, state }) => ({ provider, tag, search, state: state?.includes(',') ? undefined : state });

const tally = (values) => {
  const counts = new Map();
  values.forEach((value) => counts.set(value, (counts.get(value) ?? 0) + 1));
  return counts;
};

export default function Keys() {
  const [size, setSize] = useState(0);
  const keys = useAnswer('api/keys all', async (signal) => {
    const all = await everything('api/keys', 'keys', {}, { signal });
    setSize(all.length);
    return all;
  }, { every: pace(size) });
  const day = { range: '24h', zone: zone.value };
  const sums = useQuery('api/stats/totals', { ...day, by: 'key', limit: 10_000 }, { every: 30_000 });
  const lines = useQuery('api/stats/series', { ...day, by: 'key', top: 50, step: '1h' }, { every: 60_000 });
  const { query, rest } = route.value;
  const [marked, setMarked] = useState(new Set());
  const [checked, setChecked] = useState(null);
  const count = keys.data && matching(keys.data, query).length;
  return html`
    <div class="page">
      <${PageHead} title=${t('nav.keys')} count=${count !== undefined && number(count)} actions=${html`
        <${ExportMenu} filter=${exported(query)} />
        ${mayOperate.value && html`<${Button} kind="primary" icon="plus" onClick=${() => setQuery({ add: 1 })}>${t('keys.add')}<//>`}`} />
      <${Answer} of=${keys} skeleton="table" rows=${10} quiet>${(data) => html`<${List} keys=${data} sums=${sums.data} lines=${lines.data} reload=${keys.reload} marked=${marked} mark=${setMarked} check=${setChecked} />`}<//>
      ${rest[0] && keys.data && html`<${KeyDrawer} key=${rest[0]} id=${rest[0]} reload=${keys.reload} back=${href('keys', query)} />`}
      ${checked && html`<${CheckAll} ids=${checked} keys=${keys.data ?? []} reload=${keys.reload} mark=${(ids) => setMarked(new Set(ids))} close=${() => setChecked(null)} />`}
      ${query.add && html`<${AddKeys} reload=${keys.reload} check=${setChecked} tags=${[...new Set((keys.data ?? []).flatMap((key) => key.tags))]} close=${() => setQuery({ add: null })} />`}
    </div>`;
}

function List({ keys, sums, lines, reload, marked, mark, check }) {
  const { query, rest } = route.value;
  const use = useMemo(() => new Map((sums?.members ?? []).map((member) => [member.id, member.sums])), [sums]);
  const trend = useMemo(() => new Map((lines?.series ?? []).filter((one) => one.id).map((one) => [one.id, one.attempts])), [lines]);
  const columns = columnsOf(use, trend, reload);
  const order = (query.sort ?? 'name-up').split('-');
  const rows = useMemo(() => sorted(matching(keys, query), columns, order), [keys, use, JSON.stringify(query)]);
  const states = tally(keys.map((key) => key.status?.state));
  const providers = [...new Map(keys.map((key) => [key.provider, key.provider_name]))];
  const byProvider = tally(keys.map((key) => key.provider));
  const tags = [...tally(keys.flatMap((key) => key.tags))].sort(([a], [b]) => a.localeCompare(b));
  const live = useMemo(() => new Set(rows.map((key) => key.id)), [rows]);
  const chosen = new Set([...marked].filter((id) => live.has(id)));
  if (!keys.length) {
    return html`<section class="panel stack first-keys"><h2>${t('keys.none')}</h2><p class="hint">${t('keys.none_hint')}</p>
      ${mayOperate.value && html`<${PasteBox} reload=${reload} tags=${[]} check=${check} />`}</section>`;
  }
  return html`
    <div class="list-bar">
      <${Search} label=${t('keys.search')} />
      <${FilterMenu} name="state" several label=${t('keys.state')} options=${KEY_STATES.map((state) => [state, stateName(state), states.get(state) ?? 0])} />
      <${FilterMenu} name="provider" label=${t('keys.provider')} options=${providers.map(([id, name]) => [id, name, byProvider.get(id)])} />
      ${tags.length > 0 && html`<${FilterMenu} name="tag" label=${t('keys.tag')} options=${tags.map(([tag, count]) => [tag, tag, count])} />`}
      <${ClearFilters} names=${FILTERS} />
    </div>
    ${rows.length ? html`<${Table} label=${t('nav.keys')} columns=${columns} rows=${rows} open=${(key) => href(['keys', key.id], query)} current=${Number(rest[0])}
        card=${(key) => html`<${KeyCard} item=${key} sums=${use.get(key.id)} link=${href(['keys', key.id], query)} />`} cardHeight=${96} recycles
        marked=${mayOperate.value ? chosen : undefined} mark=${mark} order=${order} reorder=${(name, way) => setQuery({ sort: `${name}-${way}` })} />`
      : html`<${Empty} icon="list-filter" title=${t('keys.no_match')} action=${html`<${ClearFilters} names=${FILTERS} />`} />`}
    <${MarkedBar} count=${chosen.size} total=${rows.length} clear=${() => mark(new Set())}>
      <${BulkActions} ids=${[...chosen]} keys=${rows.filter((key) => chosen.has(key.id))} all=${keys} check=${() => check([...chosen])} done=${() => { mark(new Set()); reload(); }} />
    <//>`;
}
