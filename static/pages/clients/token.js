// A client's token: shown once, with code that uses it, and made anew.
import { Button } from '../../components/basics.js';
import { Code } from '../../components/code.js';
import { Dialog } from '../../components/dialog.js';
import { SelectField } from '../../components/fields.js';
import { api, url } from '../../lib/api.js';
import { span } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { useSomeModel } from '../../lib/model-names.js';
import { notifyError } from '../../lib/notices.js';
import { forget } from '../../lib/query.js';
import { SNIPPETS, snippet } from '../../lib/snippets.js';
import { html, useState } from '../../lib/ui.js';

/** The token, and code that uses it. Nothing but its own button closes what is shown only once. */
export function TokenOnce({ client, token, close }) {
  const [language, setLanguage] = useState('curl');
  const some = useSomeModel();
  const body = JSON.stringify({ model: client.models?.find((name) => !name.includes('*')) ?? some, messages: [{ role: 'user', content: 'Say hello' }] });
  return html`
    <${Dialog} wide keep title=${t('clients.token_of', { name: client.name })} subtitle=${t('clients.token_once')} close=${close} actions=${html`<${Button} kind="primary" onClick=${close}>${t('clients.token_kept')}<//>`}>
      <div class="stack">
        <${Code} title=${t('clients.token')} text=${token} />
        <${Code} title=${t('clients.environment')} text=${`export OPENAI_BASE_URL=${url('v1').href}\nexport OPENAI_API_KEY=${token}`} />
        <div class="segments small" role="group" aria-label=${t('calls.as_code')}>${SNIPPETS.map((name) => html`<button type="button" key=${name} aria-pressed=${language === name} onClick=${() => setLanguage(name)}>${name}</button>`)}</div>
        <${Code} title=${t('calls.as_code')} language=${language} text=${snippet(language, { body, token })} />
      </div>
    <//>`;
}

/** Seconds for which the token of now may go on beside the new one. */
const OVERLAPS = [0, 3600, 86_400, 604_800];

/** Asks how long the token of now goes on, makes a new one and shows it. */
export function Rotate({ client, changed, close }) {
  const [overlap, setOverlap] = useState(0);
  const [busy, setBusy] = useState(false);
  const [made, setMade] = useState(null);
  const run = async (event) => {
    event.preventDefault();
    setBusy(true);
    try {
      setMade(await api.post(`api/clients/${client.id}/token`, { overlap_s: Number(overlap) || undefined }, { etag: client.version }));
      forget('api/');
    } catch (error) {
      notifyError(error, t('error.title'));
      close();
      changed();
    }
  };
  if (made) return html`<${TokenOnce} key="made" ...${made} close=${() => { close(); changed(); }} />`;
  return html`
    <${Dialog} title=${t('clients.rotate_named', { name: client.name })} close=${close}>
      <form class="form" onSubmit=${run}><p>${t('clients.rotate_hint', { name: client.name })}</p>
        <${SelectField} label=${t('clients.overlap')} value=${overlap} change=${setOverlap} options=${OVERLAPS.map((seconds) => [seconds, seconds ? span(seconds * 1000) : t('clients.at_once')])} />
        <div class="row end"><${Button} onClick=${close}>${t('common.cancel')}<//><${Button} kind="primary" type="submit" busy=${busy}>${t('clients.rotate')}<//></div></form>
    <//>`;
}
