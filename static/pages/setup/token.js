// Steps three and four: a client's token with code to use it, and the wait for its first call.
import { Badge, Button, Icon } from '../../components/basics.js';
import { Code } from '../../components/code.js';
import { TextField } from '../../components/fields.js';
import { useForm } from '../../components/form.js';
import { api, url } from '../../lib/api.js';
import { money, span } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { useLive } from '../../lib/live.js';
import { useSomeModel } from '../../lib/model-names.js';
import { href } from '../../lib/router.js';
import { SNIPPETS, snippet } from '../../lib/snippets.js';
import { html, useEffect, useState } from '../../lib/ui.js';
import { outcomeName, outcomeTone } from '../../lib/words.js';
import { HOME } from '../../routes.js';

export function Token({ next }) {
  const form = useForm({ name: 'my-app' }, (values) => api.post('api/clients', values), next);
  return html`
    <h1 id="page-title" tabindex="-1">${t('setup.token')}</h1><p class="hint">${t('setup.token_hint')}</p>
    <form class="form" onSubmit=${form.submit}><${TextField} label=${t('setup.client_name')} required ...${form.bind('name')} />${form.problem}
      <div class="row end"><${Button} kind="primary" type="submit" busy=${form.busy}>${t('setup.make_token')}<//></div></form>`;
}

/** Seconds since it was first shown, ticking. */
function useSeconds(ticking) {
  const [seconds, setSeconds] = useState(0);
  useEffect(() => {
    if (!ticking) return undefined;
    const begun = Date.now();
    const timer = setInterval(() => setSeconds(Math.round((Date.now() - begun) / 1000)), 1000);
    return () => clearInterval(timer);
  }, [ticking]);
  return seconds;
}

export function FirstCall({ made }) {
  const [language, setLanguage] = useState('curl');
  const [call, setCall] = useState(null);
  const model = useSomeModel();
  // A call that failed may be followed by one that does not.
  useLive(({ call: one }) => one && !one.probe && one.client?.id === made.client.id && setCall((old) => (old?.outcome === 'success' ? old : one)));
  const seconds = useSeconds(!call);
  const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'Say hello' }] });
  const works = call?.outcome === 'success';
  return html`
    <h1 id="page-title" tabindex="-1">${t(works ? 'setup.arrived' : call ? 'setup.arrived_failed' : 'setup.call')}</h1>
    <div class="stack">
      <${Code} title=${t('clients.token')} text=${made.token} />
      <p class="hint">${t('clients.token_once')}</p>
      <${Code} title=${t('clients.environment')} text=${`export OPENAI_BASE_URL=${url('v1').href}\nexport OPENAI_API_KEY=${made.token}`} />
      <div class="segments small" role="group" aria-label=${t('calls.as_code')}>${SNIPPETS.map((name) => html`<button type="button" key=${name} aria-pressed=${language === name} onClick=${() => setLanguage(name)}>${name}</button>`)}</div>
      <${Code} title=${t('calls.as_code')} language=${language} text=${snippet(language, { body, token: made.token })} />
      ${call ? html`<div class="verdict" role="status"><${Arrived} call=${call} /></div>`
        : html`<div class="verdict row"><${Icon} name="loader-circle" size="spin" /><span role="status">${t('overview.waiting')}</span><span class="hint num" role="timer">${span(seconds * 1000)}</span></div>`}
      <div class="row end"><${Button} kind=${works ? 'primary' : 'plain'} href=${href(HOME)}>${t('setup.to_overview')}<//></div>
    </div>`;
}

const Arrived = ({ call }) => html`
  <div class="row wrap"><${Badge} tone=${outcomeTone(call.outcome)}>${outcomeName(call.outcome)}<//><strong>${call.model ?? call.path}</strong>
    <span class="hint">${[call.key?.name, span(call.duration_ms), call.cost_usd !== null && money(call.cost_usd)].filter(Boolean).join(' · ')}</span>
    <a href=${href(['calls', call.id])}>${t('setup.show_call')}</a></div>
  ${call.error_code && html`<p class="hint"><code>${call.error_code}</code></p>`}`;
