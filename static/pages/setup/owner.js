// Step one: the first owner.
import { Button } from '../../components/basics.js';
import { SecretField, TextField } from '../../components/fields.js';
import { useForm } from '../../components/form.js';
import { LEAST_PASSWORD } from '../../components/account.js';
import { request } from '../../lib/api.js';
import { t } from '../../lib/i18n.js';
import { go, href } from '../../lib/router.js';
import { signedIn } from '../../lib/session.js';
import { html } from '../../lib/ui.js';

export function Owner({ token, next }) {
  const form = useForm({ name: 'admin', password: '' }, (values) => request('POST', 'api/setup', { body: { ...values, token }, patient: false }), (session) => {
    // The token works once: it must not stay in the address.
    go(href('setup'), { replace: true });
    signedIn(session);
    next();
  });
  if (!token) {
    return html`<h1 id="page-title" tabindex="-1">${t('setup.no_token')}</h1><p>${t('setup.no_token_hint')}</p><p><a class="button" href=${href('sign-in')}>${t('session.sign_in')}</a></p>`;
  }
  return html`
    <h1 id="page-title" tabindex="-1">${t('setup.owner')}</h1><p class="hint">${t('setup.owner_hint')}</p>
    <form class="form" onSubmit=${form.submit}>
      <${TextField} label=${t('session.name')} autocomplete="username" required ...${form.bind('name')} />
      <${SecretField} label=${t('session.password')} hint=${t('session.password_hint', { n: LEAST_PASSWORD })} autocomplete="new-password" minlength=${LEAST_PASSWORD} required ...${form.bind('password')} />
      ${form.problem}<div class="row end"><${Button} kind="primary" type="submit" busy=${form.busy}>${t('setup.next')}<//></div>
    </form>`;
}
