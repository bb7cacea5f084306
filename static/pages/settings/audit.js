// The audit log: who changed what, from where; nothing changes or deletes an entry.
import { Badge, Button } from '../../components/basics.js';
import { FilterMenu } from '../../components/filters.js';
import { Empty, Failure, Skeleton } from '../../components/states.js';
import { api } from '../../lib/api.js';
import { dateTime, relative } from '../../lib/format.js';
import { t, word } from '../../lib/i18n.js';
import { route } from '../../lib/router.js';
import { html, useEffect, useState } from '../../lib/ui.js';

const NOUNS = ['provider', 'key', 'model', 'client', 'settings', 'user', 'admin token', 'script', 'alert rule', 'alert channel', 'call'];
const TONES = { create: 'good', delete: 'bad', restore: 'info', update: 'plain' };

function useAudit(noun) {
  const [state, setState] = useState({ entries: [], cursor: undefined, loading: true });
  const load = async (cursor) => {
    setState((old) => ({ ...old, loading: true, error: null }));
    try {
      const page = await api.get('api/audit', { noun, limit: 100, cursor });
      setState((old) => ({ entries: cursor ? [...old.entries, ...page.entries] : page.entries, cursor: page.next_cursor, loading: false }));
    } catch (error) {
      setState((old) => ({ ...old, loading: false, error }));
    }
  };
  useEffect(() => { load(); }, [noun]);
  return { ...state, load };
}

export function Audit() {
  const { noun } = route.value.query;
  const { entries, cursor, loading, error, load } = useAudit(noun);
  return html`
    <div class="list-bar"><${FilterMenu} name="noun" label=${t('settings.noun')} options=${NOUNS.map((name) => [name, word('noun', name)])} /></div>
    ${error && html`<${Failure} error=${error} retry=${() => load(entries.length ? cursor : undefined)} />`}
    ${!entries.length && loading && html`<${Skeleton} kind="table" rows=${10} />`}
    ${!entries.length && !loading && !error && html`<${Empty} icon="history" title=${t('settings.no_audit')} />`}
    ${entries.length > 0 && html`<ul class="audit panel">${entries.map((entry) => html`<${Entry} key=${entry.id} entry=${entry} />`)}</ul>`}
    ${cursor && html`<div class="list-end"><${Button} busy=${loading} onClick=${() => load(cursor)}>${t('common.more')}<//></div>`}`;
}

const show = (value) => (value === null || value === undefined ? '–' : typeof value === 'string' ? value : JSON.stringify(value));

function Entry({ entry }) {
  const changes = Object.entries(entry.changes ?? {});
  return html`
    <li><details><summary>
      <span class="hint num" title=${dateTime(entry.at)}>${relative(entry.at)}</span>
      <${Badge} tone=${TONES[entry.action] ?? 'plain'}>${word('action', entry.action)}<//>
      <span class="cut"><span class="hint">${word('noun', entry.noun)}</span> <strong>${entry.name}</strong></span>
      <span class="cut hint">${changes.map(([name]) => name).join(', ')}</span>
      <span class="cut">${entry.actor} <span class="hint">${entry.address ?? ''}</span></span></summary>
      ${changes.length > 0 && html`<table class="changes"><thead><tr><th>${t('settings.member')}</th><th>${t('settings.from')}</th><th>${t('settings.to')}</th></tr></thead>
        <tbody>${changes.map(([name, change]) => html`<tr key=${name}><td><code>${name}</code></td><td><code>${show(change?.from)}</code></td><td><code>${show(change?.to)}</code></td></tr>`)}</tbody></table>`}
    </details></li>`;
}
