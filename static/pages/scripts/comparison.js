// What a draft would have done otherwise: in one sentence, in figures, and difference by difference.
import { Icon } from '../../components/basics.js';
import { Parts } from '../../components/figures.js';
import { money, number, percent } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { href } from '../../lib/router.js';
import { html } from '../../lib/ui.js';
import { sidesOf } from './decisions.js';
import { HookTable } from './hooks.js';

export function Comparison({ comparison: found }) {
  const judged = found.same + found.different;
  const unknown = found.needs_body + found.needs_headers;
  const parts = [{ name: t('scripts.alike'), count: found.same, tone: 'good' }, { name: t('scripts.otherwise'), count: found.different, tone: 'warn' }, { name: t('scripts.unjudged'), count: unknown, tone: 'plain' }];
  return html`
    <div class="stack comparison">
      <p class="comparison-sentence">${sentence(found, judged)}</p>
      ${found.calls > 0 && html`<div><${Parts} parts=${parts} /><ul class="parts-legend">${parts.map((part) => html`<li key=${part.name}><i class="swatch tone-${part.tone}" aria-hidden="true"></i>${part.name} <strong>${number(part.count)}</strong></li>`)}</ul></div>`}
      ${found.draft_failures > 0 && html`<p class="form-problem"><${Icon} name="circle-alert" />${t('scripts.draft_failed_in', { n: found.draft_failures, live: number(found.live_failures) })}</p>`}
      ${unknown > 0 && html`<p class="hint">${t('scripts.unjudged_why', { body: number(found.needs_body), headers: number(found.needs_headers) })}</p>`}
      ${found.cost && html`<p>${costSentence(found.cost)}</p>`}
      ${found.changes.length > 0 && html`<section><h2>${t('scripts.differences')}</h2><ul class="changes-rows panel">${found.changes.map((change) => html`<${Change} key=${change.aspect + change.live + change.draft} change=${change} of=${judged} />`)}</ul>
        ${found.other_changes > 0 && html`<p class="hint">${t('scripts.other_changes', { n: found.other_changes })}</p>`}</section>`}
      ${found.draft_hooks.length > 0 && html`<section><h2 class="steps-title">${t('scripts.draft_hooks')}</h2><${HookTable} label=${t('scripts.draft_hooks')} hooks=${found.draft_hooks} /></section>`}
    </div>`;
}

function sentence(found, judged) {
  if (!found.calls) return t('scripts.no_calls_yet');
  if (!judged) return t('scripts.none_judged', { n: found.calls });
  if (!found.different) return t('scripts.nothing_changes', { n: judged });
  return t('scripts.would_change', { n: found.different, calls: number(judged), share: percent(found.different / judged) });
}

function costSentence({ live_usd: live, draft_usd: draft, difference_usd: difference, calls, unknown }) {
  const name = Math.abs(difference) < 1e-9 ? 'cost_same' : difference < 0 ? 'cost_less' : 'cost_more';
  const more = unknown ? ` ${t('scripts.cost_unknown', { n: unknown })}` : '';
  return t(`scripts.${name}`, { n: calls, live: money(live, true), draft: money(draft, true), difference: money(Math.abs(difference), true) }) + more;
}

function Change({ change, of }) {
  const [live, draft] = sidesOf(change);
  return html`
    <li><div class="change-what"><span class="hint">${t(`scripts.aspect_${change.aspect}`)}</span>
      <span class="change-sides"><span><span class="sr-only">${t('scripts.decision_live')}: </span><del>${live}</del></span><${Icon} name="arrow-right" /><span><span class="sr-only">${t('scripts.decision_draft')}: </span><strong>${draft}</strong></span></span></div>
      <span class="num">${t('common.calls_n', { n: change.count })} <span class="hint">${percent(of ? change.count / of : 0)}</span></span>
      <span class="change-samples">${change.samples.slice(0, 3).map((id, at) => html`<a key=${id} href=${href(['scripts', 'try'], { call: id })} title=${id}>${t('scripts.sample', { n: at + 1 })}</a>`)}</span></li>`;
}
