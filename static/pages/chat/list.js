// The list of chats: found, renamed, pinned, deleted with undo.
import { Button, Icon } from '../../components/basics.js';
import { Dialog } from '../../components/dialog.js';
import { TextField } from '../../components/fields.js';
import { Menu, MenuEntry } from '../../components/menu.js';
import { Failure, Skeleton } from '../../components/states.js';
import { api } from '../../lib/api.js';
import { attempt } from '../../lib/edit.js';
import { shortTime } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { notify, notifyError } from '../../lib/notices.js';
import { useRested } from '../../lib/query.js';
import { go, href } from '../../lib/router.js';
import { download } from '../../lib/save.js';
import { mayOperate } from '../../lib/session.js';
import { classes, html, useEffect, useRef, useState } from '../../lib/ui.js';

const PAGE = 50;

/** The chats that a search finds; `version` asks anew. A search goes on by itself until a page is full. */
export function useChats(search, version) {
  const [state, setState] = useState({ chats: [], loading: true });
  const asked = useRef();
  const ask = async (start) => {
    const stop = new AbortController();
    asked.current?.abort();
    asked.current = stop;
    let { chats, cursor } = start;
    const least = chats.length + PAGE;
    try {
      do {
        const page = await api.get('api/chats', { search, limit: PAGE, cursor }, { signal: stop.signal });
        chats = [...chats, ...page.chats];
        cursor = page.next_cursor;
        setState({ chats, cursor, loading: Boolean(cursor) && chats.length < least });
      } while (cursor && chats.length < least);
    } catch (error) {
      if (error.name !== 'AbortError') setState((old) => ({ ...old, error, loading: false }));
    }
  };
  useEffect(() => {
    ask({ chats: [] });
    return () => asked.current?.abort();
  }, [search, version]);
  return { ...state, more: () => ask(state), reload: () => ask({ chats: [] }) };
}

export function ChatList({ current, version, changed, chosen }) {
  const [typed, setTyped] = useState('');
  const search = useRested(typed.trim());
  const list = useChats(search, version);
  const [renamed, setRenamed] = useState(null);
  return html`
    <div class="chat-side">
      <${Button} kind="primary" icon="plus" href=${href('chat')} onClick=${chosen}>${t('chat.new')}<//>
      <input type="search" data-search placeholder=${t('chat.search')} aria-label=${t('chat.search')} value=${typed} onInput=${(event) => setTyped(event.target.value)} />
      <nav aria-label=${t('chat.list')}>
        ${list.error && html`<${Failure} error=${list.error} retry=${list.reload} />`}
        ${!list.chats.length && list.loading && html`<${Skeleton} rows=${5} />`}
        ${!list.chats.length && !list.loading && !list.error && html`<p class="hint">${t(search ? 'chat.not_found' : 'chat.none')}</p>`}
        <ul>${list.chats.map((chat) => html`<${Entry} key=${chat.id} ...${{ chat, changed, chosen, rename: setRenamed }} here=${String(chat.id) === String(current)} />`)}</ul>
        ${list.cursor && html`<${Button} small kind="quiet" busy=${list.loading} onClick=${list.more}>${t('common.more')}<//>`}
      </nav>
      ${renamed && html`<${Rename} chat=${renamed} close=${() => setRenamed(null)} changed=${changed} />`}
    </div>`;
}

const titleOf = (chat) => chat.title || t('chat.untitled');

function Entry({ chat, here, changed, chosen, rename }) {
  const pin = () => attempt(() => api.patch(`api/chats/${chat.id}`, { pinned: !chat.pinned }), { changed });
  return html`
    <li class=${classes('chat-entry', here && 'is-here')}>
      <a href=${href(['chat', chat.id])} aria-current=${here ? 'page' : undefined} onClick=${chosen}>
        ${chat.pinned && html`<${Icon} name="pin" label=${t('chat.pinned')} />`}<span class="cut grow" title=${titleOf(chat)}>${titleOf(chat)}</span><span class="hint">${shortTime(chat.active_at).replace(/:\d\d$/, '')}</span>
      </a>
      <${Menu} icon="ellipsis" quiet small title=${`${t('common.actions')}: ${titleOf(chat)}`}>${(close) => html`
        ${mayOperate.value && html`
          <${MenuEntry} icon="pin" close=${close} run=${pin}>${t(chat.pinned ? 'chat.unpin' : 'chat.pin')}<//>
          <${MenuEntry} icon="pencil" close=${close} run=${() => rename(chat)}>${t('chat.rename')}<//>`}
        <${MenuEntry} icon="download" close=${close} run=${() => download(`api/chats/${chat.id}/export`, { format: 'markdown' }, `chat-${chat.id}.md`)}>${t('chat.export', { format: 'Markdown' })}<//>
        <${MenuEntry} icon="download" close=${close} run=${() => download(`api/chats/${chat.id}/export`, { format: 'json' }, `chat-${chat.id}.json`)}>${t('chat.export', { format: 'JSON' })}<//>
        ${mayOperate.value && html`<${MenuEntry} icon="trash-2" danger close=${close} run=${() => remove(chat, here, changed)}>${t('common.delete')}<//>`}`}<//>
    </li>`;
}

async function remove(chat, here, changed) {
  const name = titleOf(chat);
  try {
    await api.delete(`api/chats/${chat.id}`);
  } catch (error) {
    notifyError(error, t('edit.not_deleted', { name }));
    return;
  }
  changed();
  if (here) go(href('chat'));
  const undo = () => attempt(() => api.post(`api/chats/${chat.id}/restore`), { done: t('common.restored', { name }), changed });
  notify(t('common.deleted', { name }), { action: { label: t('common.undo'), run: undo } });
}

function Rename({ chat, close, changed }) {
  const [title, setTitle] = useState(chat.title);
  const save = async (event) => {
    event.preventDefault();
    if (await attempt(() => api.patch(`api/chats/${chat.id}`, { title: title.trim() }), { changed })) close();
  };
  return html`
    <${Dialog} title=${t('chat.rename')} close=${close} actions=${html`<${Button} onClick=${close}>${t('common.cancel')}<//><${Button} kind="primary" onClick=${save}>${t('common.save')}<//>`}>
      <form class="form" onSubmit=${save}><${TextField} label=${t('chat.title')} value=${title} change=${setTitle} maxlength="200" /></form>
    <//>`;
}
