// The settings of a provider; a new one begins with a preset.
import { Button } from '../../components/basics.js';
import { Dialog } from '../../components/dialog.js';
import { NumberField, SelectField, Switch, TagInput, TextArea, TextField } from '../../components/fields.js';
import { useForm } from '../../components/form.js';
import { api } from '../../lib/api.js';
import { differences } from '../../lib/edit.js';
import { t } from '../../lib/i18n.js';
import { notify } from '../../lib/notices.js';
import { AUTHS, PRESETS, unfilled } from '../../lib/presets.js';
import { go, href } from '../../lib/router.js';
import { html, useState } from '../../lib/ui.js';

const NEW = { name: '', base_url: '', exact_base_url: false, auth: 'bearer', pass_headers: [], proxy: '', default: false, allow_private: false, attempts: null, time_zone: '', enabled: true };
export const TIMES = ['connect_ms', 'first_byte_ms', 'idle_ms', 'answer_ms'];

/** Headers as lines `name: value`. A header whose shown value was left alone is not sent. */
const headerLines = (headers) => Object.entries(headers ?? {}).map(([name, value]) => `${name}: ${value}`).join('\n');

function headerChanges(before, text) {
  const now = Object.fromEntries(text.split('\n').filter((line) => line.includes(':')).map((line) => [line.slice(0, line.indexOf(':')).trim(), line.slice(line.indexOf(':') + 1).trim()]));
  const changes = {};
  for (const [name, value] of Object.entries(now)) if (before[name] !== value) changes[name] = value;
  for (const name of Object.keys(before)) if (!(name in now)) changes[name] = null;
  return changes;
}

const toForm = (provider) => ({
  ...Object.fromEntries(Object.keys(NEW).map((name) => [name, provider[name] ?? NEW[name]])),
  header_lines: headerLines(provider.headers), timeouts: provider.timeouts ?? {}, probe: provider.probe ?? { enabled: true, interval_s: 3600, model: '' },
});

function toBody({ header_lines: lines, timeouts, probe, ...rest }, before) {
  const body = { ...rest, proxy: rest.proxy || null, time_zone: rest.time_zone || null };
  const headers = headerChanges(before.headers ?? {}, lines);
  if (Object.keys(headers).length) body.headers = headers;
  if (Object.keys(timeouts).length) body.timeouts = differences(before.timeouts ?? {}, timeouts);
  body.probe = differences(before.probe ?? {}, { ...probe, model: probe.model || null });
  for (const name of ['timeouts', 'probe']) if (body[name] && !Object.keys(body[name]).length) delete body[name];
  return body;
}

function Fields({ form, isNew }) {
  const { bind, values, set } = form;
  const place = unfilled(values.base_url);
  const within = (group, name) => ({ value: values[group][name], change: (value) => set(group, { ...values[group], [name]: value }) });
  return html`
    <div class="form-2"><${TextField} label=${t('common.name')} required ...${bind('name')} />
      <${SelectField} label=${t('providers.auth')} ...${bind('auth')} options=${[...new Set([...AUTHS, values.auth])].map((name) => [name, name])} /></div>
    <${TextField} label=${t('providers.base_url')} type="url" required hint=${t('providers.base_url_hint')} ...${bind('base_url')} error=${form.error?.field === 'base_url' ? form.error.message : place && t('providers.fill_in', { place })} />
    <${Switch} label=${t('providers.default_long')} hint=${t('providers.default_hint')} ...${bind('default')} />
    <${Switch} label=${t('providers.private')} hint=${t('providers.private_hint')} ...${bind('allow_private')} />
    ${!isNew && html`<${Switch} label=${t('common.enabled')} hint=${t('providers.enabled_hint')} ...${bind('enabled')} />`}
    <details class="more-fields" open=${!isNew}><summary>${t('providers.more')}</summary><div class="form">
      <${Switch} label=${t('providers.exact')} hint=${t('providers.exact_hint')} ...${bind('exact_base_url')} />
      <${TextArea} label=${t('providers.headers')} optional rows="3" class="mono" hint=${t('providers.headers_hint')} ...${bind('header_lines')} error=${form.error?.field === 'headers' ? form.error.message : undefined} />
      <${TagInput} label=${t('providers.pass_headers')} optional ...${bind('pass_headers')} />
      <div class="form-2">
        <${TextField} label=${t('providers.proxy')} optional placeholder="socks5://host:1080" ...${bind('proxy')} />
        <${TextField} label=${t('providers.time_zone')} optional placeholder="Asia/Shanghai" ...${bind('time_zone')} />
        <${NumberField} label=${t('providers.attempts')} optional min="1" max="10" ...${bind('attempts')} />
      </div>
      ${!isNew && html`
        <div class="form-2">${TIMES.map((name) => html`<${NumberField} key=${name} label=${t(`providers.${name}`)} min="1" unit="ms" ...${within('timeouts', name)} />`)}</div>
        <${Switch} label=${t('providers.probe')} hint=${t('providers.probe_hint')} ...${within('probe', 'enabled')} />
        <div class="form-2"><${NumberField} label=${t('providers.probe_interval')} min="60" unit="s" ...${within('probe', 'interval_s')} /><${TextField} label=${t('providers.probe_model')} optional ...${within('probe', 'model')} /></div>`}
    </div></details>`;
}

export function ProviderForm({ provider, done }) {
  const form = useForm(toForm(provider), (values) => {
    const { headers, timeouts, probe, ...plain } = toBody(values, provider);
    const parts = Object.fromEntries(Object.entries({ headers, timeouts, probe }).filter(([, part]) => part));
    return api.patch(`api/providers/${provider.id}`, { ...differences(provider, plain), ...parts }, { etag: provider.version });
  }, (saved) => {
    notify(t('common.saved', { name: saved.name }));
    done(saved);
  });
  return html`<form class="form" onSubmit=${form.submit}><${Fields} form=${form} />${form.problem}<div class="row"><${Button} kind="primary" type="submit" busy=${form.busy}>${t('common.save')}<//></div></form>`;
}

export function AddProvider({ reload, close }) {
  const [preset, setPreset] = useState('OpenAI');
  const initial = toForm({ ...NEW, ...PRESETS[0] });
  const form = useForm(initial, (values) => api.post('api/providers', toBody(values, {})), (provider) => {
    reload();
    close();
    notify(t('providers.was_added', { name: provider.name }), { action: { label: t('keys.add'), run: () => go(href('keys', { add: 1, provider: provider.id })) } });
  });
  const choose = (one) => {
    setPreset(one?.label ?? null);
    form.setValues({ ...toForm({ ...NEW, ...(one ?? {}) }) });
  };
  return html`
    <${Dialog} wide title=${t('providers.add')} close=${close}>
      <form class="form" onSubmit=${form.submit}>
        <div class="presets" role="group" aria-label=${t('providers.presets')}>
          ${PRESETS.map((one) => html`<button type="button" key=${one.label} aria-pressed=${preset === one.label} onClick=${() => choose(one)}>${one.label}</button>`)}
          <button type="button" aria-pressed=${preset === null} onClick=${() => choose(null)}>${t('providers.other')}</button></div>
        <${Fields} form=${form} isNew key=${preset} />${form.problem}
        <div class="row end"><${Button} onClick=${close}>${t('common.cancel')}<//><${Button} kind="primary" type="submit" busy=${form.busy} disabled=${Boolean(unfilled(form.values.base_url))}>${t('common.add')}<//></div>
      </form>
    <//>`;
}
