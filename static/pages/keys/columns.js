// What the list of keys shows of each.
import { Badge, Cut, Tag } from '../../components/basics.js';
import { Sparkline } from '../../components/figures.js';
import { compact, money, NOTHING, percent, relative } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { href, route } from '../../lib/router.js';
import { html } from '../../lib/ui.js';
import { reasonName, stateName, stateTone } from '../../lib/words.js';
import { KeyMenu } from './actions.js';

/** The state with what led to it and when it ends. */
export function State({ status, short }) {
  if (!status) return NOTHING;
  const ends = status.until ? t('keys.until', { time: relative(status.until) }) : status.next_probe_at ? t('keys.probed', { time: relative(status.next_probe_at) }) : '';
  const more = [reasonName(status.reason), ends].filter(Boolean).join(' · ');
  return html`<span class="row" title=${[stateName(status.state), more].filter(Boolean).join(': ')}><${Badge} tone=${stateTone(status.state)}>${stateName(status.state)}<//>${!short && more && html`<span class="hint cut">${more}</span>`}</span>`;
}

const failureShare = (sums) => (sums?.attempts ? sums.failed_attempts / sums.attempts : null);

export function Failures({ sums }) {
  const share = failureShare(sums);
  if (share === null) return NOTHING;
  return html`<span class=${share > 0.2 ? 'tone-bad' : share > 0.05 ? 'tone-warn' : 'hint'}>${percent(share, share < 0.1 ? 1 : 0)}</span>`;
}

export const columnsOf = (use, trend, reload) => [
  { name: 'name', title: t('common.name'), width: '17%', sort: (key) => key.name,
    render: (key) => html`<span class="row"><a class="cut" href=${href(['keys', key.id], route.value.query)}>${key.name}</a><code class="hint">${key.secret_hint}</code></span>` },
  { name: 'state', title: t('keys.state'), width: '26%', sort: (key) => key.status?.state, render: (key) => html`<${State} status=${key.status} />` },
  { name: 'provider', title: t('keys.provider'), width: '12%', from: 700, sort: (key) => key.provider_name, render: (key) => html`<${Cut} text=${key.provider_name} />` },
  { name: 'tags', title: t('keys.tags'), width: '10%', from: 1080, render: (key) => html`<span class="row">${key.tags.map((tag) => html`<${Tag} key=${tag}>${tag}<//>`)}</span>` },
  { name: 'weight', title: t('keys.weight'), width: '66px', num: true, from: 1180, sort: (key) => key.weight, render: (key) => key.weight },
  { name: 'load', title: t('keys.load'), width: '84px', num: true, from: 980, sort: (key) => key.status?.rpm_used,
    render: (key) => html`<span title=${t('keys.load_hint', { n: key.status?.in_flight ?? 0 })}>${key.status?.rpm_used ?? NOTHING}<span class="hint">${key.rpm ? `/${compact(key.rpm)}` : ''}</span></span>` },
  { name: 'calls', title: t('keys.calls_24h'), width: '80px', num: true, from: 600, sort: (key) => use.get(key.id)?.attempts ?? 0, render: (key) => compact(use.get(key.id)?.attempts ?? 0) },
  { name: 'failures', title: t('keys.failures'), width: '76px', num: true, from: 760, sort: (key) => failureShare(use.get(key.id)), render: (key) => html`<${Failures} sums=${use.get(key.id)} />` },
  { name: 'cost', title: t('keys.cost'), width: '92px', num: true, from: 860, sort: (key) => use.get(key.id)?.cost_usd, render: (key) => money(use.get(key.id)?.cost_usd ?? 0, true) },
  { name: 'used', title: t('keys.last_used'), width: '104px', num: true, from: 1000, sort: (key) => key.status?.last_used_at, render: (key) => html`<span class="hint">${key.status?.last_used_at ? relative(key.status.last_used_at) : t('common.never')}</span>` },
  { name: 'trend', title: t('keys.trend'), width: '96px', from: 1120, render: (key) => trend.has(key.id) && html`<${Sparkline} values=${trend.get(key.id)} />` },
  { name: 'menu', title: '', width: '46px', render: (key) => html`<${KeyMenu} item=${key} reload=${reload} />` },
];

/** The key on a narrow page. */
export const KeyCard = ({ item, sums, link }) => html`
  <div class="card-line"><a class="cut" href=${link}>${item.name}</a><${State} status=${item.status} short /></div>
  <div class="card-line hint"><span class="cut">${item.provider_name} · <code>${item.secret_hint}</code></span><span>${item.status?.last_used_at ? relative(item.status.last_used_at) : t('common.never')}</span></div>
  <div class="card-line hint"><span class="cut">${reasonName(item.status?.reason) || item.tags.join(', ')}</span><span class="num">${compact(sums?.attempts ?? 0)} · <${Failures} sums=${sums} /> · ${money(sums?.cost_usd ?? 0, true)}</span></div>`;
