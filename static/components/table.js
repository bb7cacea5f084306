// A table that draws only the rows in sight, so that ten thousand scroll like ten. Narrow pages get cards instead.
import { t } from '../lib/i18n.js';
import { useKeys } from '../lib/keyboard.js';
import { isNarrow } from '../lib/theme.js';
import { classes, html, memo, useCallback, useLayoutEffect, useMemo, useRef, useState } from '../lib/ui.js';
import { Icon } from './basics.js';

const ROW_HEIGHT = 38;
/** So many rows are drawn beyond those in sight, on either side. */
const AHEAD = 10;
/** The page rests when it has not been scrolled for so many milliseconds. */
const REST = 120;

/**
 * The first row to draw and the one after the last: those in sight of the scrolling page, and some ahead. A jump draws those in
 * sight alone, which bounds the work of a frame; those ahead follow when the page rests.
 */
function useWindow(element, count, height) {
  const [span, setSpan] = useState([0, 0]);
  useLayoutEffect(() => {
    const scroller = document.getElementById('main');
    const within = (row) => Math.max(0, Math.min(count, row));
    let resting;
    const measure = (rests) => {
      if (!element.current) return;
      const top = Math.floor((scroller.getBoundingClientRect().top - element.current.getBoundingClientRect().top) / height);
      const rows = Math.ceil(scroller.clientHeight / height) + 1;
      const seen = [within(top), within(top + rows)];
      const ahead = [within(top - AHEAD), within(top + rows + AHEAD)];
      setSpan((old) => {
        const kept = Math.max(0, Math.min(ahead[1], old[1]) - Math.max(ahead[0], old[0]));
        const next = rests || ahead[1] - ahead[0] - kept < rows ? ahead : seen;
        return old[0] === next[0] && old[1] === next[1] ? old : next;
      });
    };
    const moved = () => {
      clearTimeout(resting);
      resting = setTimeout(measure, REST, true);
      measure();
    };
    moved();
    scroller.addEventListener('scroll', moved, { passive: true });
    const watcher = new ResizeObserver(moved);
    watcher.observe(scroller);
    return () => {
      clearTimeout(resting);
      scroller.removeEventListener('scroll', moved);
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

const idOf = (row) => row.id;

/**
 * `columns` are `{name, title, render(row), width, num, from, sort(row)}`: `from` is the least width of the table in pixels at
 * which the column is shown. `open(row)` gives a row's link; `card(row)` what a narrow page shows in `cardHeight` pixels.
 * `marked` is a Set of keys with `mark(keys)` to change it: with Shift held, all rows since the one before are marked with it; `order` is `[name, 'up' | 'down']` with `reorder`.
 */
export function Table({ label, columns, rows, keyOf = idOf, open, card, cardHeight = 92, marked, mark, order, reorder, tone, current }) {
  const element = useRef();
  const narrow = isNarrow.value && card;
  const height = narrow ? cardHeight : ROW_HEIGHT;
  const width = useWidth(element);
  const [first, last] = useWindow(element, rows.length, height);
  const [at, setAt] = useState(-1);
  const shown = useMemo(() => columns.filter((column) => !column.from || width >= column.from), [columns, width]);
  // The same function at every scroll, so that rows that stay in sight are left as they are.
  const now = useRef();
  now.current = { ...now.current, marked, mark, rows, keyOf };
  const toggle = useCallback((key, { shiftKey } = {}) => {
    const { marked: old, mark: change, rows: all, keyOf: of, lastKey } = now.current;
    const next = new Set(old);
    const wanted = !old.has(key);
    const ends = shiftKey ? [lastKey, key].map((one) => all.findIndex((row) => of(row) === one)).sort((a, b) => a - b) : [-1];
    const keys = ends[0] < 0 ? [key] : all.slice(ends[0], ends[1] + 1).map(of);
    keys.forEach((one) => (wanted ? next.add(one) : next.delete(one)));
    now.current.lastKey = key;
    change(next);
  }, []);
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
        ${body.map((row, index) => html`<${GridRow} key=${keyOf(row)} ...${{ row, shown, open, toggle }} id=${keyOf(row)} at=${first + index}
          marked=${marked?.has(keyOf(row))} here=${first + index === at} isOpen=${current === keyOf(row)} tone=${tone?.(row)} />`)}
        ${last < rows.length && html`<tr aria-hidden="true" key="below" style=${{ height: `${(rows.length - last) * height}px` }}></tr>`}
      </tbody>
    </table>`;
}

const nameOf = (row, id) => row.name ?? id;

/** `marked` is undefined where rows cannot be marked. */
const GridRow = memo(({ row, id, shown, open, marked, toggle, at, here, isOpen, tone }) => html`
  <tr aria-rowindex=${at + 2} aria-selected=${marked} onClick=${follow(row, open)} class=${classes(open && 'opens', here && 'is-here', marked && 'is-marked', isOpen && 'is-open', tone)}>
    ${marked !== undefined && html`<td class="check"><input type="checkbox" aria-label=${t('table.mark', { name: nameOf(row, id) })} checked=${marked} onClick=${(event) => toggle(id, event)} /></td>`}
    ${shown.map((column) => html`<td key=${column.name} class=${classes(column.num && 'num', column.name === 'menu' && 'has-menu')}>${column.render(row)}</td>`)}
  </tr>`);

function Cards({ label, body, first, last, rows, height, keyOf, open, marked, toggle, card, at, tone }) {
  return html`
    <ul class="cards" aria-label=${label}>
      ${first > 0 && html`<li aria-hidden="true" key="above" style=${{ height: `${first * height}px` }}></li>`}
      ${body.map((row, index) => html`<${CardRow} key=${keyOf(row)} ...${{ row, height, open, toggle, card }} id=${keyOf(row)} here=${first + index === at} marked=${marked?.has(keyOf(row))} tone=${tone?.(row)} />`)}
      ${last < rows.length && html`<li aria-hidden="true" key="below" style=${{ height: `${(rows.length - last) * height}px` }}></li>`}
    </ul>`;
}

const CardRow = memo(({ row, id, height, open, marked, toggle, card, here, tone }) => html`
  <li class=${classes('card', here && 'is-here', marked && 'is-marked', tone)} style=${{ height: `${height}px` }} onClick=${follow(row, open)}>
    ${marked !== undefined && html`<label class="card-check"><input type="checkbox" aria-label=${t('table.mark', { name: nameOf(row, id) })} checked=${marked} onClick=${(event) => toggle(id, event)} /></label>`}
    <div class="card-body">${card(row)}</div>
  </li>`);

/** The bar that appears while rows are marked. */
export const MarkedBar = ({ count, total, clear, children }) => count > 0 && html`
  <div class="marked-bar" role="region" aria-label=${t('table.marked', { n: count })}>
    <strong>${t('table.marked', { n: count })}</strong>${total > count && html`<span class="hint">${t('table.of', { n: total })}</span>`}
    <span class="grow"></span>${children}
    <button type="button" class="link" onClick=${clear}>${t('common.clear')}</button>
  </div>`;
