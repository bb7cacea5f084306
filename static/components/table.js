// A table that draws only the rows in sight, so that ten thousand scroll like ten. Narrow pages get cards instead.
import { t } from '../lib/i18n.js';
import { useKeys } from '../lib/keyboard.js';
import { isNarrow } from '../lib/theme.js';
import { classes, html, memo, useCallback, useMemo, useRef, useState } from '../lib/ui.js';
import { useSlots, useWidth, useWindow } from '../lib/window.js';
import { Icon } from './basics.js';

const ROW_HEIGHT = 38;

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
 * `recycles`: a row that leaves the page gives its elements to one that comes, unless it is in use; for rows that keep nothing else to themselves.
 * `marked` is a Set of keys with `mark(keys)` to change it: with Shift held, all rows since the one before are marked with it; `order` is `[name, 'up' | 'down']` with `reorder`.
 */
export function Table({ label, columns, rows, keyOf = idOf, open, card, cardHeight = 92, marked, mark, order, reorder, tone, current, recycles }) {
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
  const ids = body.map(keyOf);
  const slots = useSlots(element, ids, recycles);
  const parts = { first, last, body, ids, slots, height, at, keyOf, marked, shown, rows, tone, current };
  return html`
    <div ref=${element} class=${classes('table-room', recycles && 'recycles')} onClick=${(event) => follow(event, rows, open, toggle, keyOf)}>
      ${narrow ? html`<${Cards} ...${parts} card=${card} label=${label} />` : html`<${Grid} ...${parts} label=${label} opens=${Boolean(open)} mark=${mark} order=${order} reorder=${reorder} />`}
    </div>`;
}

function reveal(room, index, height) {
  const scroller = document.getElementById('main');
  const top = room.getBoundingClientRect().top - scroller.getBoundingClientRect().top + index * height;
  const head = 140;
  if (top < head) scroller.scrollBy(0, top - head);
  else if (top + height > scroller.clientHeight - 20) scroller.scrollBy(0, top + height - scroller.clientHeight + 20);
}

/** What a press inside the table means: its row is marked, or its link opened, unless something else in the row was meant or text is being selected. */
function follow(event, rows, open, toggle, keyOf) {
  const place = event.target.closest('[data-at]')?.dataset.at;
  const row = rows[place];
  if (!row) return;
  if (event.target.matches('[data-mark]')) return void toggle(keyOf(row), event);
  if (!open || event.defaultPrevented || event.target.closest('a, button, input, summary, label, details, dialog') || String(getSelection())) return;
  const link = open(row);
  if (event.ctrlKey || event.metaKey) window.open(link);
  else location.hash = link.slice(1);
}

function Heading({ column, order, reorder }) {
  const active = order?.[0] === column.name;
  if (!column.title) return html`<span class="sr-only">${t('common.actions')}</span>`;
  if (!column.sort || !reorder) return column.title;
  const [usual, other] = column.num ? ['down', 'up'] : ['up', 'down'];
  const next = active && order[1] === usual ? other : usual;
  return html`<button type="button" class="sort" onClick=${() => reorder(column.name, next)}>${column.title}${active && html`<${Icon} name=${order[1] === 'up' ? 'arrow-up' : 'arrow-down'} />`}</button>`;
}

/** Widths and titles, which stay as they are while rows pass by. */
const Head = memo(({ shown, rows, keyOf, count, mark, order, reorder }) => {
  const all = rows.length > 0 && count >= rows.length;
  const ariaSort = (column) => (order?.[0] === column.name ? (order[1] === 'up' ? 'ascending' : 'descending') : undefined);
  return html`
    <colgroup>${count !== undefined && html`<col style=${{ width: '36px' }} />`}${shown.map((column) => html`<col key=${column.name} style=${{ width: column.width }} />`)}</colgroup>
    <thead><tr aria-rowindex="1">
      ${count !== undefined && html`<th scope="col" class="check"><input type="checkbox" aria-label=${t('table.mark_all')} checked=${all} indeterminate=${count > 0 && !all}
        onChange=${() => mark(all ? new Set() : new Set(rows.map(keyOf)))} /></th>`}
      ${shown.map((column) => html`<th scope="col" key=${column.name} class=${column.num ? 'num' : undefined} aria-sort=${ariaSort(column)}><${Heading} ...${{ column, order, reorder }} /></th>`)}
    </tr></thead>`;
});

