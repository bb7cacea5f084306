// One client: what it may do, its token, and what it used. A token is shown once.
import { Button } from '../../components/basics.js';
import { Dialog } from '../../components/dialog.js';
import { ListOrAll, NumberField, Switch, TagInput, TextField } from '../../components/fields.js';
import { Tile } from '../../components/figures.js';
import { useForm } from '../../components/form.js';
import { Answer } from '../../components/states.js';
import { api, everything } from '../../lib/api.js';
import { differences } from '../../lib/edit.js';
import { compact, dateTime, inputTime, NOTHING, percent, readTime } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { notify } from '../../lib/notices.js';
import { useAnswer, useQuery } from '../../lib/query.js';
import { go, href } from '../../lib/router.js';
import { mayOperate } from '../../lib/session.js';
import { html, useState } from '../../lib/ui.js';
import { FAILED } from '../../lib/words.js';
import { remove } from './actions.js';
import { BUDGETS, Budget, budgetsOf, spent } from './budgets.js';
import { Rotate, TokenOnce } from './token.js';

const NEW = { name: '', tags: [], models: null, key_tags: null, rpm: null, tpm: null, concurrency: null, ...Object.fromEntries(BUDGETS.map((name) => [`budget_${name}`, null])), warn_percent: null, expires_at: null, allow_ips: null, allow_debug: false, enabled: true };

const localTime = (time) => (time ? inputTime(time) : '');
const toForm = (client) => ({ ...Object.fromEntries(Object.keys(NEW).map((name) => [name, client[name] ?? NEW[name]])), expires_at: localTime(client.expires_at) });

const toBody = (values) => ({ ...values, expires_at: values.expires_at ? readTime(values.expires_at).toISOString() : null });

/** The tags that keys have. */
function useTags() {
  const { data } = useAnswer('tags of keys', (signal) => everything('api/keys', 'keys', {}, { signal }).then((keys) => [...new Set(keys.flatMap((key) => key.tags))].sort()));
  return data ?? [];
}

function Fields({ form, isNew }) {
  const { bind } = form;
  const models = (useQuery('api/chats/models').data?.models ?? []).map(({ name }) => name);
  const tags = useTags();
  return html`
    <div class="form-2"><${TextField} label=${t('common.name')} required ...${bind('name')} /><${TagInput} label=${t('keys.tags')} optional hint=${t('clients.tags_hint')} ...${bind('tags')} /></div>
    <${ListOrAll} label=${t('nav.models')} all=${t('clients.every_model')} hint=${t('clients.models_hint')} none=${t('clients.no_model')} placeholder="gpt-4o*" suggestions=${models} ...${bind('models')} />
    <${ListOrAll} label=${t('nav.keys')} all=${t('clients.every_key')} only=${t('clients.only_tags')} hint=${t('clients.key_tags_hint')} none=${t('clients.no_key')} suggestions=${tags} ...${bind('key_tags')} />
    <div class="form-2">
      <${NumberField} label=${t('keys.rpm')} optional min="0" unit=${t('keys.per_minute')} ...${bind('rpm')} /><${NumberField} label=${t('keys.tpm')} optional min="0" unit=${t('keys.per_minute')} ...${bind('tpm')} />
      <${NumberField} label=${t('keys.concurrency')} optional min="0" ...${bind('concurrency')} />
    </div>
    <fieldset class="stack"><legend class="field-label">${t('clients.budgets')}</legend><div class="form-3">
      ${BUDGETS.map((name) => html`<${NumberField} key=${name} label=${t(`budget.${name}`)} min="0" step=${name.startsWith('usd') ? 'any' : '1'} unit=${name.startsWith('usd') ? 'USD' : ''} ...${bind(`budget_${name}`)} />`)}
    </div><${NumberField} label=${t('clients.warn')} optional min="1" max="100" unit="%" hint=${t('clients.warn_hint')} ...${bind('warn_percent')} /></fieldset>
    <${TextField} type="datetime-local" label=${t('clients.expires')} optional ...${bind('expires_at')} />
    <${ListOrAll} label=${t('clients.allow_ips')} all=${t('clients.anywhere')} hint=${t('clients.allow_ips_hint')} none=${t('clients.nowhere')} placeholder="10.0.0.0/8" ...${bind('allow_ips')} />
    <${Switch} label=${t('clients.allow_debug')} hint=${t('clients.allow_debug_hint')} ...${bind('allow_debug')} />
    ${!isNew && html`<${Switch} label=${t('common.enabled')} ...${bind('enabled')} />`}`;
}

