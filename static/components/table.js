// A table that draws only the rows in sight, so that ten thousand scroll like ten. Narrow pages get cards instead.
import { t } from '../lib/i18n.js';
import { useKeys } from '../lib/keyboard.js';
import { isNarrow } from '../lib/theme.js';
import { classes, html, useLayoutEffect, useRef, useState } from '../lib/ui.js';
import { Icon } from './basics.js';

const ROW_HEIGHT = 38;
const AHEAD = 12;

/** The first and last row in sight of the scrolling page. */
function useWindow(element, count, height) {
  const [span, setSpan] = useState([0, 60]);
  useLayoutEffect(() => {
    const scroller = document.getElementById('main');
    const measure = () => {
      if (!element.current) return;
      const above = scroller.getBoundingClientRect().top - element.current.getBoundingClientRect().top;
      const first = Math.max(0, Math.floor(above / height) - AHEAD);
      const last = Math.min(count, first + Math.ceil(scroller.clientHeight / height) + 2 * AHEAD);
      setSpan((old) => (old[0] === first && old[1] === last ? old : [first, last]));
    };
    measure();
    scroller.addEventListener('scroll', measure, { passive: true });
    const watcher = new ResizeObserver(measure);
    watcher.observe(scroller);
    return () => {
      scroller.removeEventListener('scroll', measure);
      watcher.disconnect();
    };
  }, [count, height]);
  return span;
}

/** The width of an element, to leave out columns that do not fit. */
function useWidth(element) {
  const [width, setWidth] = useState(1200);
  useLayoutEffect(() => {
    const watcher = new ResizeObserver(([entry]) => setWidth(Math.round(entry.contentRect.width)));
    watcher.observe(element.current);
    return () => watcher.disconnect();
  }, []);
  return width;
}

/** Rows in the order of a column: `[name, direction]`; rows without a value come last. */
export function sorted(rows, columns, [name, direction]) {
  const column = columns.find((one) => one.name === name);
  if (!column?.sort) return rows;
  const sign = direction === 'down' ? -1 : 1;
  const compare = (a, b) => {
    const [x, y] = [column.sort(a), column.sort(b)];
    if (x === y) return 0;
    if (x === null || x === undefined) return 1;
    if (y === null || y === undefined) return -1;
    return sign * (typeof x === 'string' ? x.localeCompare(y, undefined, { numeric: true }) : x - y);
  };
  return [...rows].sort(compare);
}

/**
 * `columns` are `{name, title, render(row), width, num, from, sort(row)}`: `from` is the least width of the table in pixels at
 * which the column is shown. `open(row)` gives a row's link; `card(row)` what a narrow page shows in `cardHeight` pixels.
 * `marked` is a Set of keys with `mark(keys)` to change it; `order` is `[name, 'up' | 'down']` with `reorder`.
 */
export function Table({ label, columns, rows, keyOf = (row) => row.id, open, card, cardHeight = 92, marked, mark, order, reorder, tone, current }) {
  const element = useRef();
  const narrow = isNarrow.value && card;
  const height = narrow ? cardHeight : ROW_HEIGHT;
  const width = useWidth(element);
  const [first, last] = useWindow(element, rows.length, height);
  const [at, setAt] = useState(-1);
  const shown = columns.filter((column) => !column.from || width >= column.from);
  const toggle = (key) => {
    const next = new Set(marked);
    if (!next.delete(key)) next.add(key);
    mark(next);
  };
  const step = (by) => setAt((old) => {
    const next = Math.max(0, Math.min(rows.length - 1, old + by));
    reveal(element.current, next, height);
    return next;
  });
  useKeys({
    j: () => step(1),
    k: () => step(-1),
    Enter: (event) => {
      if (rows[at] && open && !event.target.closest('a, button, summary')) location.hash = open(rows[at]).slice(1);
      else event.target.closest('a, button, summary')?.click();
    },
    x: () => mark && rows[at] && toggle(keyOf(rows[at])),
  });
  const body = rows.slice(first, last);
  const parts = { first, last, body, height, at, keyOf, open, marked, toggle, shown, rows, tone, current };
  return html`
    <div ref=${element} class="table-room">
      ${narrow ? html`<${Cards} ...${parts} card=${card} label=${label} />` : html`<${Grid} ...${parts} label=${label} mark=${mark} order=${order} reorder=${reorder} />`}
    </div>`;
}

function reveal(room, index, height) {
  const scroller = document.getElementById('main');
  const top = room.getBoundingClientRect().top - scroller.getBoundingClientRect().top + index * height;
  const head = 140;
  if (top < head) scroller.scrollBy(0, top - head);
  else if (top + height > scroller.clientHeight - 20) scroller.scrollBy(0, top + height - scroller.clientHeight + 20);
}

