// What the list of keys shows of each.
import { Badge, Cut, Tag } from '../../components/basics.js';
import { Cost, Sparkline } from '../../components/figures.js';
import { compact, dateTime, NOTHING, percent, relative } from '../../lib/format.js';
import { t, word } from '../../lib/i18n.js';
import { href, route } from '../../lib/router.js';
import { html } from '../../lib/ui.js';
import { reasonName, stateName, stateTone } from '../../lib/words.js';
import { KeyMenu } from './actions.js';

const sourceOf = ({ wait_source: source }) => source && t('keys.wait_known', { source: word('wait_source', source) });
const joined = (...parts) => parts.filter(Boolean).join(' · ');

/** What is held against a key: why, and from where the wait is known; when it ends, or is looked into again. A key that serves may rest for models. */
function held(status) {
  if (status.reason || status.until || status.next_probe_at) {
    return { text: joined(reasonName(status.reason), sourceOf(status)), end: status.until ?? status.next_probe_at, name: status.until ? 'keys.until' : 'keys.probed' };
  }
  const rests = status.models.filter((model) => model.until).sort((a, b) => new Date(a.until) - new Date(b.until));
  if (!rests.length) return { text: '' };
  return { text: joined(t('keys.models_rest', { n: rests.length }), sourceOf(rests[0])), end: rests[0].until, name: rests.length > 1 ? 'keys.next_until' : 'keys.until' };
}

/** The state with what led to it and when it ends. */
export function State({ status, short }) {
  if (!status) return NOTHING;
  const { text, end, name } = held(status);
  return html`<span class="row key-state" title=${joined(stateName(status.state), text, end && t(name, { time: relative(end) }))}><${Badge} tone=${stateTone(status.state)}>${stateName(status.state)}<//>
    ${!short && text && html`<span class="hint cut grow">${text}</span>`}${!short && end && html`<span class="hint num">${relative(end, { narrow: true })}</span>`}</span>`;
}

/** The same in one line of words. */
const heldInWords = (status) => {
  const { text, end, name } = held(status);
  return joined(text, end && t(name, { time: relative(end) }));
};

const failureShare = (sums) => (sums?.attempts ? sums.failed_attempts / sums.attempts : null);

export function Failures({ sums }) {
  const share = failureShare(sums);
  if (share === null) return NOTHING;
  return html`<span class=${share > 0.2 ? 'tone-bad' : share > 0.05 ? 'tone-warn' : 'hint'}>${percent(share, share < 0.1 ? 1 : 0)}</span>`;
}

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
  <div class="card-line hint"><span class="cut">${item.provider_name} · <code>${item.secret_hint}</code></span><span>${t('common.last_used', { time: item.status?.last_used_at ? relative(item.status.last_used_at) : t('common.never') })}</span></div>
  <div class="card-line hint"><span class="cut">${(item.status && heldInWords(item.status)) || item.tags.join(', ')}</span><span class="num">${compact(sums?.attempts ?? 0)} · <${Failures} sums=${sums} /> · <${Cost} sums=${sums} /></span></div>`;