export function AddClient({ reload, close }) {
  const [made, setMade] = useState(null);
  const form = useForm(toForm(NEW), (values) => api.post('api/clients', toBody(values)), (answer) => {
    reload();
    setMade(answer);
  });
  if (made) return html`<${TokenOnce} ...${made} close=${close} />`;
  return html`
    <${Dialog} wide title=${t('clients.add')} subtitle=${t('clients.add_hint')} close=${close}>
      <form class="form" onSubmit=${form.submit}><${Fields} form=${form} isNew />${form.problem}
        <div class="row end"><${Button} onClick=${close}>${t('common.cancel')}<//><${Button} kind="primary" type="submit" busy=${form.busy}>${t('common.add')}<//></div></form>
    <//>`;
}

export function ClientDrawer({ id, sums, unpricedOf, reload, back }) {
  const answer = useQuery(`api/clients/${id}`);
  const changed = () => {
    answer.reload();
    reload();
  };
  return html`
    <${Dialog} drawer title=${answer.data?.name ?? t('common.loading')} subtitle=${answer.data && html`<code>${answer.data.token_hint}</code>`} close=${() => go(back)}>
      <${Answer} of=${answer} rows=${8}>${(client) => html`<div class="stack"><${Used} client=${client} sums=${sums} unpricedOf=${unpricedOf} />${mayOperate.value && html`<${Edit} client=${client} key=${client.version} changed=${changed} />`}</div>`}<//>
    <//>`;
}

const Used = ({ client, sums, unpricedOf }) => {
  const budgets = budgetsOf(client, unpricedOf);
  const day = sums.get(client.id);
  const calls = (more) => href('calls', { range: '24h', client: client.id, ...more });
  return html`<div class="tiles tiles-3">
    <${Tile} label=${t('keys.calls_24h')} value=${compact(day?.calls ?? 0)} href=${calls()} />
    <${Tile} label=${t('overview.success')} value=${day?.calls ? percent(day.outcomes.success / day.calls) : NOTHING} href=${calls({ outcome: FAILED.join(',') })} />
    <${Tile} label=${t('clients.month')} value=${spent(client, 'usd_month', unpricedOf)} href=${calls({ range: '30d' })} /></div>
    ${budgets.length > 0 && html`<dl class="limits">${budgets.map((one) => html`<div key=${one.name}><dt>${t(`budget.${one.name}`)}</dt><dd><${Budget} one=${one} warn=${client.warn_percent} /></dd></div>`)}</dl>`}
    ${client.former_token_until && html`<p class="verdict">${t('clients.former_until', { time: dateTime(client.former_token_until) })}</p>`}`;
};

function Edit({ client, changed }) {
  const [rotating, setRotating] = useState(false);
  const form = useForm(toForm(client), (values) => api.patch(`api/clients/${client.id}`, differences({ ...client, expires_at: client.expires_at ? readTime(localTime(client.expires_at)).toISOString() : null }, toBody(values)), { etag: client.version }), (saved) => {
    notify(t('common.saved', { name: saved.name }));
    changed();
  });
  return html`
    <form class="form" onSubmit=${form.submit}>
      <${Fields} form=${form} />${form.problem}
      <div class="row wrap"><${Button} kind="primary" type="submit" busy=${form.busy}>${t('common.save')}<//><span class="grow"></span>
        <${Button} icon="refresh-cw" onClick=${() => setRotating(true)}>${t('clients.rotate')}<//><${Button} kind="danger" icon="trash-2" onClick=${() => remove(client, changed)}>${t('common.delete')}<//></div>
    </form>
    ${rotating && html`<${Rotate} client=${client} changed=${changed} close=${() => setRotating(false)} />`}`;
}
