// The fields of a model route. A row is one target; smaller tiers are tried first.
import { Button, IconButton } from '../../components/basics.js';
import { NumberField, Select, SelectField, Switch, TextField } from '../../components/fields.js';
import { t, word } from '../../lib/i18n.js';
import { STRATEGIES } from '../../lib/presets.js';
import { useQuery } from '../../lib/query.js';
import { html, useId } from '../../lib/ui.js';
import { PriceFields, priceBody } from './price.js';

export const toForm = (model) => ({
  name: model.name, targets: model.targets.map(({ provider, model: name, tier, weight }) => ({ provider, model: name, tier: tier ?? 1, weight: weight ?? 1 })), strategy: model.strategy ?? '', priced: Boolean(model.price), price: model.price ?? {},
  context_length: model.context_length ?? null, vision: model.vision ?? null, tools: model.tools ?? null, answer_ms: model.answer_ms ?? null, enabled: model.enabled, visible: model.visible,
});

export const toBody = ({ priced, price, strategy, ...rest }) => ({ ...rest, strategy: strategy || null, price: priced ? priceBody(price) : null });

const triState = (value) => (value === null || value === undefined ? '' : String(value));
const fromTriState = (text) => (text === '' ? null : text === 'true');

export function ModelFields({ form, providers }) {
  const { bind, values, set } = form;
  const tri = (name) => ({ value: triState(values[name]), change: (text) => set(name, fromTriState(text)), options: [['', t('models.unknown')], ['true', t('common.yes')], ['false', t('common.no')]] });
  return html`
    <div class="form-2"><${TextField} label=${t('common.name')} required hint=${t('models.name_hint')} ...${bind('name')} />
      <${SelectField} label=${t('models.strategy')} ...${bind('strategy')} options=${[['', t('models.as_set')], ...STRATEGIES.map((name) => [name, word('strategy', name)])]} /></div>
    <${TargetRows} targets=${values.targets} change=${(targets) => set('targets', targets)} providers=${providers} error=${form.error?.field === 'targets' ? form.error.message : null} />
    <div class="form-2"><${Switch} label=${t('common.enabled')} ...${bind('enabled')} /><${Switch} label=${t('models.visible')} hint=${t('models.visible_hint')} ...${bind('visible')} /></div>
    <${Switch} label=${t('models.own_price')} hint=${t('models.own_price_hint')} ...${bind('priced')} />
    ${values.priced && html`<${PriceFields} price=${values.price} change=${(price) => set('price', price)} />`}
    <details class="more-fields"><summary>${t('providers.more')}</summary><div class="form-2">
      <${NumberField} label=${t('models.context')} optional min="1" unit=${t('models.tokens')} ...${bind('context_length')} />
      <${NumberField} label=${t('models.answer_ms')} optional min="1" unit="ms" ...${bind('answer_ms')} />
      <${SelectField} label=${t('models.vision')} ...${tri('vision')} /><${SelectField} label=${t('models.tools')} ...${tri('tools')} />
    </div></details>`;
}

function TargetRows({ targets, change, providers, error }) {
  const edit = (at, member, value) => change(targets.map((target, index) => (index === at ? { ...target, [member]: value } : target)));
  const tier = Math.max(1, ...targets.map((target) => target.tier));
  const add = (next) => change([...targets, { provider: targets.at(-1)?.provider ?? providers[0]?.id, model: '', tier: next, weight: 1 }]);
  return html`
    <fieldset class="target-rows"><legend class="field-label">${t('models.targets')}</legend>
      <p class="hint">${t('models.targets_hint')}</p>
      ${targets.map((target, at) => html`<${TargetRow} key=${at} ...${{ target, at, edit, providers }} remove=${targets.length > 1 && (() => change(targets.filter((_, index) => index !== at)))} />`)}
      ${error && html`<p class="tone-bad">${error}</p>`}
      <div class="row"><${Button} small icon="plus" onClick=${() => add(tier)}>${t('models.add_beside')}<//><${Button} small icon="layers" onClick=${() => add(tier + 1)}>${t('models.add_fallback')}<//></div>
    </fieldset>`;
}

function TargetRow({ target, at, edit, providers, remove }) {
  const list = useId();
  const known = useQuery(target.provider ? `api/providers/${target.provider}/models` : null);
  return html`
    <div class="target-row">
      <label><span>${t('models.tier')}</span><input type="number" min="1" max="100" value=${target.tier} onInput=${(event) => edit(at, 'tier', event.target.valueAsNumber || 1)} /></label>
      <label><span>${t('keys.provider')}</span><${Select} value=${target.provider} change=${(id) => edit(at, 'provider', Number(id))} options=${providers.map((one) => [one.id, one.name])} /></label>
      <label><span>${t('models.upstream')}</span><input type="text" required list=${list} autocomplete="off" spellcheck=${false} value=${target.model} onInput=${(event) => edit(at, 'model', event.target.value)} />
        <datalist id=${list}>${(known.data?.models ?? []).map((one) => html`<option key=${one.model} value=${one.model} />`)}</datalist></label>
      <label><span>${t('keys.weight')}</span><input type="number" min="0" max="1000" value=${target.weight} onInput=${(event) => edit(at, 'weight', event.target.value === '' ? 1 : event.target.valueAsNumber)} /></label>
      ${remove ? html`<${IconButton} icon="x" label=${t('models.remove_target', { name: target.model })} onClick=${remove} />` : html`<span></span>`}
    </div>`;
}
