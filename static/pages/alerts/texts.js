// What the server says of alerts, in the reader's words, and where it leads. A text that is not known stays as it is.
import { number, span } from '../../lib/format.js';
import { t, word } from '../../lib/i18n.js';
import { href } from '../../lib/router.js';
import { reasonName } from '../../lib/words.js';

/** Places of a text that are words or figures themselves. */
const SHOW = {
  reason: reasonName, breaker: (kind) => word('providers', `breaker_${kind}`), ms: (ms) => span(Number(ms)), budget: (name) => word('budget', name),
  usable: (n) => number(Number(n)), free: (n) => number(Number(n)), n: Number,
};

/** `[text, name]`: the places of a text are named as in `alerts.text_NAME`. */
const TEXTS = [
  [/^The key (?<key>.+) was switched off$/, 'key_disabled'],
  [/^Reason: (?<reason>.+?)\. It is probed from time to time/, 'key_probed'],
  [/^(?<provider>.+) has (?<usable>\d+) usable keys of (?<of>\d+)$/, 'pool_below'],
  [/^The rule wants at least (?<least>\d+)\. The others rest/, 'pool_least'],
  [/^(?<provider>.+) fails for every key$/, 'breaker_open'],
  [/^Kind of failure: (?<breaker>\w+)\. Its keys are spared/, 'breaker_spared'],
  [/^(?<share>\d+) % of all calls fail$/, 'error_rate'],
  [/^(?<share>\d+) % of calls at (?<provider>.+) fail$/, 'error_rate_at'],
  [/^(?<failed>\d+) of (?<total>\d+) in (?<minutes>\d+) min; the rule allows (?<allowed>\d+) %\.$/, 'error_rate_allowed'],
  [/^all calls take (?<ms>\d+) ms \(p(?<p>\d+)\)$/, 'latency'],
  [/^calls at (?<provider>.+) take (?<ms>\d+) ms \(p(?<p>\d+)\)$/, 'latency_at'],
  [/^(?<total>\d+) in (?<minutes>\d+) min; the rule allows (?<ms>\d+) ms\.$/, 'latency_allowed'],
  [/^(?<share>\d+) % of a budget are used: (?<budget>\w+) of (?<client>.+)$/, 'budget_warn'],
  [/^A budget is used up: (?<budget>\w+) of (?<client>.+)$/, 'budget_used'],
  [/^(?<used>[\d.]+ (?:USD|tokens)) of (?<of>[\d.]+ (?:USD|tokens)) are used\.$/, 'budget_amount'],
  [/^The budget of (?<client>.+) cannot be enforced$/, 'budget_unenforced'],
  [/^(?<n>\d+) calls in (?<minutes>\d+) min used models without a price/, 'budget_unpriced'],
  [/^Call records are lost; calls go on$/, 'log_dropped'],
  [/^(?<n>\d+) records were lost because/, 'log_lost'],
  [/^Writing fails: (?<trouble>.+)$/s, 'log_trouble'],
  [/^(?<free>\d+) MiB are free on the disk/, 'disk_low'],
  [/^The rule wants at least (?<least>\d+) MiB/, 'disk_least'],
  [/^Alerts of Keywheel reach this channel$/, 'test'],
];

export function textOf(text) {
  const more = /^(?<first>.+), and (?<n>\d+) more$/s.exec(text)?.groups;
  if (more) return t('alerts.text_and_more', { first: textOf(more.first), n: Number(more.n) });
  for (const [pattern, name] of TEXTS) {
    const found = pattern.exec(text);
    if (found) return t(`alerts.text_${name}`, Object.fromEntries(Object.entries(found.groups ?? {}).map(([place, value]) => [place, SHOW[place]?.(value) ?? value])));
  }
  return text;
}

/** Names that the rules of the first start have. */
const FIRST_NAMES = {
  'Key disabled': 'key_disabled', 'No usable key': 'pool_below', 'Calls fail': 'error_rate', 'Calls are slow': 'latency', 'Budget used up': 'budget', 'Budget cannot be enforced': 'budget_unenforced',
  'Provider fails': 'breaker_open', 'Call records are lost': 'log_dropped', 'Disk nearly full': 'disk_low',
};

/** The name of a rule: its own, or that of the first start in the reader's language. */
export const ruleName = (name) => (Object.hasOwn(FIRST_NAMES, name) ? t(`alerts.first_${FIRST_NAMES[name]}`) : name);

const PAGES = { key: 'keys', provider: 'providers', client: 'clients' };

/** The page of what an alert is about. */
export function linkOf({ subject }) {
  const [noun, id] = subject.split(':');
  if (PAGES[noun] && id) return href([PAGES[noun], id]);
  return { calls: href('calls'), log: href(['settings', 'system']), disk: href(['settings', 'system']) }[noun];
}
