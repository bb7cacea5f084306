// Steps three and four: a client's token with code to use it, and the wait for its first call.
import { Button, Icon } from '../../components/basics.js';
import { Code } from '../../components/code.js';
import { TextField } from '../../components/fields.js';
import { useForm } from '../../components/form.js';
import { api, url } from '../../lib/api.js';
import { money, span } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { useLive } from '../../lib/live.js';
import { useQuery } from '../../lib/query.js';
import { href } from '../../lib/router.js';
import { SNIPPETS, snippet } from '../../lib/snippets.js';
import { html, useState } from '../../lib/ui.js';
import { HOME } from '../../routes.js';

export function Token({ next }) {
  const form = useForm({ name: 'my-app' }, (values) => api.post('api/clients', values), next);
  return html`
    <h1 id="page-title" tabindex="-1">${t('setup.token')}</h1><p class="hint">${t('setup.token_hint')}</p>
    <form class="form" onSubmit=${form.submit}><${TextField} label=${t('setup.client_name')} required ...${form.bind('name')} />${form.problem}
      <div class="row end"><${Button} kind="primary" type="submit" busy=${form.busy}>${t('setup.make_token')}<//></div></form>`;
}

/** A model that a first call can ask for. */
function useSomeModel() {
  const models = useQuery('api/models', { limit: 1 });
  const providers = useQuery('api/providers', { limit: 1000 });
  const provider = providers.data?.providers.find((one) => one.synced_models > 0);
  const listed = useQuery(provider ? `api/providers/${provider.id}/models` : null);
  const names = (listed.data?.models ?? []).map((one) => one.model);
  const chat = names.find((name) => /gpt-4o-mini|mini|flash|haiku|chat/i.test(name)) ?? names.find((name) => !/embed|image|audio|tts|whisper|moderation/i.test(name));
  return models.data?.models[0]?.name ?? chat ?? 'gpt-4o-mini';
}

export function FirstCall({ made }) {
  const [language, setLanguage] = useState('curl');
  const [call, setCall] = useState(null);
  const model = useSomeModel();
  useLive(({ call: one }) => one && !one.probe && one.client?.id === made.client.id && setCall((old) => old ?? one));
  const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'Say hello' }] });
  return html`
    <h1 id="page-title" tabindex="-1">${t(call ? 'setup.arrived' : 'setup.call')}</h1>
    <div class="stack">
      <${Code} title=${t('clients.token')} text=${made.token} />
      <p class="hint">${t('clients.token_once')}</p>
      <${Code} title=${t('clients.environment')} text=${`export OPENAI_BASE_URL=${url('v1').href}\nexport OPENAI_API_KEY=${made.token}`} />
      <div class="segments small" role="group" aria-label=${t('calls.as_code')}>${SNIPPETS.map((name) => html`<button type="button" key=${name} aria-pressed=${language === name} onClick=${() => setLanguage(name)}>${name}</button>`)}</div>
      <${Code} title=${t('calls.as_code')} language=${language} text=${snippet(language, { body, token: made.token })} />
      <div class="verdict" role="status">${call ? html`<div class="row"><${Icon} name="circle-check" /><strong>${call.model ?? call.path}</strong><span class="hint">${call.outcome} · ${call.key?.name ?? ''} · ${span(call.duration_ms)} · ${money(call.cost_usd)}</span></div>`
        : html`<div class="row"><${Icon} name="loader-circle" size="spin" />${t('overview.waiting')}</div>`}</div>
      <div class="row end"><${Button} kind=${call ? 'primary' : 'plain'} href=${href(HOME)}>${t('setup.to_overview')}<//></div>
    </div>`;
}