/** Opens the row's link, unless something inside the row was meant or text is being selected. */
const follow = (row, open) => (event) => {
  if (!open || event.defaultPrevented || event.target.closest('a, button, input, summary, label, details') || String(getSelection())) return;
  const link = open(row);
  if (event.ctrlKey || event.metaKey) window.open(link);
  else location.hash = link.slice(1);
};

function Grid({ label, shown, rows, body, first, last, height, at, keyOf, open, marked, mark, toggle, order, reorder, tone, current }) {
  const all = marked && rows.length > 0 && marked.size >= rows.length;
  const Heading = ({ column }) => {
    const active = order?.[0] === column.name;
    if (!column.sort || !reorder) return column.title;
    const next = active && order[1] === (column.num ? 'down' : 'up') ? (column.num ? 'up' : 'down') : column.num ? 'down' : 'up';
    return html`<button type="button" class="sort" onClick=${() => reorder(column.name, next)}>${column.title}${active && html`<${Icon} name=${order[1] === 'up' ? 'arrow-up' : 'arrow-down'} />`}</button>`;
  };
  const ariaSort = (column) => (order?.[0] === column.name ? (order[1] === 'up' ? 'ascending' : 'descending') : undefined);
  return html`
    <table class="table" aria-label=${label} aria-rowcount=${rows.length + 1}>
      <colgroup>${marked && html`<col style=${{ width: '36px' }} />`}${shown.map((column) => html`<col key=${column.name} style=${{ width: column.width }} />`)}</colgroup>
      <thead><tr aria-rowindex="1">
        ${marked && html`<th scope="col" class="check"><input type="checkbox" aria-label=${t('table.mark_all')} checked=${all} indeterminate=${marked.size > 0 && !all}
          onChange=${() => mark(all ? new Set() : new Set(rows.map(keyOf)))} /></th>`}
        ${shown.map((column) => html`<th scope="col" key=${column.name} class=${column.num ? 'num' : undefined} aria-sort=${ariaSort(column)}>${column.title ? html`<${Heading} column=${column} />` : html`<span class="sr-only">${t('common.actions')}</span>`}</th>`)}
      </tr></thead>
      <tbody>
        ${first > 0 && html`<tr aria-hidden="true" key="above" style=${{ height: `${first * height}px` }}></tr>`}
        ${body.map((row, index) => html`
          <tr key=${keyOf(row)} aria-rowindex=${first + index + 2} aria-selected=${marked ? marked.has(keyOf(row)) : undefined} onClick=${follow(row, open)}
            class=${classes(open && 'opens', first + index === at && 'is-here', marked?.has(keyOf(row)) && 'is-marked', current === keyOf(row) && 'is-open', tone?.(row))}>
            ${marked && html`<td class="check"><input type="checkbox" aria-label=${t('table.mark', { name: row.name ?? keyOf(row) })} checked=${marked.has(keyOf(row))} onChange=${() => toggle(keyOf(row))} /></td>`}
            ${shown.map((column) => html`<td key=${column.name} class=${column.num ? 'num' : undefined}>${column.render(row)}</td>`)}
          </tr>`)}
        ${last < rows.length && html`<tr aria-hidden="true" key="below" style=${{ height: `${(rows.length - last) * height}px` }}></tr>`}
      </tbody>
    </table>`;
}

function Cards({ label, body, first, last, rows, height, keyOf, open, marked, toggle, card, at, tone }) {
  return html`
    <ul class="cards" aria-label=${label}>
      ${first > 0 && html`<li aria-hidden="true" key="above" style=${{ height: `${first * height}px` }}></li>`}
      ${body.map((row, index) => html`
        <li key=${keyOf(row)} class=${classes('card', first + index === at && 'is-here', marked?.has(keyOf(row)) && 'is-marked', tone?.(row))} style=${{ height: `${height}px` }} onClick=${follow(row, open)}>
          ${marked && html`<label class="card-check"><input type="checkbox" aria-label=${t('table.mark', { name: row.name ?? keyOf(row) })} checked=${marked.has(keyOf(row))} onChange=${() => toggle(keyOf(row))} /></label>`}
          <div class="card-body">${card(row)}</div>
        </li>`)}
      ${last < rows.length && html`<li aria-hidden="true" key="below" style=${{ height: `${(rows.length - last) * height}px` }}></li>`}
    </ul>`;
}

/** The bar that appears while rows are marked. */
export const MarkedBar = ({ count, total, clear, children }) => count > 0 && html`
  <div class="marked-bar" role="region" aria-label=${t('table.marked', { n: count })}>
    <strong>${t('table.marked', { n: count })}</strong>${total > count && html`<span class="hint">${t('table.of', { n: total })}</span>`}
    <span class="grow"></span>${children}
    <button type="button" class="link" onClick=${clear}>${t('common.clear')}</button>
  </div>`;
