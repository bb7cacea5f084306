// What the list of keys shows of each.
import { Badge, Cut, Tag } from '../../components/basics.js';
import { Sparkline } from '../../components/figures.js';
import { compact, dateTime, money, NOTHING, percent, relative } from '../../lib/format.js';
import { t, word } from '../../lib/i18n.js';
import { href, route } from '../../lib/router.js';
import { html } from '../../lib/ui.js';
import { reasonName, stateName, stateTone } from '../../lib/words.js';
import { KeyMenu } from './actions.js';

/** When a state ends, or is looked into again. */
const endOf = (status) => (status.until ? [t('keys.until', { time: relative(status.until) }), relative(status.until, { narrow: true })] : status.next_probe_at ? [t('keys.probed', { time: relative(status.next_probe_at) }), relative(status.next_probe_at, { narrow: true })] : []);

/** The state with what led to it and when it ends. */
export function State({ status, short }) {
  if (!status) return NOTHING;
  const reason = reasonName(status.reason);
  const [ends, time] = endOf(status);
  const source = status.wait_source && t('keys.wait_known', { source: word('wait_source', status.wait_source) });
  return html`<span class="row key-state" title=${[stateName(status.state), reason, ends, source].filter(Boolean).join(' · ')}><${Badge} tone=${stateTone(status.state)}>${stateName(status.state)}<//>
    ${!short && reason && html`<span class="hint cut grow">${reason}</span>`}${!short && time && html`<span class="hint num">${time}</span>`}</span>`;
}

const failureShare = (sums) => (sums?.attempts ? sums.failed_attempts / sums.attempts : null);

export function Failures({ sums }) {
  const share = failureShare(sums);
  if (share === null) return NOTHING;
  return html`<span class=${share > 0.2 ? 'tone-bad' : share > 0.05 ? 'tone-warn' : 'hint'}>${percent(share, share < 0.1 ? 1 : 0)}</span>`;
}

/** What is known of the cost; nothing where only calls without a price came in. */
export const Cost = ({ sums }) => (sums?.cost_usd === 0 && sums.unpriced > 0 ? html`<span class="hint" title=${t('overview.unpriced', { n: sums.unpriced })}>${NOTHING}</span>` : money(sums?.cost_usd ?? 0, true));

/** Requests of the last minute, of how many, and what is on its way. */
const Load = ({ item: { status, rpm } }) => html`
  <span class="row key-load" title=${t('keys.load_hint', { n: status?.in_flight ?? 0 })}>${status?.in_flight > 0 && html`<span class="in-flight">${status.in_flight}</span>`}
    <span>${status?.rpm_used ?? NOTHING}<span class="hint">${rpm !== null && `/${compact(rpm)}`}</span></span></span>`;

export const columnsOf = (use, trend, reload) => [
  { name: 'name', title: t('common.name'), width: '15%', sort: (key) => key.name,
    render: (key) => html`<span class="row"><a class="cut" href=${href(['keys', key.id], route.value.query)}>${key.name}</a><code class="hint">${key.secret_hint}</code></span>` },
  { name: 'state', title: t('keys.state'), sort: (key) => key.status?.state, render: (key) => html`<${State} status=${key.status} />` },
  { name: 'provider', title: t('keys.provider'), width: '92px', from: 700, sort: (key) => key.provider_name, render: (key) => html`<${Cut} text=${key.provider_name} />` },
  { name: 'tags', title: t('keys.tags'), width: '66px', from: 1080, render: (key) => html`<span class="row" title=${key.tags.join(', ')}>${key.tags.map((tag) => html`<${Tag} key=${tag}>${tag}<//>`)}</span>` },
  { name: 'weight', title: t('keys.weight'), width: '60px', num: true, from: 1100, sort: (key) => key.weight, render: (key) => key.weight },
  { name: 'load', title: t('keys.load'), width: '64px', num: true, from: 980, sort: (key) => key.status?.rpm_used, render: (key) => html`<${Load} item=${key} />` },
  { name: 'trend', title: t('keys.trend'), width: '76px', from: 1040, render: (key) => trend.has(key.id) && html`<${Sparkline} values=${trend.get(key.id)} />` },
  { name: 'calls', title: t('keys.calls_short'), width: '56px', num: true, from: 600, sort: (key) => use.get(key.id)?.attempts ?? 0, render: (key) => compact(use.get(key.id)?.attempts ?? 0) },
  { name: 'failures', title: t('keys.failures'), width: '60px', num: true, from: 760, sort: (key) => failureShare(use.get(key.id)), render: (key) => html`<${Failures} sums=${use.get(key.id)} />` },
  { name: 'cost', title: t('keys.cost_short'), width: '72px', num: true, from: 860, sort: (key) => use.get(key.id)?.cost_usd, render: (key) => html`<${Cost} sums=${use.get(key.id)} />` },
  { name: 'used', title: t('keys.last_used'), width: '78px', num: true, from: 1000, sort: (key) => key.status?.last_used_at, render: (key) => html`<span class="hint" title=${dateTime(key.status?.last_used_at)}>${key.status?.last_used_at ? relative(key.status.last_used_at, { narrow: true }) : t('common.never')}</span>` },
  { name: 'menu', title: '', width: '38px', render: (key) => html`<${KeyMenu} item=${key} reload=${reload} />` },
];

/** The key on a narrow page. */
export const KeyCard = ({ item, sums, link }) => html`
  <div class="card-line"><a class="cut" href=${link}>${item.name}</a><${State} status=${item.status} short /></div>
  <div class="card-line hint"><span class="cut">${item.provider_name} · <code>${item.secret_hint}</code></span><span>${item.status?.last_used_at ? relative(item.status.last_used_at) : t('common.never')}</span></div>
  <div class="card-line hint"><span class="cut">${reasonName(item.status?.reason) || item.tags.join(', ')}</span><span class="num">${compact(sums?.attempts ?? 0)} · <${Failures} sums=${sums} /> · <${Cost} sums=${sums} /></span></div>`;
