// Figures in a few pixels: tiles with a change, sparklines, bars of shares.
import { t } from '../lib/i18n.js';
import { NOTHING, cost, lacksPrice, percent } from '../lib/format.js';
import { classes, html } from '../lib/ui.js';
import { Icon } from './basics.js';

/** A line of values without axes, in a box of 100 by 24. */
export function Sparkline({ values, tone = 'accent', label }) {
  const known = values.map((value) => value ?? 0);
  const top = Math.max(...known, 1e-9);
  const step = 100 / Math.max(1, known.length - 1);
  const points = known.map((value, at) => `${(at * step).toFixed(1)},${(22 - (value / top) * 20).toFixed(1)}`).join(' ');
  return html`
    <svg class="sparkline tone-${tone}" viewBox="0 0 100 24" preserveAspectRatio="none" role=${label ? 'img' : undefined} aria-label=${label} aria-hidden=${label ? undefined : 'true'}>
      <polygon points="0,24 ${points} 100,24" /><polyline points=${points} vector-effect="non-scaling-stroke" />
    </svg>`;
}

/** How a figure changed against the period before; `good` says which way is welcome: `up`, `down` or neither. */
export function Delta({ now, before, good }) {
  if (now === null || now === undefined || !before) return html`<span class="delta" title=${t('figures.no_former')}>${NOTHING}</span>`;
  const change = (now - before) / before;
  const way = Math.abs(change) < 0.0005 ? 'flat' : change > 0 ? 'up' : 'down';
  const tone = way === 'flat' || !good ? 'plain' : way === good ? 'good' : 'bad';
  return html`<span class="delta ${tone}" title=${t('figures.former')}>
    <${Icon} name=${{ flat: 'minus', up: 'arrow-up', down: 'arrow-down' }[way]} label=${t(`figures.${way}`)} />${percent(Math.abs(change), Math.abs(change) < 0.1 ? 1 : 0)}</span>`;
}

/** One figure with its name, its change, and where it leads. */
export const Tile = ({ label, value, delta, hint, href, spark, tone }) => html`
  <a class=${classes('tile', tone && `tone-${tone}`)} href=${href}>
    <span class="tile-label">${label}</span>
    <span class="tile-value">${value}</span>
    <span class="tile-foot">${delta}${hint && html`<span class="hint cut">${hint}</span>`}</span>
    ${spark && html`<${Sparkline} values=${spark} tone=${tone === 'bad' ? 'bad' : 'accent'} />`}
  </a>`;

/** What `{cost_usd, unpriced}` cost, in a list; where it is unknown, it says why. */
export const Cost = ({ sums }) => (lacksPrice(sums) ? html`<span class="hint" title=${t('overview.unpriced', { n: sums.unpriced })}>${NOTHING}</span>` : cost(sums, true));

/** A share as a thin bar. */
export const Meter = ({ share, tone = 'accent', label }) => html`
  <svg class="meter tone-${tone}" viewBox="0 0 100 4" preserveAspectRatio="none" role="img" aria-label=${label ?? percent(share)}>
    <rect class="meter-room" width="100" height="4" /><rect class="meter-fill" width=${Math.max(0, Math.min(1, share || 0)) * 100} height="4" /></svg>`;

/** Parts of a whole beside each other: `{name, count, tone}`. */
export function Parts({ parts, label }) {
  const total = parts.reduce((sum, part) => sum + part.count, 0) || 1;
  let at = 0;
  return html`
    <svg class="parts" viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label=${label ?? parts.map((part) => `${part.name} ${part.count}`).join(', ')}>
      ${parts.filter((part) => part.count).map((part) => {
        const [x, width] = [at, (part.count / total) * 100];
        at += width;
        return html`<rect key=${part.name} class="tone-${part.tone}" x=${x} width=${Math.max(0.6, width - 0.4)} height="8"><title>${part.name}: ${part.count}</title></rect>`;
      })}
    </svg>`;
}
