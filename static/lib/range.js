// The stretch of time that statistics and lists are about. It stands in the address; what was chosen last is remembered.
import { computed } from '@preact/signals';
import { route, setQuery } from './router.js';
import { stored } from './stored.js';

export const RANGES = ['15m', '1h', '6h', 'today', 'yesterday', '24h', '7d', '30d'];

const last = stored('range', '24h');
const chosenZone = stored('zone', 'local');
/** To make a format only for its zone takes a slow machine a tenth of a second. */
const localZone = globalThis.Temporal?.Now.timeZoneId() ?? Intl.DateTimeFormat().resolvedOptions().timeZone;

/** Whether times are shown in `local` time or in `UTC`. */
export const zoneChoice = chosenZone;
export const zone = computed(() => (chosenZone.value === 'UTC' ? 'UTC' : localZone));

/** `{range}`, or `{from, to}` as RFC 3339. */
export const range = computed(() => {
  const { range: name, from, to } = route.value.query;
  if (from || to) return { from, to };
  return { range: name ?? last.value };
});

/** The stretch that was chosen last by name. */
export const usualRange = last;

/** What a question about this stretch sends. */
export const rangeQuery = computed(() => ({ ...range.value, zone: zone.value }));

/** The question for the figures of this stretch and of the one before it. */
export const totalsQuestion = computed(() => ['api/stats/totals', { ...rangeQuery.value, former: true }]);

/** The next longer stretch than this one, if there is one. */
export function wider({ range: name }) {
  if (name === '30d') return null;
  if (name === '7d') return '30d';
  return ['24h', 'today', 'yesterday'].includes(name) || !name ? '7d' : '24h';
}

export function chooseRange(name) {
  last.value = name;
  setQuery({ range: name, from: null, to: null });
}

/** A stretch of its own, as when a piece of a chart is drawn out. */
export function chooseSpan(from, to) {
  setQuery({ range: null, from: new Date(from).toISOString(), to: new Date(to).toISOString() }, { replace: false });
}
