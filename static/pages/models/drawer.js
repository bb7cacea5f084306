// One model route: its targets, prices and settings.
import { Badge, Button } from '../../components/basics.js';
import { Dialog } from '../../components/dialog.js';
import { Tile } from '../../components/figures.js';
import { Answer } from '../../components/states.js';
import { useForm } from '../../components/form.js';
import { api } from '../../lib/api.js';
import { differences, removeThing } from '../../lib/edit.js';
import { compact, cost, NOTHING, percent, relative } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { isForChat } from '../../lib/model-names.js';
import { notify } from '../../lib/notices.js';
import { useQuery } from '../../lib/query.js';
import { go, href, route } from '../../lib/router.js';
import { mayOperate } from '../../lib/session.js';
import { html } from '../../lib/ui.js';
import { ModelFields, toBody, toForm } from './fields.js';
import { PriceOf, sourceOf } from './price.js';

export function ModelDrawer({ id, reload, back }) {
  const answer = useQuery(`api/models/${id}`);
  const changed = () => {
    answer.reload();
    reload();
  };
  return html`
    <${Dialog} drawer title=${answer.data?.name ?? t('common.loading')} close=${() => go(back)}>
      <${Answer} of=${answer} rows=${8}>${(model) => html`
        <div class="stack"><${Used} model=${model} /><${Facts} model=${model} />
          ${mayOperate.value ? html`<${Form} model=${model} key=${model.version} changed=${changed} back=${back} />` : null}</div>`}<//>
    <//>`;
}

const Used = ({ model: { name, last_24h: use } }) => {
  const calls = href('calls', { range: '24h', model: name });
  return html`<div class="tiles tiles-3">
    <${Tile} label=${t('keys.calls_24h')} value=${compact(use.calls)} href=${calls} />
    <${Tile} label=${t('overview.success')} value=${use.calls ? percent(use.succeeded / use.calls) : NOTHING} href=${calls} />
    <${Tile} label=${t('keys.cost')} value=${cost(use)} href=${calls} /></div>`;
};

/** What is in force for each target, and what can be done beside the settings. */
const Facts = ({ model }) => html`
  <div class="stack">
    <div class="row wrap">${isForChat(model.name) && html`<${Button} small icon="message-square" href=${href('chat', { model: model.name })}>${t('models.try')}<//>`}
      <${Button} small icon="activity" href=${href('calls', { range: '24h', model: model.name })}>${t('keys.show_calls')}<//></div>
    <dl class="facts"><dt>${t('common.id')}</dt><dd>${model.id}</dd>
      ${model.targets.map((target) => html`<dt key=${`${target.provider} ${target.model}`}>${target.provider_name} / ${target.model}</dt><dd><${PriceOf} price=${target.price_in_force} /> <span class="hint">${target.price_in_force && sourceOf(target.price_in_force)}</span>
        ${target.vanished_at && html` <${Badge} tone="warn">${t('models.vanished', { time: relative(target.vanished_at) })}<//>`}</dd>`)}</dl>
  </div>`;

function Form({ model, changed, back }) {
  const providers = useQuery('api/providers', { limit: 1000 });
  const form = useForm(toForm(model), (values) => api.patch(`api/models/${model.id}`, differences(comparable(model), toBody(values)), { etag: model.version }), (saved) => {
    notify(t('common.saved', { name: saved.name }));
    changed();
  });
  const remove = async () => (await removeThing('models', model, changed)) && go(back);
  return html`
    <form class="form" onSubmit=${form.submit}>
      <${ModelFields} form=${form} providers=${providers.data?.providers ?? []} />${form.problem}
      <div class="row"><${Button} kind="primary" type="submit" busy=${form.busy}>${t('common.save')}<//><span class="grow"></span><${Button} kind="danger" icon="trash-2" onClick=${remove}>${t('common.delete')}<//></div>
    </form>`;
}

/** The model as a form would send it, to tell what was changed. */
const comparable = (model) => toBody(toForm(model));

export function AddModel({ reload, close }) {
  const providers = useQuery('api/providers', { limit: 1000 });
  return html`<${Dialog} wide title=${t('models.add')} subtitle=${t('models.add_hint')} close=${close}>
    <${Answer} of=${providers} rows=${5}>${(data) => html`<${NewForm} providers=${data.providers} reload=${reload} close=${close} />`}<//><//>`;
}

function NewForm({ providers, reload, close }) {
  const { target, provider } = route.peek().query;
  const first = { provider: Number(provider) || (providers.find((one) => one.default) ?? providers[0])?.id, model: target ?? '', tier: 1, weight: 1 };
  const form = useForm(toForm({ name: target ?? '', targets: [first], enabled: true, visible: true }), (values) => api.post('api/models', toBody(values)), (model) => {
    reload();
    close();
    notify(t('models.was_added', { name: model.name }));
  });
  return html`
    <form class="form" onSubmit=${form.submit}>
      <${ModelFields} form=${form} providers=${providers} />${form.problem}
      <div class="row end"><${Button} onClick=${close}>${t('common.cancel')}<//><${Button} kind="primary" type="submit" busy=${form.busy} disabled=${!providers.length}>${t('common.add')}<//></div>
    </form>`;
}
