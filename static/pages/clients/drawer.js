// One client: what it may do, its token, and what it used. A token is shown once.
import { Button } from '../../components/basics.js';
import { Code } from '../../components/code.js';
import { Dialog } from '../../components/dialog.js';
import { NumberField, SelectField, Switch, TagInput, TextField } from '../../components/fields.js';
import { Tile } from '../../components/figures.js';
import { useForm } from '../../components/form.js';
import { Answer } from '../../components/states.js';
import { api, url } from '../../lib/api.js';
import { differences, removeThing } from '../../lib/edit.js';
import { compact, dateTime, money, NOTHING, percent, span } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { notify, notifyError } from '../../lib/notices.js';
import { forget, useQuery } from '../../lib/query.js';
import { go, href } from '../../lib/router.js';
import { mayOperate } from '../../lib/session.js';
import { SNIPPETS, snippet } from '../../lib/snippets.js';
import { html, useState } from '../../lib/ui.js';
import { BUDGETS, Budget, budgetsOf } from './budgets.js';

const NEW = { name: '', tags: [], models: null, key_tags: null, rpm: null, tpm: null, concurrency: null, ...Object.fromEntries(BUDGETS.map((name) => [`budget_${name}`, null])), warn_percent: null, expires_at: null, allow_ips: null, allow_debug: false, enabled: true };
const LISTS = ['models', 'key_tags', 'allow_ips'];

const localTime = (time) => (time ? new Date(new Date(time) - new Date(time).getTimezoneOffset() * 60_000).toISOString().slice(0, 16) : '');
const toForm = (client) => ({ ...Object.fromEntries(Object.keys(NEW).map((name) => [name, client[name] ?? (LISTS.includes(name) ? [] : NEW[name])])), expires_at: localTime(client.expires_at) });

function toBody(values) {
  const body = { ...values, expires_at: values.expires_at ? new Date(values.expires_at).toISOString() : null };
  for (const name of LISTS) if (!body[name].length) body[name] = null;
  return body;
}

function Fields({ form, isNew }) {
  const { bind } = form;
  return html`
    <div class="form-2"><${TextField} label=${t('common.name')} required ...${bind('name')} /><${TagInput} label=${t('keys.tags')} optional hint=${t('clients.tags_hint')} ...${bind('tags')} /></div>
    <${TagInput} label=${t('nav.models')} optional hint=${t('clients.models_hint')} placeholder="gpt-4o*" ...${bind('models')} />
    <${TagInput} label=${t('clients.key_tags')} optional hint=${t('clients.key_tags_hint')} ...${bind('key_tags')} />
    <div class="form-2">
      <${NumberField} label=${t('keys.rpm')} optional min="0" unit=${t('keys.per_minute')} ...${bind('rpm')} /><${NumberField} label=${t('keys.tpm')} optional min="0" unit=${t('keys.per_minute')} ...${bind('tpm')} />
      <${NumberField} label=${t('keys.concurrency')} optional min="0" ...${bind('concurrency')} />
    </div>
    <fieldset class="stack"><legend class="field-label">${t('clients.budgets')}</legend><div class="form-3">
      ${BUDGETS.map((name) => html`<${NumberField} key=${name} label=${t(`budget.${name}`)} min="0" step=${name.startsWith('usd') ? 'any' : '1'} unit=${name.startsWith('usd') ? 'USD' : ''} ...${bind(`budget_${name}`)} />`)}
    </div><${NumberField} label=${t('clients.warn')} optional min="1" max="100" unit="%" hint=${t('clients.warn_hint')} ...${bind('warn_percent')} /></fieldset>
    <${TextField} type="datetime-local" label=${t('clients.expires')} optional ...${bind('expires_at')} />
    <${TagInput} label=${t('clients.allow_ips')} optional hint=${t('clients.allow_ips_hint')} placeholder="10.0.0.0/8" ...${bind('allow_ips')} />
    <${Switch} label=${t('clients.allow_debug')} hint=${t('clients.allow_debug_hint')} ...${bind('allow_debug')} />
    ${!isNew && html`<${Switch} label=${t('common.enabled')} ...${bind('enabled')} />`}`;
}

