// Checks of many keys: the server asks the providers a few at a time and tells what it found as it goes; leaving cancels the rest.
import { Badge } from '../../components/basics.js';
import { causeOf } from '../../components/states.js';
import { follow } from '../../lib/api.js';
import { t, word } from '../../lib/i18n.js';
import { html, useEffect, useRef, useState } from '../../lib/ui.js';
import { saidIn } from '../../lib/words.js';

const TONES = { valid: 'good', invalid: 'bad', no_quota: 'bad', no_access: 'bad', rate_limited: 'warn', network: 'warn', provider_trouble: 'warn', cannot_tell: 'plain' };
/** Verdicts in the order in which they matter. */
const ORDER = Object.keys(TONES);
/** So many keys are named; the counts are of all. */
const MOST_NAMED = 200;

export const Verdict = ({ verdict, count }) => html`<${Badge} tone=${TONES[verdict] ?? 'plain'}>${word('check', verdict)}${count !== undefined && html` <strong>${count}</strong>`}<//>`;

const IDLE = { state: 'idle', done: 0, total: 0, checks: [], error: null };

/** `{state, done, total, checks, error, start(ids), stop()}`; `state` is idle, running, done or stopped. */
export function useChecks(changed) {
  const [progress, setProgress] = useState(IDLE);
  const stop = useRef(new AbortController());
  useEffect(() => () => stop.current.abort(), []);
  const start = async (ids) => {
    stop.current = new AbortController();
    setProgress({ ...IDLE, state: 'running', total: ids.length });
    let [state, error] = ['done', null];
    try {
      await follow('POST', 'api/keys/check', { body: { ids }, signal: stop.current.signal }, (event) => {
        setProgress((old) => ({ ...old, done: event.done, total: event.total, checks: [...old.checks, ...event.checks], error: event.error ?? old.error }));
      });
    } catch (failure) {
      state = 'stopped';
      if (failure.name !== 'AbortError') error = causeOf(failure);
    }
    setProgress((old) => ({ ...old, state, error: error ?? old.error }));
    changed?.();
  };
  return { ...progress, start, stop: () => stop.current.abort() };
}

const byVerdict = (a, b) => ORDER.indexOf(a.verdict) - ORDER.indexOf(b.verdict);

/** How far the checks are, what was found how often, and every key that does not simply work; `all` names the working ones too. */
export function CheckProgress({ checks: { done, total, checks, state, error }, keys, all }) {
  const counts = new Map();
  checks.forEach(({ verdict }) => counts.set(verdict, (counts.get(verdict) ?? 0) + 1));
  const named = checks.filter(({ verdict }) => all || verdict !== 'valid').sort(byVerdict);
  return html`
    <div class="stack">
      <div class="progress"><progress max=${total || 1} value=${done} aria-label=${t('keys.check')}></progress>
        <div class="row wrap" role="status"><span class="grow">${t(state === 'stopped' ? 'keys.checks_stopped' : 'keys.import_progress', { done, total })}</span>
          ${ORDER.filter((verdict) => counts.has(verdict)).map((verdict) => html`<${Verdict} key=${verdict} verdict=${verdict} count=${counts.get(verdict)} />`)}</div></div>
      ${error && html`<p class="form-problem" role="alert">${error}</p>`}
      ${named.length > 0 && html`<div class="check-rows" tabindex="0" role="region" aria-label=${t('keys.checks_found')}><ul class="plain-rows">
        ${named.slice(0, MOST_NAMED).map((check) => html`<li key=${check.key}><span class="check-name cut">${keys.get(check.key)?.name ?? check.key} <code class="hint">${keys.get(check.key)?.secret_hint ?? ''}</code></span>
          <${Verdict} verdict=${check.verdict} /><span class="hint cut grow" title=${saidIn(check.message) ?? ''}>${saidIn(check.message)}</span></li>`)}</ul></div>`}
      ${named.length > MOST_NAMED && html`<p class="hint">${t('keys.more_checks', { n: named.length - MOST_NAMED })}</p>`}
    </div>`;
}
