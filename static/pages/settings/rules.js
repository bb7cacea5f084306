// Own rules for errors, which come before the built-in ones.
import { Button, IconButton } from '../../components/basics.js';
import { NumberField, SelectField, TextField } from '../../components/fields.js';
import { useForm } from '../../components/form.js';
import { Empty } from '../../components/states.js';
import { api } from '../../lib/api.js';
import { t, word } from '../../lib/i18n.js';
import { notify } from '../../lib/notices.js';
import { mayOwn } from '../../lib/session.js';
import { html } from '../../lib/ui.js';

const CLASSES = ['invalid_key', 'quota', 'rate_limit', 'model_not_found', 'too_large', 'region', 'permission', 'not_found', 'provider', 'network', 'timeout', 'request'];
const BLAMES = ['key', 'key_model', 'key_endpoint', 'provider', 'request', 'nobody'];
const RETRIES = ['none', 'same', 'next', 'next_tier'];
const EFFECTS = ['none', 'cooldown', 'backoff', 'disable', 'size_limit', 'count_against_provider'];
const NEW = { id: '', match: {}, class: 'rate_limit', blame: 'key', retry: 'next', effect: { kind: 'cooldown', ms: 60_000 } };

const words = (section, names) => names.map((name) => [name, word(section, name)]);
const cleaned = (rule) => ({ ...rule, match: Object.fromEntries(Object.entries(rule.match).filter(([, value]) => value !== null && value !== undefined && value !== '')) });

export function Rules({ settings, done }) {
  const form = useForm({ error_rules: settings.error_rules }, ({ error_rules: rules }) => api.patch('api/settings', { error_rules: rules.map(cleaned) }, { etag: settings.version }), () => {
    notify(t('settings.saved'));
    done();
  });
  const rules = form.values.error_rules;
  const set = (next) => form.set('error_rules', next);
  const edit = (at, change) => set(rules.map((rule, index) => (index === at ? { ...rule, ...change } : rule)));
  const move = (at, by) => {
    const next = [...rules];
    [next[at], next[at + by]] = [next[at + by], next[at]];
    set(next);
  };
  return html`
    <form class="stack" onSubmit=${form.submit}>
      <p class="hint">${t('settings.rules_hint')}</p>
      <fieldset disabled=${!mayOwn.value} class="stack">
        ${rules.map((rule, at) => html`<${Rule} key=${at} rule=${rule} edit=${(change) => edit(at, change)} remove=${() => set(rules.filter((_, index) => index !== at))} up=${at > 0 && (() => move(at, -1))} />`)}
        ${!rules.length && html`<${Empty} icon="scale" title=${t('settings.no_rules')}>${t('settings.no_rules_hint')}<//>`}
        ${form.error?.field && html`<p class="form-problem" role="alert">${form.error.message}</p>`}${form.problem}
        <div class="row"><${Button} icon="plus" onClick=${() => set([...rules, NEW])}>${t('settings.add_rule')}<//><${Button} kind="primary" type="submit" busy=${form.busy} disabled=${JSON.stringify(rules) === JSON.stringify(settings.error_rules)}>${t('common.save')}<//></div>
      </fieldset>
    </form>`;
}

function Rule({ rule, edit, remove, up }) {
  const match = (name) => ({ value: rule.match[name] ?? '', change: (value) => edit({ match: { ...rule.match, [name]: value } }) });
  const effect = (change) => edit({ effect: { ...rule.effect, ...change } });
  return html`
    <section class="panel stack">
      <div class="row"><${TextField} class="grow" label=${t('settings.rule_id')} required value=${rule.id} change=${(id) => edit({ id })} />
        ${up && html`<${IconButton} icon="arrow-up" label=${t('settings.rule_up')} onClick=${up} />`}<${IconButton} icon="trash-2" label=${t('common.remove_named', { name: rule.id })} onClick=${remove} /></div>
      <div class="form-4">
        <${TextField} label=${t('keys.provider')} optional ...${match('provider')} /><${NumberField} label=${t('calls.status')} optional min="100" max="599" ...${match('status')} />
        <${TextField} label=${t('settings.match_code')} optional ...${match('code')} /><${TextField} label=${t('settings.match_text')} optional ...${match('text')} /></div>
      <div class="form-4">
        <${SelectField} label=${t('settings.class')} value=${rule.class} change=${(value) => edit({ class: value })} options=${words('class', CLASSES)} />
        <${SelectField} label=${t('settings.blame')} value=${rule.blame} change=${(value) => edit({ blame: value })} options=${words('blame', BLAMES)} />
        <${SelectField} label=${t('settings.retry')} value=${rule.retry} change=${(value) => edit({ retry: value })} options=${words('retry', RETRIES)} />
        <${SelectField} label=${t('settings.effect')} value=${rule.effect.kind} change=${(kind) => edit({ effect: { kind, ms: ['cooldown', 'backoff'].includes(kind) ? rule.effect.ms ?? 60_000 : undefined } })} options=${words('effect_name', EFFECTS)} />
        ${['cooldown', 'backoff'].includes(rule.effect.kind) && html`<${NumberField} label=${t('settings.rest')} min="1000" unit="ms" value=${rule.effect.ms} change=${(ms) => effect({ ms })} />`}</div>
    </section>`;
}