/** The token, and code that uses it. Nothing but its own button closes what is shown only once. */
export function TokenOnce({ client, token, close }) {
  const [language, setLanguage] = useState('curl');
  const body = JSON.stringify({ model: client.models?.find((name) => !name.includes('*')) ?? 'gpt-4o-mini', messages: [{ role: 'user', content: 'Say hello' }] });
  return html`
    <${Dialog} wide keep title=${t('clients.token_of', { name: client.name })} subtitle=${t('clients.token_once')} close=${close} actions=${html`<${Button} kind="primary" onClick=${close}>${t('clients.token_kept')}<//>`}>
      <div class="stack">
        <${Code} title=${t('clients.token')} text=${token} />
        <${Code} title=${t('clients.environment')} text=${`export OPENAI_BASE_URL=${url('v1').href}\nexport OPENAI_API_KEY=${token}`} />
        <div class="segments small" role="group" aria-label=${t('calls.as_code')}>${SNIPPETS.map((name) => html`<button type="button" key=${name} aria-pressed=${language === name} onClick=${() => setLanguage(name)}>${name}</button>`)}</div>
        <${Code} title=${t('calls.as_code')} language=${language} text=${snippet(language, { body, token })} />
      </div>
    <//>`;
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

export function ClientDrawer({ id, sums, reload, back }) {
  const answer = useQuery(`api/clients/${id}`);
  const changed = () => {
    answer.reload();
    reload();
  };
  return html`
    <${Dialog} drawer title=${answer.data?.name ?? t('common.loading')} subtitle=${answer.data && html`<code>${answer.data.token_hint}</code>`} close=${() => go(back)}>
      <${Answer} of=${answer} rows=${8}>${(client) => html`<div class="stack"><${Used} client=${client} sums=${sums} />${mayOperate.value && html`<${Edit} client=${client} key=${client.version} changed=${changed} back=${back} />`}</div>`}<//>
    <//>`;
}

const Used = ({ client, sums }) => {
  const day = sums.get(client.id);
  const calls = (more) => href('calls', { range: '24h', client: client.id, ...more });
  return html`<div class="tiles tiles-3">
    <${Tile} label=${t('keys.calls_24h')} value=${compact(day?.calls ?? 0)} href=${calls()} />
    <${Tile} label=${t('overview.success')} value=${day?.calls ? percent(day.outcomes.success / day.calls) : NOTHING} href=${calls({ outcome: 'rejected,request_error,no_key,upstream_error,interrupted' })} />
    <${Tile} label=${t('clients.month')} value=${money(client.used.usd_month)} href=${calls({ range: '30d' })} /></div>
    ${budgetsOf(client).length > 0 && html`<dl class="limits">${budgetsOf(client).map((one) => html`<div key=${one.name}><dt>${t(`budget.${one.name}`)}</dt><dd><${Budget} one=${one} warn=${client.warn_percent} /></dd></div>`)}</dl>`}
    ${client.former_token_until && html`<p class="verdict">${t('clients.former_until', { time: dateTime(client.former_token_until) })}</p>`}`;
};

function Edit({ client, changed, back }) {
  const [asking, setAsking] = useState(false);
  const [token, setToken] = useState(null);
  const form = useForm(toForm(client), (values) => api.patch(`api/clients/${client.id}`, differences({ ...client, expires_at: client.expires_at ? new Date(localTime(client.expires_at)).toISOString() : null }, toBody(values)), { etag: client.version }), (saved) => {
    notify(t('common.saved', { name: saved.name }));
    changed();
  });
  const rotate = async (overlap) => {
    setAsking(false);
    try {
      setToken(await api.post(`api/clients/${client.id}/token`, { overlap_s: overlap || undefined }, { etag: client.version }));
      forget('api/');
    } catch (error) {
      notifyError(error, t('error.title'));
      changed();
    }
  };
  const remove = async () => (await removeThing('clients', client, changed)) && go(back);
  return html`
    <form class="form" onSubmit=${form.submit}>
      <${Fields} form=${form} />${form.problem}
      <div class="row wrap"><${Button} kind="primary" type="submit" busy=${form.busy}>${t('common.save')}<//><span class="grow"></span>
        <${Button} icon="refresh-cw" onClick=${() => setAsking(true)}>${t('clients.rotate')}<//><${Button} kind="danger" icon="trash-2" onClick=${remove}>${t('common.delete')}<//></div>
    </form>
    ${asking && html`<${Rotate} client=${client} run=${rotate} close=${() => setAsking(false)} />`}
    ${token && html`<${TokenOnce} ...${token} close=${() => { setToken(null); changed(); }} />`}`;
}

/** Seconds for which the token of now may go on beside the new one. */
const OVERLAPS = [0, 3600, 86_400, 604_800];

function Rotate({ client, run, close }) {
  const [overlap, setOverlap] = useState(0);
  return html`
    <${Dialog} title=${t('clients.rotate')} close=${close} actions=${html`<${Button} onClick=${close}>${t('common.cancel')}<//><${Button} kind="primary" onClick=${() => run(Number(overlap))}>${t('clients.rotate')}<//>`}>
      <div class="form"><p>${t('clients.rotate_hint', { name: client.name })}</p>
        <${SelectField} label=${t('clients.overlap')} value=${overlap} change=${setOverlap} options=${OVERLAPS.map((seconds) => [seconds, seconds ? span(seconds * 1000) : t('clients.at_once')])} /></div>
    <//>`;
}
