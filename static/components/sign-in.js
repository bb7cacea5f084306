// The way in. It lies over whatever is on the page, so that a form that met a 401 goes on where it was.
import { ApiError, request } from '../lib/api.js';
import { t } from '../lib/i18n.js';
import { signedIn, token, user } from '../lib/session.js';
import { html, useEffect, useLayoutEffect, useRef, useState } from '../lib/ui.js';
import { Brand, Button } from './basics.js';
import { SecretField, TextField } from './fields.js';
import { causeOf } from './states.js';

/** Signs in with `{name, password}` or `{link}`. */
export async function openSession(body) {
  token.value = null;
  signedIn(await request('POST', 'api/session', { body, patient: false }));
}

/** Signs in with an admin token: it is kept until the tab is closed. */
export async function useAdminToken(given) {
  token.value = given;
  try {
    signedIn(await request('GET', 'api/session', { patient: false }));
  } catch (error) {
    token.value = null;
    throw error;
  }
}

/** Whether nobody can sign in yet, because the first owner is still to be made. */
function useSetupNeeded() {
  const [needed, setNeeded] = useState(false);
  useEffect(() => {
    request('GET', 'api/setup', { patient: false }).then((answer) => setNeeded(answer.needed), () => {});
  }, []);
  return needed;
}

/** The form alone. */
export function SignInForm({ heading }) {
  const [way, setWay] = useState('password');
  const [name, setName] = useState(user.peek()?.name ?? '');
  const [secret, setSecret] = useState('');
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await (way === 'token' ? useAdminToken(secret.trim()) : openSession({ name: name.trim(), password: secret }));
    } catch (failure) {
      setError(failure instanceof ApiError && failure.status === 401 ? t(`session.wrong_${way}`) : causeOf(failure));
      setSecret('');
    }
    setBusy(false);
  };
  const needsSetup = useSetupNeeded();
  const other = way === 'token' ? 'password' : 'token';
  return html`
    <form class="sign-in-form" onSubmit=${submit}>
      <h1>${heading ?? t('session.title')}</h1>
      ${needsSetup && html`<p class="verdict">${t('session.no_owner')}</p>`}
      ${way === 'password' && html`<${TextField} label=${t('session.name')} value=${name} change=${setName} autocomplete="username" required autofocus />`}
      <${SecretField} key=${way} label=${t(way === 'token' ? 'session.admin_token' : 'session.password')} value=${secret} change=${setSecret}
        hint=${way === 'token' ? t('session.token_hint') : undefined} autocomplete=${way === 'token' ? 'off' : 'current-password'} required error=${error} />
      <${Button} kind="primary" type="submit" busy=${busy}>${t('session.sign_in')}<//>
      <button type="button" class="link" onClick=${() => { setWay(other); setError(null); setSecret(''); }}>${t(`session.use_${other}`)}</button>
    </form>`;
}

/** The form over the page, when a question came back with 401. */
export function SignInOverlay() {
  const element = useRef();
  useLayoutEffect(() => {
    const dialog = element.current;
    const focused = document.activeElement;
    dialog.showModal();
    dialog.querySelector('input')?.focus();
    return () => {
      dialog.close();
      focused?.isConnected && focused.focus();
    };
  }, []);
  const stay = (event) => event.preventDefault();
  return html`
    <dialog ref=${element} class="sign-in" aria-label=${t('session.title')} onCancel=${stay} onKeyDown=${(event) => event.key === 'Escape' && stay(event)}>
      <${Brand} />
      <${SignInForm} heading=${user.value ? t('session.again') : undefined} />
      ${user.value && html`<p class="hint">${t('session.kept')}</p>`}
    </dialog>`;
}
