// A call in a few sentences: who answered or why nobody did, and what took the time.
import { percent, span } from '../../lib/format.js';
import { t, word } from '../../lib/i18n.js';
import { html } from '../../lib/ui.js';
import { outcomeName } from '../../lib/words.js';
import { partsOf } from './waterfall.js';

/** Least share of a call's time that is worth a word. */
const MUCH = 0.4;

const nameOf = (attempt) => attempt.key?.name ?? attempt.provider?.name ?? t('calls.no_key');

/** Failed attempts as `Rate limit of team-a, team-b`. */
function failuresOf(attempts) {
  const byClass = new Map();
  for (const attempt of attempts.filter((one) => one.verdict)) {
    const names = byClass.get(attempt.verdict.class) ?? [];
    byClass.set(attempt.verdict.class, [...new Set([...names, nameOf(attempt)])]);
  }
  return [...byClass].map(([kind, names]) => t('calls.story_failure', { kind: word('class', kind), names: names.join(', ') })).join('; ');
}

function ending(call) {
  const { attempts, outcome } = call;
  const failures = failuresOf(attempts);
  const last = attempts.at(-1);
  if (!attempts.length) return [t('calls.story_nobody', { outcome: outcomeName(outcome) })];
  if (outcome === 'success') {
    const name = nameOf(last);
    if (!failures) return [t('calls.story_at_once', { name })];
    return [t('calls.story_failed_first', { failures }), t('calls.story_then', { name })];
  }
  const what = failures ? t('calls.story_all_failed', { failures }) : t('calls.story_ended', { outcome: outcomeName(outcome), name: nameOf(last) });
  return [what];
}

/** What took most of the time: failed attempts, or one part of the last one. */
function slowness(call) {
  const whole = Math.max(call.duration_ms, 0.001);
  const lost = call.attempts.filter((attempt, at) => attempt.verdict && at < call.attempts.length - 1).reduce((sum, attempt) => sum + (attempt.last_byte_ms ?? attempt.first_byte_ms ?? attempt.connect_ms ?? 0), 0);
  if (lost / whole >= MUCH) return t('calls.story_lost', { time: span(lost), share: percent(lost / whole, 0) });
  const last = call.attempts.at(-1);
  const [longest] = last ? partsOf(last).sort((one, other) => other[2] - other[1] - (one[2] - one[1])) : [];
  const took = longest ? longest[2] - longest[1] : 0;
  return took / whole >= MUCH ? t('calls.story_slow', { share: percent(took / whole, 0), whole: span(whole), part: t(`calls.part_${longest[0]}`) }) : '';
}

export const Story = ({ call }) => html`<p class="story">${[...ending(call), slowness(call)].filter(Boolean).join(' ')}</p>`;
