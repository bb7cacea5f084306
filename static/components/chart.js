// A chart in its frame: caption, legend that switches series, and the same figures as a table.
import { colours, dragToZoom, loadChart, turn } from '../lib/chart.js';
import { axisTime, dateTime } from '../lib/format.js';
import { csv } from '../lib/csv.js';
import { language, t } from '../lib/i18n.js';
import { go } from '../lib/router.js';
import { saveAs } from '../lib/save.js';
import { isDark } from '../lib/theme.js';
import { classes, html, useEffect, useRef, useState } from '../lib/ui.js';
import { zone } from '../lib/range.js';
import { Button } from './basics.js';

/**
 * `buckets` are `{from, to, running}` of the API; `series` are `{name, colour, values, line, dashed}` with one value a bucket
 * (null is a gap) and a colour token; `format` shows a value; `tools` stand beside the caption; `zoom(from, to)` gets a stretch that was drawn out;
 * `link(bucket, series)` is where a figure leads, or one bucket of all series.
 */
export function Chart({ title, total, buckets, series, stacked, kind = 'bar', format, zoom, link, height = 180, note, tools }) {
  const [asTable, setAsTable] = useState(false);
  const [hidden, setHidden] = useState(() => new Set());
  const shown = series.filter((one) => !hidden.has(one.name));
  const toggle = (name) => setHidden((old) => {
    const next = new Set(old);
    if (!next.delete(name) && next.size < series.length - 1) next.add(name);
    return next;
  });
  return html`
    <figure class="chart panel">
      <figcaption>
        <h2>${title}${total !== undefined && html` <span class="chart-total">${total}</span>`}</h2>
        <span class="row">${tools}${asTable && html`<${Button} small kind="quiet" icon="download" onClick=${() => save(title, buckets, series)}>CSV<//>`}
        <${Button} small kind="quiet" aria-pressed=${asTable} onClick=${() => setAsTable(!asTable)}>${t(asTable ? 'chart.as_chart' : 'chart.as_table')}<//></span>
      </figcaption>
      ${asTable
        ? html`<${Figures} ...${{ title, buckets, series, format, link, height }} />`
        : html`<${Canvas} ...${{ title, buckets, series: shown, stacked, kind, format, zoom, link, height }} />`}
      ${series.length > 1 && !asTable && html`<div class="legend" role="group" aria-label=${t('chart.legend')}>
        ${series.map((one) => html`<button type="button" key=${one.name} aria-pressed=${!hidden.has(one.name)} onClick=${() => toggle(one.name)}>
          <i class=${classes('swatch', kind === 'line' && 'stroke', one.dashed && 'dashed')} style=${{ color: `var(--${one.colour})` }}></i><span class="cut">${one.name}</span></button>`)}</div>`}
      ${note && html`<p class="hint">${note}</p>`}
    </figure>`;
}

/** The same rows that the table shows, as a file. */
function save(title, buckets, series) {
  const rows = buckets.map((bucket, at) => [bucket.from, ...series.map((one) => one.values[at])]);
  saveAs(new Blob([csv([['from', ...series.map((one) => one.name)], ...rows])], { type: 'text/csv' }), `${title}.csv`);
}

function Figures({ title, buckets, series, format, link, height }) {
  const figure = (bucket, one, value) => (link && value ? html`<a href=${link(bucket, one)}>${format(value)}</a>` : format(value));
  return html`
    <div class="chart-table" style=${{ height: `${height}px` }} tabindex="0" role="region" aria-label=${title}>
      <table><caption class="sr-only">${title}</caption>
        <thead><tr><th scope="col">${t('chart.time')}</th>${series.map((one) => html`<th scope="col" class="num" key=${one.name}>${one.name}</th>`)}</tr></thead>
        <tbody>${buckets.map((bucket, at) => html`<tr key=${bucket.from}>
          <th scope="row">${dateTime(bucket.from)}${bucket.running && ` (${t('chart.so_far')})`}</th>
          ${series.map((one) => html`<td class="num" key=${one.name}>${figure(bucket, one, one.values[at])}</td>`)}</tr>`)}</tbody>
      </table>
    </div>`;
}

function Canvas({ title, buckets, series, stacked, kind, format, zoom, link, height }) {
  const canvas = useRef();
  const chart = useRef();
  const latest = useRef();
  const drawing = () => {
    const tokens = [...new Set(series.map((one) => one.colour))];
    const palette = colours([...tokens, 'line', 'text-3', 'text-2', 'text', 'surface', 'accent', 'line-strong']);
    return { data: dataOf(buckets, series, palette, colours(tokens, true), kind, stacked), options: optionsOf(palette, latest, stacked) };
  };
  latest.current = { buckets, series, format, zoom, link, drawing };
  const shape = JSON.stringify([kind, stacked, height, Boolean(zoom)]);
  useEffect(() => {
    let gone = false;
    loadChart().then(async (Chart) => {
      await turn();
      // The page may have been left meanwhile.
      if (gone || !canvas.current?.isConnected) return;
      const draw = (first, last) => latest.current.zoom(latest.current.buckets[first].from, latest.current.buckets[last].to);
      const press = (bucket, one) => latest.current.link && go(latest.current.link(latest.current.buckets[bucket], latest.current.series[one]));
      const zooming = zoom ? [dragToZoom(draw, press)] : [];
      chart.current = new Chart(canvas.current, { type: kind, ...latest.current.drawing(), plugins: zooming });
    });
    return () => {
      gone = true;
      chart.current?.destroy();
      chart.current = null;
    };
  }, [shape]);
  const fill = () => {
    if (!chart.current || !canvas.current?.isConnected) return;
    Object.assign(chart.current, drawing()).update('none');
  };
  const drawn = JSON.stringify([series, buckets.at(0)?.from, buckets.length, language.value, zone.value, isDark.value]);
  useEffect(fill, [drawn]);
  return html`<div class="canvas-room" style=${{ height: `${height}px` }}><canvas ref=${canvas} role="img" aria-label=${t('chart.label', { title })}></canvas></div>`;
}

/** A bucket that has not ended is drawn paler: its figures are of a part. */
function dataOf(buckets, series, palette, pale, kind, stacked) {
  const stepMs = buckets.length ? new Date(buckets[0].to) - new Date(buckets[0].from) : 0;
  const spanMs = stepMs * buckets.length;
  const datasets = series.map((one) => {
    const colour = palette[one.colour];
    if (kind === 'bar') {
      const fills = buckets.map((bucket) => (bucket.running ? pale : palette)[one.colour]);
      return { label: one.name, data: one.values, backgroundColor: fills, hoverBackgroundColor: colour, borderRadius: stacked ? 0 : 2, barPercentage: 0.86, categoryPercentage: 0.94, maxBarThickness: 28 };
    }
    return {
      label: one.name, data: one.values, borderColor: colour, backgroundColor: colour, borderWidth: 1.75, borderDash: one.dashed ? [4, 3] : [],
      pointRadius: one.values.length < 2 ? 2 : 0, pointHoverRadius: 3, pointHoverBackgroundColor: colour, tension: 0.25, spanGaps: stepMs,
    };
  });
  return { labels: buckets.map((bucket) => axisTime(bucket.from, stepMs, spanMs)), datasets };
}

function optionsOf(palette, latest, stacked) {
  const font = { family: getComputedStyle(document.body).fontFamily, size: 11 };
  const titleOf = ([item]) => {
    const bucket = latest.current.buckets[item.dataIndex];
    return dateTime(bucket.from) + (bucket.running ? ` · ${t('chart.so_far')}` : '');
  };
  return {
    animation: false, responsive: true, maintainAspectRatio: false, interaction: { mode: 'index', intersect: false }, dragColour: palette.accent,
    scales: {
      x: { stacked, grid: { display: false }, border: { color: palette.line }, ticks: { color: palette['text-3'], font, maxRotation: 0, autoSkipPadding: 18 } },
      y: {
        stacked, beginAtZero: true, border: { display: false }, grid: { color: palette.line, drawTicks: false },
        ticks: { color: palette['text-3'], font, maxTicksLimit: 5, padding: 8, callback: (value) => latest.current.format(value) },
      },
    },
    plugins: {
      legend: { display: false },
      tooltip: {
        backgroundColor: palette.surface, titleColor: palette['text-2'], bodyColor: palette.text, footerColor: palette['text-2'], borderColor: palette['line-strong'], borderWidth: 1,
        titleFont: { ...font, weight: 500 }, bodyFont: font, footerFont: { ...font, weight: 500 }, padding: 10, cornerRadius: 8, boxWidth: 8, boxHeight: 8, boxPadding: 4, usePointStyle: true,
        filter: (item) => item.raw !== null && (item.raw !== 0 || item.chart.data.datasets.length < 3),
        callbacks: {
          title: titleOf,
          label: (item) => `${item.dataset.label}  ${latest.current.format(item.raw)}`,
          footer: (items) => (stacked && items.length > 1 ? `${t('chart.total')}  ${latest.current.format(items.reduce((sum, item) => sum + item.raw, 0))}` : ''),
        },
      },
    },
  };
}
