// The budgets of a client, and how much of each is used.
import { Meter } from '../../components/figures.js';
import { compact, cost, money } from '../../lib/format.js';
import { useQuery } from '../../lib/query.js';
import { html } from '../../lib/ui.js';

/** Every budget that a client may have: its member, what was used of it, and how it is shown. */
export const BUDGETS = ['usd_day', 'usd_month', 'usd_total', 'tokens_day', 'tokens_month', 'tokens_total'];
const isMoney = (name) => name.startsWith('usd');

/** Where the UTC day and month of now began: budgets are of these. */
const startOf = (period) => `${new Date().toISOString().slice(0, period === 'day' ? 10 : 7)}${period === 'day' ? '' : '-01'}T00:00:00Z`;

/** How many calls of the running month, and of the day where `day` asks for it, were of unknown cost: `unpricedOf(client, budget)`. */
export function useUnpriced(day) {
  const of = (period) => ({ by: 'client', from: startOf(period), limit: 10_000 });
  const month = useQuery('api/stats/totals', of('month'), { every: 30_000 });
  const today = useQuery(day ? 'api/stats/totals' : null, of('day'), { every: 30_000 });
  const countsOf = ({ data }) => new Map((data?.members ?? []).map((member) => [member.id, member.sums.unpriced]));
  const [byMonth, byDay] = [countsOf(month), countsOf(today)];
  return (client, name) => (name === 'usd_day' ? byDay : byMonth).get(client.id) ?? 0;
}

/** What a client has spent of a budget in dollars; nothing where only calls of unknown cost came in. */
export const spent = (client, name, unpricedOf, short) => cost({ cost_usd: client.used[name], unpriced: unpricedOf(client, name) }, short);

/** The budgets that are set, the most used up first: `{name, used, of, share}`; the two figures as they are shown. */
export const budgetsOf = (client, unpricedOf) => BUDGETS.map((name) => ({ name, used: client.used[name], of: client[`budget_${name}`] }))
  .filter((one) => one.of !== null && one.of !== undefined)
  .map(({ name, used, of }) => ({ name, share: of ? used / of : 1, used: isMoney(name) ? spent(client, name, unpricedOf, true) : compact(used), of: isMoney(name) ? money(of, true) : compact(of) }))
  .sort((a, b) => b.share - a.share);

/** One budget with its bar. */
export const Budget = ({ one, warn }) => html`
  <span class="budget"><span>${one.used}<span class="hint"> / ${one.of}</span></span><${Meter} share=${one.share} tone=${one.share >= 1 ? 'bad' : one.share >= (warn ?? 80) / 100 ? 'warn' : 'accent'} /></span>`;
