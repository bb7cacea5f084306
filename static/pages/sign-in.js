// `#/sign-in?link=…`: signs in with a link, or shows the form.
import { Brand } from '../components/basics.js';
import { SignInForm, openSession } from '../components/sign-in.js';
import { causeOf } from '../components/states.js';
import { t } from '../lib/i18n.js';
import { go, href, route } from '../lib/router.js';
import { user } from '../lib/session.js';
import { html, useEffect, useState } from '../lib/ui.js';
import { HOME } from '../routes.js';

export default function SignIn() {
  const { link } = route.value.query;
  const [error, setError] = useState(null);
  const [waiting, setWaiting] = useState(Boolean(link));
  useEffect(() => {
    document.title = `${t('session.title')} · Keywheel`;
    if (!link) return;
    // The link works once: it must not stay in the address.
    go(href('sign-in'), { replace: true });
    openSession({ link }).catch((failure) => setError(causeOf(failure))).finally(() => setWaiting(false));
  }, []);
  useEffect(() => {
    if (user.value && !waiting) go(href(HOME), { replace: true });
  }, [user.value, waiting]);
  return html`
    <main class="entry" id="main"><div class="entry-box"><${Brand} />
      ${error && html`<p class="form-problem" role="alert">${error}</p>`}
      ${waiting ? html`<h1 id="page-title" tabindex="-1">${t('session.entering')}</h1>` : html`<${SignInForm} />`}</div></main>`;
}
