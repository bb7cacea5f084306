// One key: how it fares, how it was used, and its settings.
import { Badge, Button, Icon } from '../../components/basics.js';
import { Dialog } from '../../components/dialog.js';
import { Meter, Tile } from '../../components/figures.js';
import { Answer } from '../../components/states.js';
import { Tabs } from '../../components/tabs.js';
import { compact, cost, dateTime, money, NOTHING, number, percent, relative, span } from '../../lib/format.js';
import { t, word } from '../../lib/i18n.js';
import { useQuery } from '../../lib/query.js';
import { zone } from '../../lib/range.js';
import { go, href } from '../../lib/router.js';
import { mayOperate } from '../../lib/session.js';
import { html, useState } from '../../lib/ui.js';
import { reasonName, stateName, stateTone } from '../../lib/words.js';
import { check, disable, enable, isDisabled, remove, reset } from './actions.js';
import { KeyForm } from './form.js';

export function KeyDrawer({ id, reload, back }) {
  const answer = useQuery(`api/keys/${id}`, {}, { every: 5000 });
  const [tab, setTab] = useState('state');
  const key = answer.data;
  const changed = () => {
    answer.reload();
    reload();
  };
  const tabs = [['state', t('keys.tab_state')], ...(mayOperate.value ? [['settings', t('keys.tab_settings')]] : [])];
  return html`
    <${Dialog} drawer title=${key?.name ?? t('common.loading')} subtitle=${key && html`${key.provider_name} · <code>${key.secret_hint}</code>`} close=${() => go(back)}>
      <${Answer} of=${answer} rows=${8} quiet>${() => html`
        <${Tabs} tabs=${tabs} chosen=${tab} choose=${setTab} label=${t('common.details')}>
          ${(name) => (name === 'state' ? html`<${Fares} item=${key} changed=${changed} />` : html`<${KeyForm} item=${key} key=${key.version} done=${changed} />`)}
        <//>`}<//>
    <//>`;
}

function Fares({ item, changed }) {
  const { status } = item;
  const use = useQuery('api/stats/totals', { by: 'key', range: '24h', zone: zone.value, limit: 10_000 });
  const sums = use.data?.members.find((member) => member.id === item.id)?.sums;
  const calls = (more) => href('calls', { range: '24h', attempted_key: item.id, ...more });
  return html`
    <div class="stack">
      <div class="verdict ${stateTone(status.state)}">
        <div class="row wrap"><${Badge} tone=${stateTone(status.state)}>${stateName(status.state)}<//>${status.reason && html`<strong>${reasonName(status.reason)}</strong>`}</div>
        <p>${explain(status)}</p>
        ${status.reason && reasonName(status.reason) !== status.reason && html`<p class="hint">${t('keys.rule')} <code>${status.reason}</code>${status.wait_source && html` · ${t('keys.wait_known', { source: word('wait_source', status.wait_source) })}`}</p>`}
      </div>
      ${mayOperate.value && html`<div class="row wrap">
        <${Button} small icon="flask-conical" onClick=${() => check(item, changed)}>${t('keys.check')}<//>
        ${isDisabled(item) ? html`<${Button} small icon="power" onClick=${() => enable(item, changed)}>${t('keys.enable')}<//>` : html`<${Button} small icon="power-off" onClick=${() => disable(item, null, changed)}>${t('keys.disable')}<//>`}
        <${Button} small icon="rotate-ccw" onClick=${() => reset(item, changed)}>${t('keys.reset')}<//>
        <${Button} small kind="danger" icon="trash-2" onClick=${() => remove(item, changed)}>${t('common.delete')}<//></div>`}
      <div class="tiles tiles-3">
        <${Tile} label=${t('keys.attempts_24h')} value=${compact(sums?.attempts ?? 0)} href=${calls()} />
        <${Tile} label=${t('keys.failures')} value=${sums?.attempts ? percent(sums.failed_attempts / sums.attempts) : NOTHING} href=${calls({ min_attempts: 2 })} />
        <${Tile} label=${t('keys.cost_24h')} value=${cost(sums)} href=${calls()} />
      </div>
      <h3>${t('keys.limits')}</h3>
      <dl class="limits">
        <${Limit} label=${t('keys.rpm')} used=${status.rpm_used} of=${item.rpm} />
        <${Limit} label=${t('keys.tpm')} used=${status.tpm_used} of=${item.tpm} />
        <${Limit} label=${t('keys.rpd')} used=${status.requests_today} of=${item.rpd} />
        <${Limit} label=${t('keys.concurrency')} used=${status.in_flight} of=${item.concurrency} />
        <${Limit} label=${t('keys.budget')} used=${status.spent_month_usd} of=${item.budget_usd_month} show=${money} />
      </dl>
      <${Rests} status=${status} />
      <h3>${t('common.details')}</h3>
      <dl class="facts">
        <dt>${t('keys.last_used')}</dt><dd>${status.last_used_at ? `${dateTime(status.last_used_at)} (${relative(status.last_used_at)})` : t('common.never')}</dd>
        <dt>${t('keys.last_success')}</dt><dd>${status.last_success_at ? relative(status.last_success_at) : t('common.never')}</dd>
        <dt>${t('keys.latency')}</dt><dd>${span(status.latency_ms)}</dd>
        <dt>${t('keys.account')}</dt><dd>${status.account ?? item.account ?? NOTHING}${status.account_until && html` <${Badge} tone="warn">${t('keys.until', { time: relative(status.account_until) })}<//>`}</dd>
        ${status.remaining_requests !== null && html`<dt>${t('keys.provider_says')}</dt><dd>${t('keys.remaining', { requests: number(status.remaining_requests), tokens: number(status.remaining_tokens) })}</dd>`}
        <dt>${t('common.created')}</dt><dd>${dateTime(item.created_at)}</dd>
      </dl>
    </div>`;
}

const explain = (status) => [
  status.since && t('keys.since', { time: relative(status.since) }),
  status.until && t('keys.back', { time: dateTime(status.until), relative: relative(status.until) }),
  status.next_probe_at && t('keys.probed', { time: relative(status.next_probe_at) }),
  status.failures > 0 && t('keys.failures_in_a_row', { n: status.failures }),
].filter(Boolean).join(' · ') || t('keys.fine');

const Limit = ({ label, used, of, show = compact }) => html`
  <div><dt>${label}</dt><dd class="num">${show(used)}<span class="hint"> / ${of === null || of === undefined ? t('common.unlimited') : show(of)}</span></dd>
    ${of > 0 && html`<${Meter} share=${used / of} tone=${used / of > 0.9 ? 'bad' : used / of > 0.7 ? 'warn' : 'accent'} />`}</div>`;

const Rests = ({ status }) => (status.models.length > 0 || status.endpoints.length > 0) && html`
  <h3>${t('keys.rests')}</h3>
  <ul class="plain-rows">
    ${status.models.map((model) => html`<li key=${model.model}><${Icon} name="snowflake" /><code class="cut grow">${model.model}</code>
      <span class="hint">${[model.until && t('keys.until', { time: relative(model.until) }), reasonName(model.reason), model.wait_source && t('keys.wait_known', { source: word('wait_source', model.wait_source) }), model.size_limit && t('keys.size_limit', { n: model.size_limit })].filter(Boolean).join(' · ')}</span></li>`)}
    ${status.endpoints.map((endpoint) => html`<li key=${endpoint.endpoint}><${Icon} name="ban" /><code class="cut grow">${endpoint.endpoint}</code><span class="hint">${word('rule', reasonName(endpoint.reason))} · ${t('keys.until', { time: relative(endpoint.until) })}</span></li>`)}
  </ul>`;
