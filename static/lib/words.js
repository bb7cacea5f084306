// How the words of the API look: the tone of every state and outcome.
import { word } from './i18n.js';

export const OUTCOMES = ['success', 'rejected', 'request_error', 'no_key', 'upstream_error', 'interrupted', 'client_gone', 'internal_error'];
/** Outcomes of calls that did not succeed, whoever is to blame. */
export const FAILED = OUTCOMES.filter((outcome) => outcome !== 'success');
/** Outcomes for which someone may have to do something. */
export const FAULTS = ['no_key', 'upstream_error', 'interrupted', 'internal_error'];

const OUTCOME_TONES = { success: 'good', rejected: 'warn', request_error: 'warn', no_key: 'bad', upstream_error: 'bad', interrupted: 'bad', client_gone: 'plain', internal_error: 'bad' };
export const outcomeTone = (outcome) => OUTCOME_TONES[outcome] ?? 'plain';
export const outcomeName = (outcome) => word('outcome', outcome);

/** The colour token of an outcome in a chart. */
export const OUTCOME_COLOURS = {
  success: 'series-1', rejected: 'series-4', request_error: 'series-3', no_key: 'bad', upstream_error: 'series-5', interrupted: 'series-6', client_gone: 'series-others', internal_error: 'series-8',
};

/** Colour tokens for series that mean nothing by themselves, in order; `others` comes last. */
export const SERIES = ['series-1', 'series-2', 'series-3', 'series-4', 'series-5', 'series-6', 'series-7', 'series-8'];

export const KEY_STATES = ['active', 'probing', 'limited', 'cooling', 'disabled_auto', 'disabled_manual'];
const STATE_TONES = { active: 'good', cooling: 'warn', probing: 'info', limited: 'warn', disabled_auto: 'bad', disabled_manual: 'plain' };
export const stateTone = (state) => STATE_TONES[state] ?? 'plain';
export const stateName = (state) => word('key_state', state);

/** The rule of a verdict in words, by the second part of its id; an operator's own words stay as they are. */
export function reasonName(reason) {
  if (!reason) return '';
  const match = /^[a-z]+\.([a-z_]+?)(_text|_unsaid)?$/.exec(reason);
  return match ? word('rule', match[1]) : reason;
}

/** What a provider said, out of the body of its error; the text as it is where that is no such body. */
export function saidIn(text) {
  try {
    const [body] = [JSON.parse(text)].flat();
    const error = body?.error ?? body;
    return error?.message ?? (typeof error === 'string' ? error : text);
  } catch {
    return text;
  }
}
