// Rules: what is watched, and how much of it is too much.
import { Badge, Button } from '../../components/basics.js';
import { Dialog } from '../../components/dialog.js';
import { NumberField, SelectField, Switch, TextField } from '../../components/fields.js';
import { useForm } from '../../components/form.js';
import { Answer } from '../../components/states.js';
import { api, everything } from '../../lib/api.js';
import { attempt, differences, removeThing } from '../../lib/edit.js';
import { bytes, dateTime, number, percent, span } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { useAnswer } from '../../lib/query.js';
import { mayOperate } from '../../lib/session.js';
import { html, useState } from '../../lib/ui.js';
import { toneOf } from './happened.js';
import { ruleName } from './texts.js';

const KINDS = ['key_disabled', 'pool_below', 'error_rate', 'latency', 'budget', 'budget_unenforced', 'breaker_open', 'log_dropped', 'disk_low'];
const UNITS = { pool_below: 'keys', error_rate: '%', latency: 'ms', disk_low: 'MiB' };
const OF_PROVIDER = ['key_disabled', 'pool_below', 'error_rate', 'latency', 'breaker_open'];
const OVER_TIME = ['error_rate', 'latency', 'budget_unenforced'];
const MUTES = [1, 8, 24, 168];

export function Rules() {
  const rules = useAnswer('api/alerts/rules all', (signal) => everything('api/alerts/rules', 'rules', {}, { signal }));
  const channels = useAnswer('api/alerts/channels all', (signal) => everything('api/alerts/channels', 'channels', {}, { signal }));
  const providers = useAnswer('api/providers all', (signal) => everything('api/providers', 'providers', {}, { signal }));
  const [chosen, setChosen] = useState(null);
  const close = () => setChosen(null);
  return html`
    <div class="row"><p class="hint grow">${t('alerts.rules_hint')}</p>${mayOperate.value && html`<${Button} icon="plus" onClick=${() => setChosen({})}>${t('alerts.add_rule')}<//>`}</div>
    <${Answer} of=${rules} rows=${9} quiet>${(all) => html`<ul class="alert-rows panel">${all.map((rule) => html`<${Rule} key=${rule.id} rule=${rule} providers=${providers.data} open=${() => setChosen(rule)} changed=${rules.reload} />`)}</ul>`}<//>
    ${chosen && html`<${RuleForm} rule=${chosen} providers=${providers.data ?? []} channels=${channels.data ?? []} close=${close} changed=${rules.reload} />`}`;
}

/** How much is too much, in words. */
const FIGURES = {
  pool_below: ({ threshold }) => t('alerts.keys_at_least', { n: number(threshold) }), error_rate: ({ threshold }) => `> ${percent(threshold / 100)}`,
  latency: ({ threshold, percentile }) => `p${percentile} > ${span(threshold)}`, disk_low: ({ threshold }) => `< ${bytes(threshold * 1024 * 1024)}`,
};
const figureOf = (rule) => FIGURES[rule.kind]?.(rule);

const isMuted = (rule) => rule.muted_until && new Date(rule.muted_until) > Date.now();

function Rule({ rule, providers, open, changed }) {
  const toggle = (enabled) => attempt(() => api.patch(`api/alerts/rules/${rule.id}`, { enabled }, { etag: rule.version }), { changed });
  const provider = providers?.find((one) => one.id === rule.provider)?.name;
  return html`
    <li><${Switch} hideLabel label=${ruleName(rule.name)} value=${rule.enabled} change=${toggle} disabled=${!mayOperate.value} />
      <div class="grow"><button type="button" class="as-link" onClick=${open}>${ruleName(rule.name)}</button>
        <div class="hint">${[t(`alerts.kind_${rule.kind}`), provider, figureOf(rule), OVER_TIME.includes(rule.kind) && t('alerts.in_minutes', { n: rule.minutes })].filter(Boolean).join(' · ')}</div></div>
      ${isMuted(rule) && html`<${Badge} icon="bell">${t('alerts.muted_until', { time: dateTime(rule.muted_until) })}<//>`}
      <${Badge} tone=${toneOf(rule.severity)}>${t(`alerts.${rule.severity}`)}<//></li>`;
}

const MEMBERS = ['name', 'kind', 'provider', 'threshold', 'minutes', 'min_calls', 'percentile', 'hold_s', 'clear_s', 'severity', 'channels', 'muted_until'];
const pick = (rule) => Object.fromEntries(MEMBERS.map((name) => [name, rule[name] ?? null]));

