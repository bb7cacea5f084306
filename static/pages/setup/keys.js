// Step two: a provider and its keys, checked with the provider at once, and the models that they may use.
import { Button, Icon } from '../../components/basics.js';
import { Switch, TextArea, TextField } from '../../components/fields.js';
import { causeOf } from '../../components/states.js';
import { api } from '../../lib/api.js';
import { isNear } from '../../lib/hosts.js';
import { t } from '../../lib/i18n.js';
import { PRESETS, unfilled } from '../../lib/presets.js';
import { forget, useQuery } from '../../lib/query.js';
import { html, useEffect, useRef, useState } from '../../lib/ui.js';
import { NO_KEY } from '../keys/add.js';
import { CheckProgress, useChecks } from '../keys/checks.js';
import { PastePreview, importKeys, usePaste } from '../keys/paste.js';

/** Makes the provider, or corrects the one that an earlier try has made. */
async function providerOf({ label, ...preset }, address, allowPrivate) {
  const body = { ...preset, base_url: address, allow_private: allowPrivate };
  const { providers } = await api.get('api/providers', { limit: 1000 });
  const known = providers.find((one) => one.name === preset.name);
  if (!known) return api.post('api/providers', { ...body, default: providers.length === 0 });
  return api.patch(`api/providers/${known.id}`, { base_url: address, allow_private: allowPrivate }, { etag: known.version });
}

/** The provider's list of models as it is after a sync, and why some keys could not be asked. */
async function readModels(provider) {
  const report = await api.post(`api/providers/${provider.id}/models/sync`, {});
  const { models } = await api.get(`api/providers/${provider.id}/models`);
  return { count: models.length, failed: report.failed };
}

export function Keys({ next }) {
  const [preset, setPreset] = useState(PRESETS[0]);
  const [address, setAddress] = useState(PRESETS[0].base_url);
  const [allowPrivate, setAllowPrivate] = useState(false);
  const [typed, setTyped] = useState('');
  const [keys, setKeys] = useState(new Map());
  const [models, setModels] = useState(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const checks = useChecks();
  const known = useQuery('api/providers', { limit: 1000 });
  const hasKeys = known.data?.providers.some((provider) => Object.values(provider.status.keys).some((count) => count > 0));
  const text = preset.auth === 'none' ? NO_KEY : typed;
  const paste = usePaste(text, {});
  const place = unfilled(address);
  const outcome = useRef(null);
  useEffect(() => {
    if (models) outcome.current?.scrollIntoView({ block: 'nearest' });
  }, [models]);
  const run = async (event) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    setModels(null);
    try {
      const provider = await providerOf(preset, address, allowPrivate);
      const ids = await importKeys({ ...paste.body, provider: provider.id });
      const { keys: all } = await api.get('api/keys', { provider: provider.id, limit: 1000 });
      setKeys(new Map(all.map((key) => [key.id, key])));
      await checks.start(ids.length ? ids : all.map((key) => key.id));
      setModels(await readModels(provider));
      forget('api/');
      known.reload();
    } catch (failure) {
      setError(causeOf(failure));
    }
    setBusy(false);
  };
  const choose = (one) => {
    setPreset(one);
    setAddress(one.base_url);
    setAllowPrivate(Boolean(one.allow_private));
    setModels(null);
  };
  const works = checks.checks.some(({ verdict }) => verdict === 'valid');
  return html`
    <h1 id="page-title" tabindex="-1">${t('setup.keys')}</h1><p class="hint">${t('setup.keys_hint')}</p>
    <form class="form" onSubmit=${run}>
      <div class="presets" role="group" aria-label=${t('providers.presets')}>${PRESETS.map((one) => html`<button type="button" key=${one.label} aria-pressed=${preset.label === one.label} onClick=${() => choose(one)}>${one.label}</button>`)}</div>
      <${TextField} label=${t('providers.base_url')} type="url" required value=${address} change=${setAddress} error=${place && t('providers.fill_in', { place })} />
      ${(isNear(address) || allowPrivate) && html`<${Switch} label=${t('providers.private')} hint=${t('providers.private_hint')} value=${allowPrivate} change=${setAllowPrivate} />`}
      ${preset.auth === 'none' ? html`<p class="verdict">${t('setup.needs_none')}</p>` : html`
        <${TextArea} label=${t('keys.paste')} class="mono" rows="5" placeholder=${'sk-…\nsk-…'} hint=${t('keys.paste_hint')} value=${typed} change=${setTyped} />
        <${PastePreview} paste=${paste} />`}
      ${error && html`<p class="form-problem" role="alert"><${Icon} name="circle-alert" />${error}</p>`}
      ${checks.state !== 'idle' && html`<${CheckProgress} checks=${checks} keys=${keys} all />`}
      ${models && html`<div ref=${outcome} role="status" class="stack"><p class="row"><${Icon} name="boxes" /> ${t('setup.models_found', { n: models.count })}</p>
        ${models.failed.length > 0 && html`<p class="hint">${models.failed[0].message}</p>`}${!works && html`<p class="hint">${t('setup.none_works')}</p>`}</div>`}
      <div class="row end">${hasKeys && !models && html`<${Button} kind="quiet" onClick=${next}>${t('setup.skip')}<//>`}
        ${(!models || !works) && html`<${Button} kind=${models ? 'plain' : 'primary'} type="submit" busy=${busy} disabled=${!paste.fits || Boolean(place)}>${t(models ? 'setup.try_again' : 'setup.add_keys')}<//>`}
        ${models && html`<${Button} kind="primary" onClick=${next}>${t('setup.next')}<//>`}</div>
    </form>`;
}
