// Measures what the dashboard weighs and how quick it is, on the real binary: `make measure`.
// Arguments choose what is measured: weight, start, scroll, heap; without any, all of it. MINUTES is how long the heap is watched.
import { openPage, startBrowser, startDemo, stopEverything } from './harness.mjs';

const MINUTES = Number(process.env.MINUTES ?? 60);
/** Loaded only where they are needed: not counted as the first load. */
const LATER = /vendor\/(chart|prism)/;
const SLOWER = 4;
const KEYS = 10_000;

const browser = await startBrowser();
const round = (value, digits = 1) => Number(value.toFixed(digits));
const kilobytes = (bytes) => `${round(bytes / 1024)} KB`;

/** What the first load of the overview takes on the wire, compressed as the server sends it. */
async function weight(demo) {
  const { page, context } = await openPage(browser, demo);
  const wire = await context.newCDPSession(page);
  const sizes = new Map();
  await wire.send('Network.enable');
  wire.on('Network.responseReceived', ({ requestId, response }) => sizes.set(requestId, { url: response.url, bytes: 0 }));
  wire.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => { if (sizes.has(requestId)) sizes.get(requestId).bytes = encodedDataLength; });
  await page.goto(`${demo.url}/#/overview`);
  await page.locator('canvas').first().waitFor();
  await page.waitForLoadState('networkidle').catch(() => {});
  const files = [...sizes.values()].filter(({ url }) => !url.includes('/api/') && !url.startsWith('data:'));
  const sum = (list) => list.reduce((all, { bytes }) => all + bytes, 0);
  const first = files.filter(({ url }) => !LATER.test(url));
  console.log(`weight: first load ${kilobytes(sum(first))} in ${first.length} files; later ${kilobytes(sum(files) - sum(first))}`);
  for (const { url, bytes } of first.toSorted((a, b) => b.bytes - a.bytes).slice(0, 8)) console.log(`  ${kilobytes(bytes).padStart(9)} ${new URL(url).pathname}`);
  await context.close();
}

/** From the navigation to figures and charts on a slowed processor, with nothing cached. */
async function start(demo) {
  const runs = [];
  for (let run = 0; run < 5; run += 1) {
    const { page, context } = await openPage(browser, demo);
    await page.addInitScript(() => {
      globalThis.longest = 0;
      new PerformanceObserver((list) => list.getEntries().forEach((entry) => { globalThis.longest = Math.max(globalThis.longest, entry.duration); })).observe({ type: 'longtask', buffered: true });
      const seen = (name, selector) => {
        const watcher = new MutationObserver(() => {
          if (!document.querySelector(selector)) return;
          watcher.disconnect();
          requestAnimationFrame(() => performance.mark(name));
        });
        watcher.observe(document, { childList: true, subtree: true });
      };
      seen('figures', '.tile-value');
      seen('charts', 'canvas[width]');
    });
    const wire = await context.newCDPSession(page);
    await wire.send('Emulation.setCPUThrottlingRate', { rate: SLOWER });
    await page.goto(`${demo.url}/#/overview`);
    await page.waitForFunction(() => performance.getEntriesByName('figures').length && performance.getEntriesByName('charts').length);
    runs.push(await page.evaluate(() => {
      const at = (name) => performance.getEntriesByName(name)[0].startTime;
      return { paint: at('first-contentful-paint'), figures: at('figures'), charts: at('charts'), longest: globalThis.longest };
    }));
    await context.close();
  }
  const middle = (name) => Math.round(runs.map((run) => run[name]).sort((a, b) => a - b)[Math.floor(runs.length / 2)]);
  console.log(`start: on a ${SLOWER} times slower processor, half of ${runs.length} runs had paint within ${middle('paint')} ms, figures ${middle('figures')} ms, charts ${middle('charts')} ms; longest task ${middle('longest')} ms`);
}

/** Frames while ten thousand keys are scrolled from end to end. */
async function scroll(demo) {
  const headers = { authorization: `Bearer ${demo.token}`, 'content-type': 'application/json' };
  const ask = (path, body) => fetch(`${demo.url}/api/${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  const { id } = await (await ask('providers', { name: 'many', base_url: 'http://127.0.0.1:9/v1', allow_private: true, enabled: false })).json();
  const text = Array.from({ length: KEYS }, (_, at) => `sk-many-${String(at).padStart(6, '0')}`).join('\n');
  await (await ask('keys/import', { provider: id, text })).text();
  const { page, context } = await openPage(browser, demo);
  await page.goto(`${demo.url}/#/keys?provider=${id}`);
  await page.locator('.count', { hasText: '10,000' }).waitFor({ timeout: 60_000 });
  await page.waitForTimeout(2000);
  for (const [name, step] of [['by wheel', 120], ['fast', 2400]]) {
    const times = await page.evaluate(async (pixels) => {
      const main = document.getElementById('main');
      main.scrollTop = 0;
      const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
      const all = [];
      let before = await frame();
      for (let at = 0; at < 300; at += 1) {
        main.scrollTop += pixels;
        const now = await frame();
        all.push(now - before);
        before = now;
      }
      return all.sort((a, b) => a - b);
    }, step);
    console.log(`scroll ${name}: ${times.length} frames, half within ${round(times[150])} ms, 99 % within ${round(times[297])} ms, longest ${round(times.at(-1))} ms, over 50 ms ${times.filter((time) => time > 50).length}`);
  }
  await context.close();
}

/** The heap of open pages after a collection, minute by minute. */
async function heap(demo) {
  const pages = [];
  for (const name of ['overview', 'calls', 'keys']) {
    const { page, context, faults } = await openPage(browser, demo);
    await page.goto(`${demo.url}/#/${name}`);
    pages.push({ name, faults, wire: await context.newCDPSession(page), points: [] });
  }
  for (let minute = 0; minute <= MINUTES; minute += 1) {
    if (minute) await new Promise((resolve) => { setTimeout(resolve, 60_000); });
    for (const one of pages) {
      for (let time = 0; time < 2; time += 1) await one.wire.send('HeapProfiler.collectGarbage');
      const { usedSize } = await one.wire.send('Runtime.getHeapUsage');
      const { nodes, jsEventListeners } = await one.wire.send('Memory.getDOMCounters');
      one.points.push({ minute, megabytes: usedSize / 1048576, nodes, jsEventListeners });
      console.log(`heap: ${one.name} ${minute} min ${round(usedSize / 1048576, 2)} MB, ${nodes} nodes, ${jsEventListeners} listeners`);
    }
  }
  for (const { name, points, faults } of pages) {
    const late = points.slice(Math.min(5, points.length - 2));
    console.log(`heap: ${name} went from ${round(late[0].megabytes, 2)} to ${round(late.at(-1).megabytes, 2)} MB, ${round(slope(late) * 60, 3)} MB an hour; faults: ${faults.length}`);
  }
}

/** Megabytes a minute along the line that fits best. */
function slope(points) {
  const mean = (of) => points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [x, y] = [mean((point) => point.minute), mean((point) => point.megabytes)];
  return points.reduce((sum, point) => sum + (point.minute - x) * (point.megabytes - y), 0) / points.reduce((sum, point) => sum + (point.minute - x) ** 2, 0);
}

const MEASURES = { weight, start, scroll, heap };
const wanted = process.argv.slice(2);
try {
  for (const name of wanted.length ? wanted : Object.keys(MEASURES)) {
    const demo = await startDemo({ callsPerSecond: name === 'heap' ? 3 : 1 });
    await MEASURES[name](demo);
    await demo.stop();
  }
} finally {
  await stopEverything();
}
