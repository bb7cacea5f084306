// Chart.js in our own colours, loaded when a chart is first shown.

let loading;

/** The library; its UMD file leaves itself on the global object. */
export async function loadChart() {
  loading ??= import('../vendor/chart.umd.js').then(() => globalThis.Chart);
  return loading;
}

/** What colour tokens stand for now: canvases need colours, not variables. `pale` lets the ground shine through. */
export function colours(names, pale = false) {
  const probe = document.createElement('i');
  probe.hidden = true;
  document.body.append(probe);
  const found = Object.fromEntries(names.map((name) => {
    probe.style.color = pale ? `color-mix(in srgb, var(--${name}) 45%, transparent)` : `var(--${name})`;
    return [name, getComputedStyle(probe).color];
  }));
  probe.remove();
  return found;
}

/** Colour tokens for series that mean nothing by themselves, in order; `others` comes last. */
export const SERIES = ['series-1', 'series-2', 'series-3', 'series-4', 'series-5', 'series-6', 'series-7', 'series-8'];

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