function RuleForm({ rule, providers, channels, close, changed }) {
  const isNew = !rule.id;
  const start = isNew ? { ...pick({}), name: '', kind: 'pool_below', severity: 'warning' } : pick(rule);
  const save = (values) => {
    const body = { ...values, provider: values.provider ? Number(values.provider) : null };
    if (!isNew) return api.patch(`api/alerts/rules/${rule.id}`, differences(rule, body), { etag: rule.version });
    return api.post('api/alerts/rules', Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null)));
  };
  const done = () => { changed(); close(); };
  const form = useForm(start, save, done);
  const { bind, values } = form;
  const mute = (hours) => form.set('muted_until', hours ? new Date(Date.now() + hours * 3_600_000).toISOString() : null);
  const remove = async () => (await removeThing('alerts/rules', rule, changed)) && close();
  const named = values.channels ?? channels.map((channel) => channel.id);
  const toggle = (id, on) => form.set('channels', channels.map((channel) => channel.id).filter((one) => (one === id ? on : named.includes(one))));
  return html`
    <${Dialog} drawer title=${isNew ? t('alerts.add_rule') : ruleName(rule.name)} close=${close}>
      <form class="form" onSubmit=${form.submit}><fieldset class="form" disabled=${!mayOperate.value}>
        <${TextField} label=${t('common.name')} required ...${bind('name')} />
        <${SelectField} label=${t('alerts.watches')} options=${KINDS.map((kind) => [kind, t(`alerts.kind_${kind}`)])} ...${bind('kind')} disabled=${!isNew} />
        ${OF_PROVIDER.includes(values.kind) && html`<${SelectField} label=${t('keys.provider')} options=${[['', t('common.all')], ...providers.map((one) => [one.id, one.name])]} ...${bind('provider')} />`}
        <div class="form-2">
          ${UNITS[values.kind] && html`<${NumberField} label=${t(`alerts.threshold_${values.kind}`)} min="0" unit=${UNITS[values.kind] === 'keys' ? '' : UNITS[values.kind]} optional=${isNew} ...${bind('threshold')} />`}
          ${values.kind === 'latency' && html`<${NumberField} label=${t('alerts.percentile')} min="1" max="99" unit="%" optional=${isNew} ...${bind('percentile')} />`}
          ${OVER_TIME.includes(values.kind) && html`<${NumberField} label=${t('alerts.minutes')} min="1" max="1440" unit="min" optional=${isNew} ...${bind('minutes')} />`}
          ${['error_rate', 'latency'].includes(values.kind) && html`<${NumberField} label=${t('alerts.min_calls')} min="1" optional=${isNew} ...${bind('min_calls')} />`}
          <${NumberField} label=${t('alerts.hold')} min="0" unit="s" optional=${isNew} ...${bind('hold_s')} /><${NumberField} label=${t('alerts.clear')} min="0" unit="s" optional=${isNew} ...${bind('clear_s')} />
        </div>
        <${SelectField} label=${t('alerts.severity')} options=${['warning', 'critical'].map((name) => [name, t(`alerts.${name}`)])} ...${bind('severity')} />
        <fieldset class="stack"><legend class="field-label">${t('alerts.told')}</legend>
          <${Switch} label=${t('alerts.all_channels')} value=${!values.channels} change=${(all) => form.set('channels', all ? null : named)} />
          ${values.channels && channels.map((channel) => html`<${Switch} key=${channel.id} label=${channel.name} value=${named.includes(channel.id)} change=${(on) => toggle(channel.id, on)} />`)}</fieldset>
        ${!isNew && html`<div class="field"><span class="field-label">${t('alerts.mute')}</span><div class="row wrap">${MUTES.map((hours) => html`<${Button} small key=${hours} onClick=${() => mute(hours)}>${t('alerts.hours', { n: hours })}<//>`)}
          ${values.muted_until && html`<${Button} small kind="quiet" icon="x" onClick=${() => mute(null)}>${t('alerts.muted_until', { time: dateTime(values.muted_until) })}<//>`}</div></div>`}
        ${form.problem}
        ${mayOperate.value && html`<div class="row wrap"><${Button} kind="primary" type="submit" busy=${form.busy}>${isNew ? t('common.add') : t('common.save')}<//><span class="grow"></span>${!isNew && html`<${Button} kind="danger" icon="trash-2" onClick=${remove}>${t('common.delete')}<//>`}</div>`}
      </fieldset></form>
    <//>`;
}