function Grid({ label, shown, rows, body, ids, slots, first, last, height, at, keyOf, opens, marked, mark, order, reorder, tone, current }) {
  return html`
    <table class="table" aria-label=${label} aria-rowcount=${rows.length + 1}>
      <${Head} ...${{ shown, rows, keyOf, mark, order, reorder }} count=${marked?.size} />
      <tbody>
        ${first > 0 && html`<tr aria-hidden="true" key="above" style=${{ height: `${first * height}px` }}></tr>`}
        ${body.map((row, index) => html`<${GridRow} key=${slots[index]} ...${{ row, shown, opens }} id=${ids[index]} slot=${slots[index]} at=${first + index}
          marked=${marked?.has(ids[index])} here=${first + index === at} isOpen=${current === ids[index]} tone=${tone?.(row)} />`)}
        ${last < rows.length && html`<tr aria-hidden="true" key="below" style=${{ height: `${(rows.length - last) * height}px` }}></tr>`}
      </tbody>
    </table>`;
}

const nameOf = (row, id) => row.name ?? id;

/** `marked` is undefined where rows cannot be marked. */
const GridRow = memo(({ row, id, slot, shown, opens, marked, at, here, isOpen, tone }) => html`
  <tr aria-rowindex=${at + 2} data-at=${at} data-slot=${slot} aria-selected=${marked} class=${classes(opens && 'opens', here && 'is-here', marked && 'is-marked', isOpen && 'is-open', tone)}>
    ${marked !== undefined && html`<td class="check"><input type="checkbox" data-mark aria-label=${t('table.mark', { name: nameOf(row, id) })} checked=${marked} /></td>`}
    ${shown.map((column) => html`<td key=${column.name} class=${classes(column.num && 'num', column.name === 'menu' && 'has-menu')}>${column.render(row)}</td>`)}
  </tr>`);

function Cards({ label, body, ids, slots, first, last, rows, height, marked, card, at, tone }) {
  return html`
    <ul class="cards" aria-label=${label}>
      ${first > 0 && html`<li aria-hidden="true" key="above" style=${{ height: `${first * height}px` }}></li>`}
      ${body.map((row, index) => html`<${CardRow} key=${slots[index]} ...${{ row, height, card }} id=${ids[index]} slot=${slots[index]} at=${first + index} here=${first + index === at} marked=${marked?.has(ids[index])} tone=${tone?.(row)} />`)}
      ${last < rows.length && html`<li aria-hidden="true" key="below" style=${{ height: `${(rows.length - last) * height}px` }}></li>`}
    </ul>`;
}

const CardRow = memo(({ row, id, slot, at, height, marked, card, here, tone }) => html`
  <li class=${classes('card', here && 'is-here', marked && 'is-marked', tone)} data-at=${at} data-slot=${slot} style=${{ height: `${height}px` }}>
    ${marked !== undefined && html`<label class="card-check"><input type="checkbox" data-mark aria-label=${t('table.mark', { name: nameOf(row, id) })} checked=${marked} /></label>`}
    <div class="card-body">${card(row)}</div>
  </li>`);

/** The bar that appears while rows are marked. */
export const MarkedBar = ({ count, total, clear, children }) => count > 0 && html`
  <div class="marked-bar" role="region" aria-label=${t('table.marked', { n: count })}>
    <strong>${t('table.marked', { n: count })}</strong>${total > count && html`<span class="hint">${t('table.of', { n: total })}</span>`}
    <span class="grow"></span>${children}
    <button type="button" class="link" onClick=${clear}>${t('common.clear')}</button>
  </div>`;
