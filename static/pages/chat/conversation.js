// A conversation: the branch that is shown, and the place to go on.
import { Button, Icon } from '../../components/basics.js';
import { Empty, Failure, Skeleton } from '../../components/states.js';
import { api } from '../../lib/api.js';
import { t } from '../../lib/i18n.js';
import { notifyError } from '../../lib/notices.js';
import { forChat } from '../../lib/model-names.js';
import { useQuery } from '../../lib/query.js';
import { go, href, route } from '../../lib/router.js';
import { mayOperate } from '../../lib/session.js';
import { stored } from '../../lib/stored.js';
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from '../../lib/ui.js';
import { Composer } from './composer.js';
import { Answer, Question, picturesOf } from './message.js';
import { replayOf } from './replay.js';
import { ChatSettings, differs, settingsOf } from './settings.js';
import { branchOf, comparedWith, newestLeaf } from './tree.js';

const lastModel = stored('chat.model', null);
const STARTERS = ['starter_1', 'starter_2', 'starter_3', 'starter_4'];

export function Conversation({ id, store, changed }) {
  const { chat, messages = [], error } = store;
  const known = useQuery('api/chats/models');
  const models = forChat(known.data?.models ?? []);
  const [picked, setPicked] = useState(null);
  const [second, setSecond] = useState(null);
  const [draft, setDraft] = useState(settingsOf(null));
  const [asking, setAsking] = useState(false);
  const [open, setOpen] = useState(false);
  const field = useRef();
  useEffect(() => setPicked(null), [id]);
  const replayed = useQuery(!id && route.value.query.call ? `api/calls/${route.value.query.call}/bodies` : null);
  const replay = useMemo(() => (replayed.data ? replayOf(replayed.data.request?.text) : null), [replayed.data]);
  useEffect(() => {
    if (!replay) return;
    setPicked(replay.model);
    setDraft({ ...settingsOf(null), system: replay.system, temperature: replay.temperature });
  }, [replay]);
  const offered = (name) => (models.some((one) => one.name === name) ? name : null);
  const model = picked ?? route.value.query.model ?? chat?.model ?? offered(lastModel.value) ?? models[0]?.name ?? null;
  const settings = chat ? settingsOf(chat) : draft;
  const branch = branchOf(messages, chat?.leaf);

  const run = async (work) => {
    setAsking(true);
    try {
      return await work();
    } catch (failure) {
      notifyError(failure, t('chat.not_sent'));
      return null;
    } finally {
      setAsking(false);
    }
  };
  const say = ({ text, images }, parent) => run(async () => {
    const members = Object.fromEntries(Object.entries(draft).filter(([, value]) => value !== null && value !== ''));
    const target = chat ?? (await api.post('api/chats', { ...members, model }));
    const pictures = typeof images === 'function' ? await images() : images;
    const body = { text, images: pictures, models: second && second !== model ? [model, second] : [model] };
    if (parent !== undefined) body.parent = parent;
    const turn = await api.post(`api/chats/${target.id}/messages`, body);
    lastModel.value = model;
    changed();
    if (chat) store.take(turn);
    else go(href(['chat', target.id]));
    return true;
  });
  const again = (message) => run(async () => store.take(await api.post(`api/chats/${chat.id}/messages/${message.parent}/answers`, { models: [picked ?? message.answer.model] })));
  const stop = (message) => run(async () => store.put(await api.post(`api/chats/${chat.id}/messages/${message.id}/stop`)));
  const show = (leaf) => run(async () => {
    store.setChat({ ...chat, leaf });
    if (mayOperate.value) store.setChat(await api.patch(`api/chats/${chat.id}`, { leaf }));
  });
  const save = async (form) => (chat ? store.setChat(await api.patch(`api/chats/${chat.id}`, form)) : setDraft(form));

  if (error) return html`<div class="chat-main"><${Failure} error=${error} retry=${store.reload} /></div>`;
  return html`
    <section class="chat-main" aria-label=${chat?.title || t('chat.new')}>
      <${Scroll} of=${branch}>
        ${id && !chat && html`<${Skeleton} rows=${6} />`}
        ${!id && known.data && !models.length && html`<${Empty} icon="boxes" title=${t('chat.no_models')} action=${html`<${Button} href=${href('keys')}>${t('nav.keys')}<//>`}>${t('chat.no_models_hint')}<//>`}
        ${!id && models.length > 0 && html`<${Starters} pick=${(text) => say({ text, images: [] })} />`}
        ${branch.map((message) => {
          if (!message.answer) return html`<${Question} key=${message.id} ...${{ chat, messages, message, show }} edit=${(old, text) => say({ text, images: () => picturesOf(chat, old) }, old.parent)} />`;
          const beside = message.answer.compared ? comparedWith(messages, message) : [];
          if (beside.length < 2) return html`<${Answer} key=${message.id} ...${{ messages, message, show, again, stop }} />`;
          return html`<div class="side-by-side" key=${message.id}>${beside.map((one) => html`<${Answer} key=${one.id} ...${{ messages, show, again, stop }} message=${one}
            chosen=${one.id === message.id} choose=${() => show(newestLeaf(messages, one).id)} />`)}</div>`;
        })}
      <//>
      ${mayOperate.value ? html`<${Composer} start=${replay} ...${{ models, model, second, setSecond, say, field }} setModel=${setPicked} busy=${asking} openSettings=${() => setOpen(true)} hasSettings=${differs(settings)} />`
        : html`<p class="hint chat-look">${t('chat.look_only')}</p>`}
      ${open && html`<${ChatSettings} settings=${settings} save=${save} close=${() => setOpen(false)} />`}
    </section>`;
}

/** Stays at the end while an answer grows, unless its reader has scrolled away. */
function Scroll({ of, children }) {
  const element = useRef();
  const atEnd = useRef(true);
  const scrolled = () => {
    const { scrollTop, scrollHeight, clientHeight } = element.current;
    atEnd.current = scrollHeight - scrollTop - clientHeight < 60;
  };
  useEffect(() => { atEnd.current = true; }, [of.length]);
  useLayoutEffect(() => {
    if (atEnd.current) element.current.scrollTop = element.current.scrollHeight;
  });
  return html`<div class="chat-scroll" ref=${element} onScroll=${scrolled} tabindex="0" role="log" aria-label=${t('chat.messages')} aria-live="off"><div class="chat-messages">${children}</div></div>`;
}

const Starters = ({ pick }) => html`
  <div class="starters">
    <${Icon} name="message-square" /><h2>${t('chat.welcome')}</h2><p class="hint">${t('chat.welcome_hint')}</p>
    ${mayOperate.value && html`<div>${STARTERS.map((name) => html`<button type="button" class="panel" key=${name} onClick=${() => pick(t(`chat.${name}`))}>${t(`chat.${name}`)}</button>`)}</div>`}
  </div>`;
