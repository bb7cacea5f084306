// Chat: conversations with any model, kept by the server, which goes on writing when nobody reads.
import { IconButton } from '../components/basics.js';
import { Dialog } from '../components/dialog.js';
import { PageHead } from '../components/shell.js';
import { t } from '../lib/i18n.js';
import { route } from '../lib/router.js';
import { isNarrow } from '../lib/theme.js';
import { html, useState } from '../lib/ui.js';
import { Conversation } from './chat/conversation.js';
import { ChatList } from './chat/list.js';
import { useChat } from './chat/use-chat.js';

export default function Chat() {
  const id = route.value.rest[0];
  const store = useChat(id);
  const [version, setVersion] = useState(0);
  const [listed, setListed] = useState(false);
  const changed = () => {
    setVersion((old) => old + 1);
    if (id) store.reload();
  };
  const list = (chosen) => html`<${ChatList} ...${{ version, changed, chosen }} current=${id} />`;
  return html`
    <div class="page chat-page">
      <${PageHead} title=${store.chat?.title || t('nav.chat')}>
        ${isNarrow.value && html`<${IconButton} icon="menu" label=${t('chat.list')} onClick=${() => setListed(true)} />`}
      <//>
      <div class="chat-frame">
        ${!isNarrow.value && list()}
        <${Conversation} id=${id} store=${store} changed=${() => setVersion((old) => old + 1)} />
      </div>
      ${listed && isNarrow.value && html`<${Dialog} drawer title=${t('chat.list')} close=${() => setListed(false)}>${list(() => setListed(false))}<//>`}
    </div>`;
}
