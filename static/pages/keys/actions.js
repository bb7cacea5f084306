// What can be done with one key.
import { Menu, MenuEntry } from '../../components/menu.js';
import { api } from '../../lib/api.js';
import { attempt, removeThing } from '../../lib/edit.js';
import { t, word } from '../../lib/i18n.js';
import { notify, notifyError } from '../../lib/notices.js';
import { forget } from '../../lib/query.js';
import { range } from '../../lib/range.js';
import { go, href, route } from '../../lib/router.js';
import { mayOperate } from '../../lib/session.js';
import { html, useState } from '../../lib/ui.js';
import { saidIn } from '../../lib/words.js';
import { DisableEntries, DisableUntil } from './disable.js';

export const isDisabled = (key) => key.status?.state?.startsWith('disabled');

/** Disables a key until a moment, or until somebody enables it; offers to undo it. */
export async function disable(key, until, reload, reason) {
  try {
    await api.post(`api/keys/${key.id}/disable`, { until, reason });
  } catch (error) {
    notifyError(error, t('error.title'));
    return;
  }
  forget('api/');
  reload();
  notify(t('keys.was_disabled', { name: key.name }), { action: { label: t('common.undo'), run: () => enable(key, reload) } });
}

export const enable = (key, reload) => attempt(() => api.post(`api/keys/${key.id}/enable`), { done: t('keys.was_enabled', { name: key.name }), changed: reload });
export const reset = (key, reload) => attempt(() => api.post(`api/keys/${key.id}/reset`), { done: t('keys.was_reset', { name: key.name }), changed: reload });

const GOOD = ['valid'];
const UNSURE = ['cannot_tell', 'network', 'provider_trouble', 'rate_limited'];

/** Asks the provider whether the key works, and says what came back. */
export async function check(key, reload) {
  try {
    const report = await api.post(`api/keys/${key.id}/check`);
    const kind = GOOD.includes(report.verdict) ? 'good' : UNSURE.includes(report.verdict) ? 'plain' : 'bad';
    notify(`${key.name}: ${word('check', report.verdict)}`, { kind, detail: saidIn(report.message) ?? undefined });
    forget('api/');
    reload();
  } catch (error) {
    notifyError(error, t('keys.not_checked', { name: key.name }));
  }
}

export async function remove(key, reload) {
  const removed = await removeThing('keys', key, reload);
  if (removed && route.value.rest[0] === String(key.id)) go(href('keys', route.value.query));
}

export function KeyMenu({ item, reload }) {
  const [asking, setAsking] = useState(false);
  const stop = (until, reason) => disable(item, until, reload, reason);
  return html`
    <${Menu} quiet small icon="ellipsis" chevron=${false} title=${t('keys.actions', { name: item.name })}>${(close) => html`
      <${MenuEntry} icon="activity" close=${close} href=${href('calls', { ...range.value, attempted_key: item.id })}>${t('keys.show_calls')}<//>
      ${mayOperate.value && html`
        <${MenuEntry} icon="flask-conical" close=${close} run=${() => check(item, reload)}>${t('keys.check')}<//>
        ${isDisabled(item) ? html`<${MenuEntry} icon="power" close=${close} run=${() => enable(item, reload)}>${t('keys.enable')}<//>`
          : html`<${DisableEntries} icon close=${close} disable=${stop} ask=${() => setAsking(true)} />`}
        <${MenuEntry} icon="rotate-ccw" close=${close} run=${() => reset(item, reload)}>${t('keys.reset')}<//>
        <${MenuEntry} icon="trash-2" danger close=${close} run=${() => remove(item, reload)}>${t('common.delete')}<//>`}`}
    <//>
    ${asking && html`<${DisableUntil} title=${t('keys.disable_named', { name: item.name })} disable=${stop} close=${() => setAsking(false)} />`}`;
}
