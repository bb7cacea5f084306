// Which rows of a long list are drawn, and by which elements.
import { useLayoutEffect, useRef, useState } from './ui.js';

/** So many rows are drawn beyond those in sight, on either side. */
const AHEAD = 10;
/** As long as so many of those are left, nothing is drawn anew: every other frame only moves. */
const LEAST = 4;
/** The page rests when it has not been scrolled for so many milliseconds. */
const REST = 120;

/**
 * The first row to draw and the one after the last: those in sight of the scrolling page, and some ahead. A jump draws those in
 * sight alone, which bounds the work of a frame; those ahead follow when the page rests.
 */
export function useWindow(element, count, height) {
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
        const covers = old[0] <= within(top - LEAST) && old[1] >= within(top + rows + LEAST) && old[1] <= count;
        if (covers && !rests) return old;
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

/** The keys of the elements that show rows: their own ids, unless rows give their elements on. */
export function useSlots(room, ids, recycles) {
  const taken = useRef(new Map());
  const made = useRef(0);
  if (!recycles) return ids;
  const stay = new Set(ids);
  const inUse = new Set([document.activeElement, room.current?.querySelector('details[open], dialog')].map((one) => one?.closest?.('[data-slot]')?.dataset.slot));
  const free = [...taken.current].filter(([id, slot]) => !stay.has(id) && !inUse.has(String(slot))).map(([, slot]) => slot);
  const slots = ids.map((id) => taken.current.get(id) ?? free.shift() ?? (made.current += 1));
  taken.current = new Map(ids.map((id, at) => [id, slots[at]]));
  return slots;
}

/** The width of an element, to leave out columns that do not fit. */
export function useWidth(element) {
  const [width, setWidth] = useState(1200);
  useLayoutEffect(() => {
    const watcher = new ResizeObserver(([entry]) => setWidth(Math.round(entry.contentRect.width)));
    watcher.observe(element.current);
    return () => watcher.disconnect();
  }, []);
  return width;
}
