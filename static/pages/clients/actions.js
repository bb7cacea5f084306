// What can be done with one client.
import { Menu, MenuEntry } from '../../components/menu.js';
import { api } from '../../lib/api.js';
import { attempt, removeThing } from '../../lib/edit.js';
import { t } from '../../lib/i18n.js';
import { range } from '../../lib/range.js';
import { go, href, route } from '../../lib/router.js';
import { mayOperate } from '../../lib/session.js';
import { html, useState } from '../../lib/ui.js';
import { Rotate } from './token.js';

/** Lets a client call or not. */
export const setEnabled = (client, enabled, changed) => attempt(() => api.patch(`api/clients/${client.id}`, { enabled }, { etag: client.version }), {
  done: t(enabled ? 'clients.was_enabled' : 'clients.was_disabled', { name: client.name }), changed,
});

export async function remove(client, changed) {
  const removed = await removeThing('clients', client, changed);
  if (removed && route.value.rest[0] === String(client.id)) go(href('clients', route.value.query));
}

export function ClientMenu({ item, reload }) {
  const [rotating, setRotating] = useState(false);
  return html`
    <${Menu} quiet small icon="ellipsis" chevron=${false} title=${t('keys.actions', { name: item.name })}>${(close) => html`
      <${MenuEntry} icon="activity" close=${close} href=${href('calls', { ...range.value, client: item.id })}>${t('keys.show_calls')}<//>
      ${mayOperate.value && html`
        <${MenuEntry} icon=${item.enabled ? 'power-off' : 'power'} close=${close} run=${() => setEnabled(item, !item.enabled, reload)}>${t(item.enabled ? 'keys.disable' : 'keys.enable')}<//>
        <${MenuEntry} icon="refresh-cw" close=${close} run=${() => setRotating(true)}>${t('clients.rotate')}<//>
        <${MenuEntry} icon="trash-2" danger close=${close} run=${() => remove(item, reload)}>${t('common.delete')}<//>`}`}
    <//>
    ${rotating && html`<${Rotate} client=${item} changed=${reload} close=${() => setRotating(false)} />`}`;
}
