// The list of keys as a file: what everybody may see, or, for an owner who gives their password again, with the secrets.
import { Button, Icon } from '../../components/basics.js';
import { Dialog } from '../../components/dialog.js';
import { SecretField } from '../../components/fields.js';
import { useForm } from '../../components/form.js';
import { Menu, MenuEntry } from '../../components/menu.js';
import { failureOf, send } from '../../lib/api.js';
import { t } from '../../lib/i18n.js';
import { notify } from '../../lib/notices.js';
import { download, saveAs } from '../../lib/save.js';
import { mayOwn, user } from '../../lib/session.js';
import { html, useState } from '../../lib/ui.js';

/** `filter` are members of the address; those that nobody set are left out. */
export function ExportMenu({ filter }) {
  const [asking, setAsking] = useState(false);
  const plain = () => download('api/keys/export', filter, 'keys.csv');
  // Whoever came with an admin token has no password to give.
  if (!mayOwn.value || !user.value.id) return html`<${Button} icon="download" onClick=${plain} aria-label=${t('common.export')} title=${t('common.export')} />`;
  return html`
    <${Menu} icon="download" title=${t('common.export')} chevron=${false}>${(close) => html`
      <${MenuEntry} icon="file-text" close=${close} run=${plain}>${t('keys.export_plain')}<//>
      <${MenuEntry} icon="key-round" close=${close} run=${() => setAsking(true)}>${t('keys.export_secrets')}<//>`}<//>
    ${asking && html`<${WithSecrets} filter=${filter} close=${() => setAsking(false)} />`}`;
}

function WithSecrets({ filter, close }) {
  const isPart = Object.values(filter).some(Boolean);
  const form = useForm({ password: '' }, async ({ password }) => {
    const { provider, ...rest } = filter;
    const response = await send('POST', 'api/keys/export', { accept: '*/*', body: { password, filter: { ...rest, provider: provider ? Number(provider) : undefined } } });
    if (!response.ok) throw await failureOf(response);
    return response.blob();
  }, (file) => {
    saveAs(file, 'keys-with-secrets.csv');
    close();
    notify(t('keys.secrets_left'));
  });
  return html`
    <${Dialog} title=${t('keys.export_secrets_title')} close=${close}>
      <form class="form" onSubmit=${form.submit}>
        <p class="verdict warn"><${Icon} name="shield-alert" /> ${t('keys.export_secrets_hint')}</p>
        <p class="hint">${t(isPart ? 'keys.export_shown' : 'keys.export_all')}</p>
        <${SecretField} label=${t('session.password')} autocomplete="current-password" required ...${form.bind('password')} />
        ${form.problem}
        <div class="row end"><${Button} onClick=${close}>${t('common.cancel')}<//><${Button} kind="primary" type="submit" icon="download" busy=${form.busy}>${t('common.export')}<//></div>
      </form>
    <//>`;
}
