// Numbers, money, spans and times for people, in their language.
import { intl } from './i18n.js';
import { zone } from './range.js';

export const NOTHING = '–';

const missing = (value) => value === null || value === undefined || Number.isNaN(value);

export const number = (value, digits = 0) => missing(value) ? NOTHING : intl(Intl.NumberFormat, { maximumFractionDigits: digits }).format(value);

/** 1234567 as 1.23M. */
export const compact = (value) =>
  missing(value) ? NOTHING
    : Math.abs(value) < 10_000 ? number(value)
      : intl(Intl.NumberFormat, { notation: 'compact', maximumSignificantDigits: 3 }).format(value);

/** A share from 0 to 1; never 100 % while something failed. */
export function percent(share, digits = 1) {
  if (missing(share)) return NOTHING;
  const scale = 100 * 10 ** digits;
  const cut = share > 0.5 ? Math.floor(share * scale) / scale : Math.ceil(share * scale) / scale;
  return intl(Intl.NumberFormat, { style: 'percent', maximumFractionDigits: digits }).format(cut);
}

/** US dollars, with as many digits as a small amount needs; `short` has four at most. */
export function money(dollars, short = false) {
  if (missing(dollars)) return NOTHING;
  const size = Math.abs(dollars);
  const digits = size === 0 || size >= 100 ? 2 : size >= 1 ? 2 : Math.min(short ? 4 : 8, 3 - Math.floor(Math.log10(size)));
  if (short && size > 0 && size < 0.0001) return `<${money(0.0001)}`;
  return intl(Intl.NumberFormat, {
    style: 'currency', currency: 'USD', currencyDisplay: 'narrowSymbol',
    minimumFractionDigits: Math.min(digits, 2), maximumFractionDigits: digits,
  }).format(dollars);
}

/** Whether all that was used is of unknown price, so that its cost is unknown and not 0. */
export const lacksPrice = (sums) => sums?.unpriced > 0 && !sums.cost_usd;

/** What `{cost_usd, unpriced}` cost: an amount, 0, or nothing where `lacksPrice`. All figures of cost are made here. */
export const cost = (sums, short = false) => (lacksPrice(sums) ? NOTHING : money(sums?.cost_usd ?? 0, short));

/** Milliseconds as 850 ms, 1.24 s or 2 m 5 s. */
export function span(ms) {
  if (missing(ms)) return NOTHING;
  if (ms < 1) return `${number(ms, 2)} ms`;
  if (ms < 1000) return `${number(ms)} ms`;
  if (ms < 60_000) return `${number(ms / 1000, ms < 10_000 ? 2 : 1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ${seconds % 60} s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} m`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)} h`;
}

export function bytes(count) {
  if (missing(count)) return NOTHING;
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  const power = count < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log(count) / Math.log(1024)));
  return `${number(count / 1024 ** power, power && count / 1024 ** power < 10 ? 1 : 0)} ${units[power]}`;
}

const zoned = (options) => ({ ...options, timeZone: zone.value, hourCycle: 'h23' });

/** A moment for a field of date and time, and what such a field holds as a moment; both as times are shown. */
export const inputTime = (time) => new Date(new Date(time) - (zone.value === 'UTC' ? 0 : new Date(time).getTimezoneOffset() * 60_000)).toISOString().slice(0, 16);
export const readTime = (text) => new Date(zone.value === 'UTC' ? `${text}Z` : text);

/** A moment in full. */
export const dateTime = (time) =>
  missing(time) ? NOTHING : intl(Intl.DateTimeFormat, zoned({ dateStyle: 'medium', timeStyle: 'medium' })).format(new Date(time));

/** A day. */
export const shortDate = (time) => (missing(time) ? NOTHING : intl(Intl.DateTimeFormat, zoned({ dateStyle: 'medium' })).format(new Date(time)));

/** A moment as short as its age allows: the clock today, the date before. */
export function shortTime(time) {
  if (missing(time)) return NOTHING;
  const at = new Date(time);
  const clock = zoned({ hour: '2-digit', minute: '2-digit', second: '2-digit' });
  const day = zoned({ month: 'short', day: 'numeric' });
  const dayOf = (moment) => intl(Intl.DateTimeFormat, zoned({ dateStyle: 'short' })).format(moment);
  if (dayOf(at) === dayOf(new Date())) return intl(Intl.DateTimeFormat, clock).format(at);
  return intl(Intl.DateTimeFormat, { ...day, ...zoned({ hour: '2-digit', minute: '2-digit' }) }).format(at);
}

/** A day of the week from 1, Monday, to 7; and an hour of a day as the clock shows it. */
export const weekday = (day) => intl(Intl.DateTimeFormat, { weekday: 'short', timeZone: 'UTC' }).format(Date.UTC(2024, 0, day));
export const clockHour = (hour) => intl(Intl.DateTimeFormat, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23', timeZone: 'UTC' }).format(Date.UTC(2024, 0, 1, hour));

/** The label of a bucket on a time axis. */
export function axisTime(time, stepMs, spanMs) {
  const options = stepMs >= 86_400_000 ? { month: 'short', day: 'numeric' }
    : spanMs > 2 * 86_400_000 ? { month: 'short', day: 'numeric', hour: '2-digit' }
      : { hour: '2-digit', minute: '2-digit' };
  return intl(Intl.DateTimeFormat, zoned(options)).format(new Date(time));
}

const UNITS = [['day', 86_400_000], ['hour', 3_600_000], ['minute', 60_000], ['second', 1000]];

/** `in 5 min.`, `2 hr. ago`; `narrow` has no room to lose: `in 5m`, `2h ago`. */
export function relative(time, { now = Date.now(), narrow } = {}) {
  if (missing(time)) return NOTHING;
  const ms = new Date(time) - now;
  const [unit, size] = UNITS.find(([, size]) => Math.abs(ms) >= size) ?? UNITS[3];
  return intl(Intl.RelativeTimeFormat, { numeric: narrow ? 'always' : 'auto', style: narrow ? 'narrow' : 'short' }).format(Math.trunc(ms / size), unit);
}
