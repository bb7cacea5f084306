// The budgets of a client, and how much of each is used.
import { Meter } from '../../components/figures.js';
import { compact, money } from '../../lib/format.js';
import { html } from '../../lib/ui.js';

/** Every budget that a client may have: its member, what was used of it, and how it is shown. */
export const BUDGETS = ['usd_day', 'usd_month', 'usd_total', 'tokens_day', 'tokens_month', 'tokens_total'];
const showOf = (name) => (name.startsWith('usd') ? (value) => money(value, true) : compact);

/** The budgets that are set, the most used up first: `{name, used, of, share, show}`. */
export const budgetsOf = (client) => BUDGETS.map((name) => ({ name, used: client.used[name], of: client[`budget_${name}`], show: showOf(name) }))
  .filter((one) => one.of !== null && one.of !== undefined)
  .map((one) => ({ ...one, share: one.of ? one.used / one.of : 1 }))
  .sort((a, b) => b.share - a.share);

/** One budget with its bar. */
export const Budget = ({ one, warn }) => html`
  <span class="budget"><span>${one.show(one.used)}<span class="hint"> / ${one.show(one.of)}</span></span><${Meter} share=${one.share} tone=${one.share >= 1 ? 'bad' : one.share >= (warn ?? 80) / 100 ? 'warn' : 'accent'} /></span>`;
