// The models that the keys of a provider list: read anew, taken out, let in again.
import { Badge, Button } from '../../components/basics.js';
import { Answer, Empty } from '../../components/states.js';
import { api } from '../../lib/api.js';
import { relative } from '../../lib/format.js';
import { attempt } from '../../lib/edit.js';
import { t } from '../../lib/i18n.js';
import { notify, notifyError } from '../../lib/notices.js';
import { forget, useQuery } from '../../lib/query.js';
import { href } from '../../lib/router.js';
import { mayOperate } from '../../lib/session.js';
import { html, useState } from '../../lib/ui.js';

/** Reads the lists and says what changed; an empty list is believed only if asked for. */
export async function sync(provider, changed, believe = false) {
  try {
    const report = await api.post(`api/providers/${provider.id}/models/sync`, { believe_empty: believe });
    forget('api/');
    changed();
    const parts = [report.added.length && t('models.added', { n: report.added.length, names: some(report.added) }), report.vanished.length && t('models.vanished_n', { n: report.vanished.length, names: some(report.vanished) }), ...report.failed.slice(0, 3).map((one) => one.message)];
    const empty = report.empty.length > 0 && { label: t('models.believe_empty'), run: () => sync(provider, changed, true) };
    notify(`${provider.name}: ${report.asked ? t('models.synced', { n: report.asked }) : t('models.nobody_asked')}`, { kind: report.failed.length ? 'bad' : 'good', detail: parts.filter(Boolean).join(' · ') || (report.asked ? t('models.no_change') : undefined), action: empty || undefined });
  } catch (error) {
    notifyError(error, t('models.not_synced', { name: provider.name }));
  }
}

const some = (names) => names.slice(0, 4).join(', ') + (names.length > 4 ? '…' : '');

export function SyncedModels({ provider, changed }) {
  const answer = useQuery(`api/providers/${provider.id}/models`);
  const [text, setText] = useState('');
  const [busy, setBusy] = useState(false);
  const again = () => {
    answer.reload();
    changed();
  };
  const run = () => {
    setBusy(true);
    sync(provider, again).finally(() => setBusy(false));
  };
  const take = (model, removed) => attempt(() => api.patch(`api/providers/${provider.id}/models`, { model, removed }), { changed: again });
  return html`
    <div class="stack">
      <div class="row"><input type="search" aria-label=${t('common.search')} placeholder=${t('common.search')} value=${text} onInput=${(event) => setText(event.target.value)} />
        ${mayOperate.value && html`<${Button} icon="refresh-cw" busy=${busy} onClick=${run}>${t('models.sync')}<//>`}</div>
      <${Answer} of=${answer} rows=${8}>${({ models }) => (models.length ? html`
        <ul class="plain-rows">${models.filter((one) => one.model.toLowerCase().includes(text.toLowerCase())).map((one) => html`
          <li key=${one.model}><code class="cut grow">${one.model}</code>
            ${one.vanished_at && html`<${Badge} tone="warn">${t('models.vanished', { time: relative(one.vanished_at) })}<//>`}
            ${one.removed_at ? html`<${Badge}>${t('models.taken_out')}<//>` : html`<span class="hint">${t('providers.keys_n', { n: one.keys.length })}</span>`}
            ${mayOperate.value && html`<${Button} small kind="quiet" href=${href('models', { add: 1, target: one.model, provider: provider.id })}>${t('models.make_route')}<//>
              <${Button} small kind="quiet" onClick=${() => take(one.model, !one.removed_at)}>${t(one.removed_at ? 'models.let_in' : 'models.take_out')}<//>`}</li>`)}</ul>`
        : html`<${Empty} icon="boxes" title=${t('models.no_list')}>${t('models.no_list_hint')}<//>`)}<//>
    </div>`;
}
