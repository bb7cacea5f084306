// One provider: how it fares, its models, its settings.
import { Badge, Button, Icon } from '../../components/basics.js';
import { Dialog } from '../../components/dialog.js';
import { Parts } from '../../components/figures.js';
import { Answer } from '../../components/states.js';
import { Tabs } from '../../components/tabs.js';
import { api } from '../../lib/api.js';
import { dateTime, NOTHING, relative, span } from '../../lib/format.js';
import { removeThing } from '../../lib/edit.js';
import { t } from '../../lib/i18n.js';
import { notify, notifyError } from '../../lib/notices.js';
import { forget, useQuery } from '../../lib/query.js';
import { go, href } from '../../lib/router.js';
import { mayOperate } from '../../lib/session.js';
import { html, useState } from '../../lib/ui.js';
import { KEY_STATES, saidIn, stateName, stateTone } from '../../lib/words.js';
import { Verdict } from '../keys/checks.js';
import { State, keyParts, keysOf } from '../providers.js';
import { ProviderForm, TIMES } from './form.js';
import { SyncedModels } from './models.js';

export function ProviderDrawer({ id, reload, back }) {
  const answer = useQuery(`api/providers/${id}`, {}, { every: 6000 });
  const [tab, setTab] = useState('state');
  const changed = () => {
    answer.reload();
    reload();
  };
  const tabs = ['state', 'models', ...(mayOperate.value ? ['settings'] : [])].map((name) => [name, t(`providers.tab_${name}`)]);
  return html`
    <${Dialog} drawer title=${answer.data?.name ?? t('common.loading')} subtitle=${answer.data && html`<code>${answer.data.base_url}</code>`} close=${() => go(back)}>
      <${Answer} of=${answer} rows=${8} quiet>${(provider) => html`
        <${Tabs} tabs=${tabs} chosen=${tab} choose=${setTab} label=${t('common.details')}>${(name) => ({
          state: () => html`<${Fares} provider=${provider} changed=${changed} back=${back} />`,
          models: () => html`<${SyncedModels} provider=${provider} changed=${changed} />`,
          settings: () => html`<${ProviderForm} provider=${provider} key=${provider.version} done=${changed} />`,
        })[name]()}<//>`}<//>
    <//>`;
}

/** Tests the connection with a key of the provider, an active one if there is any. Null: there is no key. */
async function test(provider) {
  const { keys } = await api.get('api/keys', { provider: provider.id, limit: 50 });
  const key = keys.find((one) => one.status?.state === 'active') ?? keys[0];
  return key ? api.post(`api/keys/${key.id}/check`) : null;
}

const NO_ANSWER = ['network', 'provider_trouble'];

/** What a test found: whether the provider answered at all, and what it says of the key. */
const Tested = ({ report, provider }) => html`
  <div class="verdict" role="status">
    <div class="row wrap"><${Badge} tone=${NO_ANSWER.includes(report.verdict) ? 'bad' : 'good'}>${t(NO_ANSWER.includes(report.verdict) ? 'providers.no_answer' : 'providers.answers')}<//>
      <${Verdict} verdict=${report.verdict} /><span class="hint">${[report.status && `HTTP ${report.status}`, span(report.elapsed_ms), t('calls.key_named', { name: report.key.name })].filter(Boolean).join(' · ')}</span></div>
    ${report.message && html`<p>${saidIn(report.message)}</p>`}
    ${NO_ANSWER.includes(report.verdict) && html`<p class="hint">${t('providers.look_at')} <code>${provider.example_url}</code></p>`}</div>`;

function Fares({ provider, changed, back }) {
  const { status } = provider;
  const [busy, setBusy] = useState(false);
  const [report, setReport] = useState(null);
  const run = async () => {
    setBusy(true);
    try {
      const found = await test(provider);
      setReport(found);
      forget('api/');
      changed();
      if (!found) notify(t('providers.no_key_to_test'), { kind: 'plain', action: { label: t('keys.add'), run: () => go(href('keys', { add: 1, provider: provider.id })) } });
    } catch (error) {
      notifyError(error, t('error.title'));
    }
    setBusy(false);
  };
  const remove = async () => (await removeThing('providers', provider, changed)) && go(back);
  return html`
    <div class="stack">
      <div class="verdict"><${State} provider=${provider} />
        ${status.breaker_open_since && html`<p>${t('providers.open_since', { time: relative(status.breaker_open_since) })}</p>`}
        ${status.check_base_url && html`<p>${t('providers.check_url_hint')} <code>${provider.example_url}</code></p>`}</div>
      ${mayOperate.value && html`<div class="row wrap">
        <${Button} small icon="flask-conical" busy=${busy} onClick=${run}>${t('providers.test')}<//>
        <${Button} small icon="activity" href=${href('calls', { provider: provider.id })}>${t('keys.show_calls')}<//>
        <${Button} small icon="plus" href=${href('keys', { add: 1, provider: provider.id })}>${t('keys.add')}<//>
        <${Button} small kind="danger" icon="trash-2" onClick=${remove}>${t('common.delete')}<//></div>`}
      ${report && html`<${Tested} ...${{ report, provider }} />`}
      <h3>${t('nav.keys')} <span class="count">${keysOf(provider)}</span></h3>
      <${Parts} parts=${keyParts(provider)} />
      <div class="row wrap">${KEY_STATES.filter((state) => status.keys[state]).map((state) => html`<a class="plain-link" key=${state} href=${href('keys', { provider: provider.id, state })}><${Badge} tone=${stateTone(state)}>${stateName(state)} <strong>${status.keys[state]}</strong><//></a>`)}</div>
      <h3>${t('common.details')}</h3>
      <dl class="facts">
        <dt>${t('providers.full_url')}</dt><dd><code>${provider.example_url}</code></dd>
        <dt>${t('providers.auth')}</dt><dd><code>${provider.auth}</code></dd>
        <dt>${t('providers.timeouts')}</dt><dd>${TIMES.map((name) => html`<div key=${name}>${t(`providers.${name}`)} <span class="hint">${span(provider.timeouts[name])}</span></div>`)}</dd>
        <dt>${t('providers.attempts')}</dt><dd>${provider.attempts ?? html`<span class="hint">${t('models.as_set')}</span>`}</dd>
        <dt>${t('providers.in_flight')}</dt><dd>${status.in_flight}</dd>
        <dt>${t('keys.last_success')}</dt><dd>${status.last_success_at ? `${dateTime(status.last_success_at)} (${relative(status.last_success_at)})` : t('common.never')}</dd>
        ${status.region_refused_at && html`<dt>${t('providers.region')}</dt><dd>${dateTime(status.region_refused_at)}</dd>`}
        <dt>${t('providers.headers')}</dt><dd>${Object.entries(provider.headers).length ? Object.entries(provider.headers).map(([name, value]) => html`<div key=${name}><code>${name}: ${value}</code></div>`) : NOTHING}</dd>
        <dt>${t('providers.proxy')}</dt><dd>${provider.proxy ? html`<code>${provider.proxy}</code>` : NOTHING}</dd>
        ${provider.allow_private && html`<dt>${t('providers.private')}</dt><dd><${Icon} name="check" label=${t('common.yes')} /></dd>`}
      </dl>
    </div>`;
}
