// The own account: another password, and signing out everywhere.
import { request } from '../lib/api.js';
import { t } from '../lib/i18n.js';
import { notify, notifyError } from '../lib/notices.js';
import { passwordNeeded, signedIn, signedOut } from '../lib/session.js';
import { html, useState } from '../lib/ui.js';
import { Button } from './basics.js';
import { Dialog } from './dialog.js';
import { SecretField } from './fields.js';
import { useForm } from './form.js';

export const LEAST_PASSWORD = 8;

function PasswordForm({ needsOld, done }) {
  const form = useForm({ old: '', new: '' }, (values) => request('PUT', 'api/session/password', { body: needsOld ? values : { new: values.new } }), (session) => {
    signedIn(session);
    notify(t('session.password_changed'));
    done?.();
  });
  return html`
    <form class="form" onSubmit=${form.submit}>
      ${needsOld && html`<${SecretField} label=${t('session.old_password')} autocomplete="current-password" required ...${form.bind('old')} />`}
      <${SecretField} label=${t('session.new_password')} hint=${t('session.password_hint', { n: LEAST_PASSWORD })} autocomplete="new-password" minlength=${LEAST_PASSWORD} required ...${form.bind('new')} />
      ${form.problem}<div class="row"><${Button} kind="primary" type="submit" busy=${form.busy}>${t('session.change_password')}<//></div>
    </form>`;
}

/** For whoever came by a link that was made for setting a password. */
export const NewPassword = () => html`
  <${Dialog} title=${t('session.set_password')} subtitle=${t('session.set_password_hint')} close=${() => { passwordNeeded.value = false; }}><${PasswordForm} /><//>`;

export function OwnAccount({ close }) {
  const [changing, setChanging] = useState(false);
  const everywhere = async () => {
    try {
      await request('DELETE', 'api/sessions', {});
      close();
      signedOut();
    } catch (error) {
      notifyError(error, t('error.title'));
    }
  };
  return html`
    <section class="stack"><h3>${t('session.account')}</h3>
      ${changing ? html`<${PasswordForm} needsOld done=${() => setChanging(false)} />` : html`<div class="row wrap">
        <${Button} small icon="lock" onClick=${() => setChanging(true)}>${t('session.change_password')}<//>
        <${Button} small icon="log-out" onClick=${everywhere}>${t('session.sign_out_everywhere')}<//></div>`}</section>`;
}
