// Step two: a provider and its keys, checked with the provider at once.
import { Badge, Button, Icon } from '../../components/basics.js';
import { TextArea, TextField } from '../../components/fields.js';
import { causeOf } from '../../components/states.js';
import { api, follow } from '../../lib/api.js';
import { t, word } from '../../lib/i18n.js';
import { PRESETS } from '../../lib/presets.js';
import { useQuery } from '../../lib/query.js';
import { html, useState } from '../../lib/ui.js';

/** So many keys are checked here; the others are checked when they are used. */
const MOST_CHECKED = 20;

async function providerOf(preset, address) {
  const { label, ...body } = preset;
  const { providers } = await api.get('api/providers', { limit: 1000 });
  const known = providers.find((one) => one.name === body.name);
  return known ?? api.post('api/providers', { ...body, base_url: address, default: providers.length === 0 });
}

async function importKeys(provider, text) {
  let ids = [];
  await follow('POST', 'api/keys/import', { body: { provider: provider.id, text } }, (event) => {
    if (event.error) throw Object.assign(new Error(event.error.message), { plain: true });
    if (event.result) ids = event.result.ids;
  });
  return ids;
}

export function Keys({ next }) {
  const [preset, setPreset] = useState(PRESETS[0]);
  const [address, setAddress] = useState(PRESETS[0].base_url);
  const [text, setText] = useState('');
  const [checks, setChecks] = useState(null);
  const [models, setModels] = useState(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const known = useQuery('api/providers', { limit: 1000 });
  const hasKeys = known.data?.providers.some((provider) => Object.values(provider.status.keys).some((count) => count > 0));
  const run = async (event) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      const provider = await providerOf(preset, address);
      const ids = await importKeys(provider, text);
      setChecks([]);
      for (const id of ids.slice(0, MOST_CHECKED)) {
        const report = await api.post(`api/keys/${id}/check`);
        setChecks((old) => [...old, report]);
      }
      const report = await api.post(`api/providers/${provider.id}/models/sync`, {});
      setModels(report.added.length);
      known.reload();
    } catch (failure) {
      setError(failure.plain ? failure.message : causeOf(failure));
    }
    setBusy(false);
  };
  const choose = (one) => {
    setPreset(one);
    setAddress(one.base_url);
  };
  return html`
    <h1 id="page-title" tabindex="-1">${t('setup.keys')}</h1><p class="hint">${t('setup.keys_hint')}</p>
    <form class="form" onSubmit=${run}>
      <div class="presets" role="group" aria-label=${t('providers.presets')}>${PRESETS.map((one) => html`<button type="button" key=${one.label} aria-pressed=${preset.label === one.label} onClick=${() => choose(one)}>${one.label}</button>`)}</div>
      <${TextField} label=${t('providers.base_url')} type="url" required value=${address} change=${setAddress} />
      <${TextArea} label=${t('keys.paste')} class="mono" rows="5" placeholder=${'sk-…\nsk-…'} hint=${t('keys.paste_hint')} value=${text} change=${setText} />
      ${error && html`<p class="form-problem" role="alert"><${Icon} name="circle-alert" />${error}</p>`}
      ${checks && html`<ul class="plain-rows" role="status">${checks.map((report) => html`<li key=${report.key.id}><span class="grow">${report.key.name} <code class="hint">${report.key.secret_hint}</code></span>
        <${Badge} tone=${report.verdict === 'valid' ? 'good' : report.verdict === 'invalid' ? 'bad' : 'warn'}>${word('check', report.verdict)}<//></li>`)}</ul>`}
      ${models !== null && html`<p role="status"><${Icon} name="boxes" /> ${t('setup.models_found', { n: models })}</p>`}
      <div class="row end">${hasKeys && !checks && html`<${Button} kind="quiet" onClick=${next}>${t('setup.skip')}<//>`}
        ${models === null ? html`<${Button} kind="primary" type="submit" busy=${busy} disabled=${!text.trim()}>${t('setup.add_keys')}<//>` : html`<${Button} kind="primary" onClick=${next}>${t('setup.next')}<//>`}</div>
    </form>`;
}
