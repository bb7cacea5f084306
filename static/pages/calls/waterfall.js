// Every attempt of a call on one axis of time, and why its key was taken.
import { Badge, Icon } from '../../components/basics.js';
import { shortTime, span } from '../../lib/format.js';
import { t, word } from '../../lib/i18n.js';
import { href } from '../../lib/router.js';
import { classes, html } from '../../lib/ui.js';
import { reasonName } from '../../lib/words.js';

/** The parts of an attempt in order: `[name, from, to]` in milliseconds after the call's start. */
export function partsOf(attempt) {
  const at = attempt.offset_ms;
  const end = attempt.last_byte_ms ?? attempt.first_byte_ms ?? attempt.connect_ms ?? 0;
  const parts = [];
  if (attempt.queue_ms > 0.5) parts.push(['queue', at - attempt.queue_ms, at]);
  let from = 0;
  const add = (name, to) => {
    if (to === null || to === undefined || to <= from) return;
    parts.push([name, at + from, at + to]);
    from = to;
  };
  add('connect', attempt.connect_ms);
  add('wait', Math.min(attempt.first_byte_ms ?? end, end));
  add('think', attempt.first_token_ms);
  add('read', end);
  return parts;
}

/** What scripts decided for the call, and which hooks failed. */
const ScriptNotes = ({ notes }) => notes?.length > 0 && html`
  <h3>${t('calls.scripts')}</h3>
  <ul class="plain-rows">${notes.map((note, at) => html`<li key=${at}><${Icon} name="file-code" /><code>${[note.script, note.line, note.column].filter(Boolean).join(':')}</code>
    <${Badge} tone=${['routed', 'answered'].includes(note.kind) ? 'info' : note.kind === 'rejected' ? 'warn' : 'bad'}>${word('script_note', note.kind)}<//><code class="hint">${note.hook}</code><span class="grow cut" title=${note.message}>${note.message}</span></li>`)}</ul>`;

export function Waterfall({ call }) {
  if (!call.attempts.length) return html`<p class="hint">${t('calls.no_attempts')}</p><${ScriptNotes} notes=${call.script_notes} />`;
  const whole = Math.max(call.duration_ms, 0.001);
  const used = new Set(call.attempts.flatMap((attempt) => partsOf(attempt).map(([name]) => name)));
  return html`
    <div class="waterfall">
      <div class="axis" aria-hidden="true">${[0, 0.25, 0.5, 0.75, 1].map((share) => html`<span key=${share}>${span(whole * share)}</span>`)}</div>
      <ol>${call.attempts.map((attempt, at) => html`<${Attempt} key=${at} attempt=${attempt} number=${at + 1} whole=${whole} cut=${at === call.attempts.length - 1 && call.outcome === 'interrupted'} open=${call.attempts.length < 4 || at === call.attempts.length - 1} />`)}</ol>
      <${ScriptNotes} notes=${call.script_notes} />
      <div class="legend">${['queue', 'connect', 'wait', 'think', 'read'].filter((name) => used.has(name)).map((name) => html`<span key=${name}><i class="swatch part-${name}"></i>${t(`calls.part_${name}`)}</span>`)}</div>
    </div>`;
}

function Attempt({ attempt, number, whole, open, cut }) {
  const { verdict, why } = attempt;
  const failed = Boolean(verdict) || cut;
  const parts = partsOf(attempt);
  const label = parts.map(([name, from, to]) => `${t(`calls.part_${name}`)} ${span(to - from)}`).join(', ');
  return html`
    <li class=${classes('attempt', failed && 'failed')}>
      <div class="attempt-head">
        <span class="attempt-number">${number}</span>
        <${Icon} name=${failed ? 'circle-x' : 'circle-check'} label=${t(failed ? 'calls.failed' : 'calls.served')} />
        <span class="cut"><strong>${attempt.key ? html`<a href=${href(['keys', attempt.key.id])}>${attempt.key.name}</a>` : t('calls.no_key')}</strong> <span class="hint">${attempt.provider?.name} · ${attempt.model ?? ''}</span></span>
        ${attempt.status && html`<code>${attempt.status}</code>`}
        ${verdict && html`<${Badge} tone="bad">${word('class', verdict.class)}<//>`}
      </div>
      <div class="lane" role="img" aria-label=${label} title=${label}>
        ${parts.map(([name, from, to]) => html`<i key=${name} class="part-${name} ${failed ? 'failed' : ''}" style=${{ left: `${(from / whole) * 100}%`, width: `max(2px, ${((to - from) / whole) * 100}%)` }}></i>`)}
      </div>
      ${verdict && html`<p class="attempt-verdict">${sentence(verdict)}${attempt.message && html`<span class="hint attempt-message">${attempt.message}</span>`}</p>`}
      <details class="why" open=${open}><summary>${t('calls.why')}: ${word('chosen_by', why.chosen_by)}${why.script ? html` <code>${why.script}</code>` : ''} · ${t('calls.pool', { ready: why.ready, pool: why.pool, tier: why.tier })}</summary>
        ${why.passed_over.length > 0 ? html`<ul class="plain-rows">${why.passed_over.map((one, at) => html`<li key=${at}>
          <span class="grow cut">${one.key ? html`<a href=${href(['keys', one.key.id])}>${one.key.name}</a>` : t('calls.keys_n', { n: one.count })}</span>
          <span class="hint">${word('passed_over', one.reason)}${one.until ? ` ${t('calls.until', { time: shortTime(one.until) })}` : ''}</span></li>`)}</ul>` : html`<p class="hint">${t('calls.nobody_passed')}</p>`}
      </details>
    </li>`;
}

/** A verdict as a sentence: who is to blame, what happened to the key, by which rule. */
function sentence(verdict) {
  const effect = verdict.effect?.kind ?? 'none';
  const rest = verdict.effect?.ms ? t(`calls.effect_${effect}`, { time: span(verdict.effect.ms) }) : word('effect', effect);
  return html`${reasonName(verdict.rule) === verdict.rule ? '' : `${reasonName(verdict.rule)}. `}${t('calls.blame', { who: word('blame', verdict.blame) })} ${rest}
    ${verdict.wait_source && html` (${t('keys.wait_known', { source: word('wait_source', verdict.wait_source) })})`} <code class="hint">${verdict.rule}</code>`;
}
