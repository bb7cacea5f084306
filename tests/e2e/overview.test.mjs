// The overview: every figure leads to its calls, charts are zoomed, filtered, grouped, read as a table and saved.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { ask as askServer, startBrowser, startDemo, stopEverything, visit } from './harness.mjs';

let demo;
let browser;
before(async () => {
  demo = await startDemo({ callsPerSecond: 2, days: 2 });
  browser = await startBrowser();
});
after(stopEverything);

const ask = (method, path, body) => askServer(demo, method, path, body);
const on = (path, run, options = {}) => visit(browser, demo, path, options, run);

const chart = (page, name) => page.locator('figure.chart', { has: page.getByRole('heading', { name: new RegExp(`^${name}`) }) });
/** Waits until a chart is drawn, and tells the names of what it shows. */
const drawn = async (page, name) => {
  const canvas = await chart(page, name).locator('canvas').elementHandle();
  await page.waitForFunction((element) => globalThis.Chart?.getChart(element)?.data.datasets.length > 0, canvas);
  return page.evaluate((element) => globalThis.Chart.getChart(element).data.datasets.map((one) => one.label), canvas);
};
/** Where on the screen a share of the time axis lies, and `above` the lowest part of a bar. */
const placeOf = async (page, name, share) => {
  const box = await chart(page, name).locator('canvas').boundingBox();
  const area = await chart(page, name).locator('canvas').evaluate((element) => ({ ...globalThis.Chart.getChart(element).chartArea }));
  return { x: box.x + area.left + (area.right - area.left) * share, y: box.y + area.bottom - 3 };
};
const queryOf = (page) => Object.fromEntries(new URLSearchParams(page.url().split('?')[1] ?? ''));
const rows = (page) => page.locator('table.table tbody tr.opens');

test('a piece of a chart is drawn out, the whole page follows, and one press leads back', () => on('overview?range=24h', async (page) => {
  await drawn(page, 'Calls');
  const [from, to] = [await placeOf(page, 'Calls', 0.3), await placeOf(page, 'Calls', 0.6)];
  await page.mouse.move(from.x, from.y);
  await page.mouse.down();
  await page.mouse.move(to.x, to.y, { steps: 4 });
  await page.mouse.up();
  await page.waitForURL(/from=.*to=/);
  const query = queryOf(page);
  const hours = (new Date(query.to) - new Date(query.from)) / 3_600_000;
  assert.ok(hours > 5 && hours < 10, `${hours} hours of 24 were drawn out`);
  await page.goBack();
  await page.waitForURL(/range=24h/);
  await page.goForward();
  await page.waitForURL(/from=/);
  await page.getByRole('button', { name: 'Back to 24 hours' }).click();
  await page.waitForURL(/range=24h/);
}));

test('the legend takes a series out of its chart and back in', () => on('overview?range=24h', async (page) => {
  assert.ok((await drawn(page, 'Calls')).includes('Success'));
  const button = chart(page, 'Calls').getByRole('button', { name: 'Success' });
  await button.click();
  await page.waitForFunction(() => !globalThis.Chart.getChart(document.querySelector('figure.chart canvas')).data.datasets.some((one) => one.label === 'Success'));
  assert.equal(await button.getAttribute('aria-pressed'), 'false');
  await button.click();
  await page.waitForFunction(() => globalThis.Chart.getChart(document.querySelector('figure.chart canvas')).data.datasets.some((one) => one.label === 'Success'));
}));

