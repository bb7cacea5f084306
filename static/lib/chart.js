// Chart.js in our own colours, loaded when a chart is first shown.
import { isDark } from './theme.js';

let loading;

/** The library; its UMD file leaves itself on the global object. */
export async function loadChart() {
  loading ??= import('../vendor/chart.umd.js').then(() => globalThis.Chart);
  return loading;
}

let queue = Promise.resolve();

/** Waits for a turn of its own: a page of charts draws one after the other, not all in one long task. */
export const turn = () => (queue = queue.then(() => new Promise((resolve) => { setTimeout(resolve); })));

const known = new Map();
let knownDark = null;

/** What colour tokens stand for now: canvases need colours, not variables. `pale` lets the ground shine through. */
export function colours(names, pale = false) {
  if (knownDark !== isDark.value) known.clear();
  knownDark = isDark.value;
  const written = (name) => (pale ? `color-mix(in srgb, var(--${name}) 45%, transparent)` : `var(--${name})`);
  const wanted = names.map(written).filter((text) => !known.has(text));
  if (wanted.length) {
    // All are put into the page before the first is read: styles are worked out once.
    const room = document.createElement('div');
    room.hidden = true;
    room.append(...wanted.map((text) => {
      const probe = document.createElement('i');
      probe.style.color = text;
      return probe;
    }));
    document.body.append(room);
    wanted.forEach((text, at) => known.set(text, getComputedStyle(room.children[at]).color));
    room.remove();
  }
  return Object.fromEntries(names.map((name) => [name, known.get(written(name))]));
}

/**
 * Lets a piece of the time axis be drawn out, and a place be pressed: `zoom(first, last)` gets the indices of the buckets,
 * `press(index, series)` those of the bucket and of the series under the pointer, if there is one.
 */
export const dragToZoom = (zoom, press) => {
  let start = null;
  let end = null;
  const xOf = (chart, event) => Math.max(chart.chartArea.left, Math.min(chart.chartArea.right, event.clientX - chart.canvas.getBoundingClientRect().left));
  return {
    id: 'dragToZoom',
    afterInit(chart) {
      const { canvas } = chart;
      canvas.addEventListener('pointerdown', (event) => {
        if (event.button !== 0 || event.pointerType === 'touch') return;
        start = end = xOf(chart, event);
        canvas.setPointerCapture(event.pointerId);
      });
      canvas.addEventListener('pointermove', (event) => {
        if (start === null) return;
        end = xOf(chart, event);
        chart.draw();
      });
      canvas.addEventListener('pointerup', (event) => {
        if (start === null) return;
        const [left, right] = [Math.min(start, end), Math.max(start, end)];
        start = null;
        chart.draw();
        const last = chart.data.labels.length - 1;
        const index = (x) => Math.max(0, Math.min(last, chart.scales.x.getValueForPixel(x)));
        if (right - left >= 8) return zoom(index(left), index(right));
        const [under] = chart.getElementsAtEventForMode(event, 'nearest', { intersect: true }, false);
        return last >= 0 && press?.(under?.index ?? index(left), under?.datasetIndex);
      });
      canvas.addEventListener('pointercancel', () => { start = null; });
    },
    afterDraw(chart) {
      if (start === null || Math.abs(end - start) < 2) return;
      const { ctx, chartArea } = chart;
      ctx.save();
      ctx.globalAlpha = 0.15;
      ctx.fillStyle = chart.options.dragColour;
      ctx.fillRect(Math.min(start, end), chartArea.top, Math.abs(end - start), chartArea.height);
      ctx.restore();
    },
  };
};
