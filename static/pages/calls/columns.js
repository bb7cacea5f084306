// What the list of calls shows of each.
import { Badge, Icon, Tag } from '../../components/basics.js';
import { compact, dateTime, money, NOTHING, shortTime, span } from '../../lib/format.js';
import { t, word } from '../../lib/i18n.js';
import { href, route } from '../../lib/router.js';
import { html } from '../../lib/ui.js';
import { outcomeName, outcomeTone } from '../../lib/words.js';

export const USUAL = ['time', 'outcome', 'model', 'client', 'key', 'tokens', 'cost', 'first_token', 'duration', 'attempts'];

/** Unknown, zero and an amount are three things. */
const tokens = (call) => html`<span title=${t('calls.tokens_hint', { quality: word('quality', call.usage_quality) })} class=${call.usage_quality === 'exact' ? undefined : 'hint'}>
  ${call.usage_quality === 'estimated' ? '~' : ''}${compact(call.input)} <span class="hint">→</span> ${compact(call.output)}</span>`;

export const Outcome = ({ call }) => html`
  <span class="row" title=${call.error_code ?? undefined}><${Badge} tone=${outcomeTone(call.outcome)}>${outcomeName(call.outcome)}<//>${call.status >= 400 && html`<code class="hint">${call.status}</code>`}</span>`;

const served = (call) => call.served_model && call.served_model !== call.model;

/** The columns in the language of now. */
export const columnsOf = () => [
  { name: 'time', title: t('calls.time'), width: '126px', render: (call) => html`<a class="num" href=${href(['calls', call.id], route.value.query)} title=${dateTime(call.started_at)}>${shortTime(call.started_at)}</a>` },
  { name: 'outcome', title: t('calls.outcome'), width: '15%', render: (call) => html`<${Outcome} call=${call} />` },
  { name: 'model', title: t('calls.model'), width: '19%', render: (call) => html`<span class="row" title=${served(call) ? `${call.model} → ${call.served_model}` : call.model}>
    <span class="cut firm">${call.model ?? html`<code>${call.path}</code>`}</span>${served(call) && html`<span class="hint cut">→ ${call.served_model}</span>`}</span>` },
  { name: 'api', title: t('calls.api'), width: '92px', from: 1000, render: (call) => html`<span class="hint">${call.api}</span>` },
  { name: 'client', title: t('calls.client'), width: '9%', from: 820, render: (call) => call.client?.name ?? html`<span class="hint">${NOTHING}</span>` },
  { name: 'key', title: t('calls.key'), width: '17%', from: 640, render: (call) => (call.key ? html`<span title="${call.provider?.name} / ${call.key.name}">${call.key.name} <span class="hint">${call.provider?.name}</span></span>` : html`<span class="hint">${call.provider?.name ?? NOTHING}</span>`) },
  { name: 'tokens', title: t('calls.tokens'), width: '112px', num: true, from: 720, render: tokens },
  { name: 'cost', title: t('calls.cost'), width: '86px', num: true, from: 880, render: (call) => (call.cost_usd === null ? html`<span class="hint" title=${t('calls.no_price')}>${NOTHING}</span>` : money(call.cost_usd, true)) },
  { name: 'first_token', title: t('calls.first_token'), width: '90px', num: true, from: 960, render: (call) => (call.first_token_ms === null ? html`<span class="hint">${NOTHING}</span>` : span(call.first_token_ms)) },
  { name: 'duration', title: t('calls.duration'), width: '88px', num: true, render: (call) => span(call.duration_ms) },
  { name: 'attempts', title: t('calls.attempts'), width: '78px', num: true, from: 560, render: (call) => html`<span class=${call.attempt_count > 1 ? 'tone-warn' : 'hint'}>${call.attempt_count}</span>` },
  { name: 'tags', title: t('calls.tags'), width: '10%', from: 1060, render: (call) => call.tags?.map((tag) => html`<${Tag} key=${tag}>${tag}<//> `) },
  { name: 'stream', title: t('calls.stream'), width: '64px', from: 1060, render: (call) => call.stream && html`<${Icon} name="activity" label=${t('calls.stream')} />` },
];

export const CallCard = ({ call, link }) => html`
  <div class="card-line"><a class="cut" href=${link}>${call.model ?? call.path}</a><${Badge} tone=${outcomeTone(call.outcome)}>${outcomeName(call.outcome)}<//></div>
  <div class="card-line hint"><span class="cut">${[call.key?.name, call.client?.name].filter(Boolean).join(' · ') || call.error_code}</span><span class="num">${shortTime(call.started_at)}</span></div>
  <div class="card-line hint"><span class="cut">${tokens(call)} · ${call.cost_usd === null ? NOTHING : money(call.cost_usd, true)}</span><span class="num">${call.attempt_count > 1 ? `${call.attempt_count} × ` : ''}${span(call.duration_ms)}</span></div>`;