test('every tile leads to the calls that it counts', () => on('overview?range=24h', async (page) => {
  await page.locator('.tile', { hasText: 'Success' }).click();
  await page.waitForURL(/#\/calls\?/);
  assert.equal(queryOf(page).range, '24h');
  await rows(page).first().waitFor();
  const outcomes = new Set(await rows(page).locator('td:nth-child(2) .badge').allInnerTexts());
  assert.ok(!outcomes.has('Success'), [...outcomes].join());
  await page.goBack();
  await page.locator('.tile', { hasText: 'First token' }).click();
  await page.waitForURL(/stream=true/);
  await page.goBack();
  await page.locator('.tile', { hasText: 'Tokens' }).getByText(/ in · .* out · .* cached/).waitFor();
}));

test('a ranking, a bar and a figure of the table lead to their calls', () => on('overview?range=24h', async (page) => {
  await page.getByRole('region', { name: 'Who used most' }).or(page.locator('section[aria-label="Who used most"]')).getByRole('link', { name: 'web-app' }).click();
  await page.waitForURL(/client=\d+/);
  const names = new Set(await rows(page).first().waitFor().then(() => rows(page).locator('td:nth-child(4)').allInnerTexts()));
  assert.deepEqual([...names], ['web-app']);
  await page.goBack();
  await drawn(page, 'Calls');
  const { x, y } = await placeOf(page, 'Calls', 0.5);
  await page.mouse.click(x, y);
  await page.waitForURL(/#\/calls\?from=/);
  assert.equal(new Date(queryOf(page).to) - new Date(queryOf(page).from), 900_000, 'a quarter of an hour');
  // A press on a part of the bar asks for its outcome, one above the bar for the whole step.
  assert.ok([undefined, 'success'].includes(queryOf(page).outcome), queryOf(page).outcome);
  await page.goBack();
  await chart(page, 'Calls').getByRole('button', { name: 'Table' }).click();
  // A table draws no more rows than are seen: a step with few calls shows them all.
  const steps = chart(page, 'Calls').locator('tbody tr');
  const counts = await steps.evaluateAll((rows) => rows.map((row) => Number(row.querySelector('td a')?.innerText ?? 0)));
  const at = counts.findIndex((calls) => calls > 2 && calls <= 15);
  const [count, figure] = [counts[at], steps.nth(at).locator('td').first().getByRole('link')];
  await figure.click();
  await page.waitForURL(/outcome=success/);
  await rows(page).nth(count - 1).waitFor();
  assert.equal(await rows(page).count(), count, 'as many calls as the figure says');
}));

test('all charts are grouped, and their members are filtered for', () => on('overview?range=24h', async (page) => {
  await page.locator('summary', { hasText: 'Group by' }).click();
  await page.getByRole('button', { name: 'Clients' }).click();
  await page.waitForURL(/by=client/);
  for (const name of ['Calls', 'Cost', 'Tokens', 'Latency p95']) {
    await chart(page, name).getByRole('button', { name: 'web-app' }).waitFor();
    assert.ok((await drawn(page, name)).includes('web-app'), name);
  }
  await chart(page, 'Cost').getByRole('button', { name: 'Table' }).click();
  await chart(page, 'Cost').locator('tbody td a').first().click();
  await page.waitForURL(/#\/calls\?.*client=\d+/);
  await page.goBack();
  await page.locator('.page-head summary', { hasText: 'Clients' }).click();
  await page.getByRole('button', { name: 'Not grouped' }).click();
  await chart(page, 'Durations').waitFor();
}));

/** Lets a page see only figures of its first answer: calls come in while it is read. */
async function holdStill(page) {
  const kept = new Map();
  await page.route('**/api/stats/**', async (route) => {
    const address = route.request().url();
    if (!kept.has(address)) kept.set(address, await route.fetch().then(async (answer) => ({ status: answer.status(), contentType: 'application/json', body: await answer.text() })));
    await route.fulfill(kept.get(address));
  });
}

test('a chart, its table and its file hold the same rows to the last one', () => on('settings', async (page) => {
  await holdStill(page);
  await page.goto(`${demo.url}/#/overview?range=24h`);
  for (const name of ['Calls', 'Cost', 'Tokens', 'Durations']) {
    await drawn(page, name);
    const plotted = await chart(page, name).locator('canvas').evaluate((canvas) => {
      const { labels, datasets } = globalThis.Chart.getChart(canvas).data;
      return { steps: labels.length, heads: datasets.map((one) => one.label), rows: labels.map((_, at) => datasets.map((one) => one.data[at])) };
    });
    assert.ok(plotted.rows.flat().some((value) => value > 0), `${name} shows something`);
    await chart(page, name).getByRole('button', { name: 'Table' }).click();
    const table = await chart(page, name).locator('table').evaluate((element) => ({ heads: [...element.tHead.rows[0].cells].slice(1).map((cell) => cell.innerText), body: [...element.tBodies[0].rows].map((row) => [...row.cells].slice(1).map((cell) => cell.innerText)), last: element.tBodies[0].rows[element.tBodies[0].rows.length - 1].cells[0].innerText }));
    assert.match(table.last, /\(so far\)$/, 'the running bucket is marked');
    const [download] = await Promise.all([page.waitForEvent('download'), chart(page, name).getByRole('button', { name: 'CSV' }).click()]);
    const [head, ...lines] = readFileSync(await download.path(), 'utf8').trim().split('\n').map((line) => line.split(','));
    assert.deepEqual(head.slice(1), plotted.heads);
    assert.deepEqual(table.heads, plotted.heads);
    assert.equal(table.body.length, plotted.steps);
    // What is null is a gap in the chart, nothing in the file, and a dash in the table.
    assert.deepEqual(lines.map((line) => line.slice(1).map((text) => (text === '' ? null : Number(text)))), plotted.rows, name);
    if (name === 'Calls') assert.deepEqual(table.body.map((row) => row.map((text) => Number(text.replaceAll(',', '')))), plotted.rows);
    assert.deepEqual(table.body.map((row) => row.map((text) => text === '–')), plotted.rows.map((row) => row.map((value) => value === null)), `gaps of ${name}`);
    assert.deepEqual(table.body.map((row) => row.map((text) => /[1-9]/.test(text))), plotted.rows.map((row) => row.map((value) => value > 0)), `what is above 0 of ${name}`);
    await chart(page, name).getByRole('button', { name: 'Chart' }).click();
    await drawn(page, name);
  }
}));

test('a time without calls offers a longer one', () => on('overview?from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z', async (page) => {
  await page.getByText('No calls in this time').waitFor();
  await page.getByRole('button', { name: '7 days', exact: true }).click();
  await page.waitForURL(/range=7d/);
  await drawn(page, 'Calls');
}));

test('the week is shown hour by hour, in shades that tell their figures, as a table, and as a file', () => on('overview?range=24h', async (page) => {
  const { hours } = await ask('GET', 'api/stats/heatmap?range=30d&zone=Europe%2FBerlin');
  const week = chart(page, 'The week by the hour');
  await week.getByText('Calls an hour on average, 30 days').waitFor();
  const busiest = hours.filter((one) => one.times).toSorted((a, b) => b.calls / b.times - a.calls / a.times)[0];
  const cell = week.locator('tbody tr').nth(busiest.weekday - 1).locator('td').nth(busiest.hour);
  assert.match(await cell.getAttribute('title'), /^\w{3} \d\d(:00)?: [\d,.]+ calls an hour, [\d.]+% succeeded$/);
  assert.equal(await week.locator('td.shade-5').count() > 0, true, 'the busiest hours have the deepest shade');
  const ground = (one) => one.evaluate((element) => getComputedStyle(element).backgroundColor);
  assert.notEqual(await ground(week.locator('td.shade-5').first()), await ground(week.locator('td.shade-0').first()));
  await week.getByRole('button', { name: 'Table', exact: true }).click();
  await week.locator('table.week-figures').waitFor();
  assert.ok(await cell.locator('span:not(.sr-only)').innerText());
  const leaves = page.waitForEvent('download');
  await week.getByRole('button', { name: 'CSV' }).click();
  const lines = readFileSync(await (await leaves).path(), 'utf8').trim().split(/\r?\n/);
  assert.equal(lines.length, 1 + 7 * 24);
  assert.match(lines[0], /^weekday,hour,times,calls/);
}));
