// The event stream of the page: one for everything, back by itself after an outage, at rest while nobody looks.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ask, startBrowser, startProvider, startServer, stopEverything, visit } from './harness.mjs';

const env = { KEYWHEEL_ADMIN_TOKEN: 'admin-token-of-the-live-test' };
const STREAM = '/api/calls/live';
let browser;
let server;
let client;
before(async () => {
  const provider = await startProvider();
  server = { ...(await startServer({ env })), token: env.KEYWHEEL_ADMIN_TOKEN };
  browser = await startBrowser();
  const { id } = await ask(server, 'POST', 'api/providers', { name: 'simulated', base_url: `${provider.url}/v1`, allow_private: true, default: true });
  await ask(server, 'POST', 'api/keys', { provider: id, name: 'one', secret: 'sk-mock-healthy-live' });
  client = await ask(server, 'POST', 'api/clients', { name: 'caller' });
});
after(stopEverything);

async function call() {
  const answer = await fetch(`${server.url}/v1/chat/completions`, {
    method: 'POST', headers: { authorization: `Bearer ${client.token}`, 'content-type': 'application/json' }, body: JSON.stringify({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hello' }] }),
  });
  await answer.text();
  assert.equal(answer.status, 200);
  return answer.headers.get('x-request-id');
}

/** Streams of the page that are open, and every one that was begun, with its time. */
function streams(page) {
  const open = new Set();
  const begun = [];
  let most = 0;
  const isStream = (request) => new URL(request.url()).pathname === STREAM;
  page.on('request', (request) => {
    if (!isStream(request)) return;
    open.add(request);
    begun.push(Date.now());
    most = Math.max(most, open.size);
  });
  for (const end of ['requestfinished', 'requestfailed']) page.on(end, (request) => open.delete(request));
  return { open, begun, most: () => most };
}

test('every page shares one event stream', () => visit(browser, server, 'overview', {}, async (page) => {
  const { open, begun, most } = streams(page);
  await page.reload();
  for (const name of ['Overview', 'Calls', 'Keys', 'Calls', 'Overview', 'Calls']) {
    await page.getByRole('navigation').getByRole('link', { name, exact: true }).click();
    await page.getByRole('heading', { name: new RegExp(`^${name}`), level: 1 }).waitFor();
  }
  await page.locator('.live', { hasText: 'Live' }).waitFor();
  const id = await call();
  await page.locator(`tr.opens a[href*="${id}"]`).waitFor();
  assert.equal(open.size, 1);
  assert.ok(most() === 1, `${most()} of ${begun.length} streams were open at a time`);
}));

test('after an outage the stream comes back by itself, and nothing that happened meanwhile is missing', () => visit(browser, server, 'calls', { expected: /ERR_|Failed to load/ }, async (page) => {
  await page.locator('.live', { hasText: 'Live' }).waitFor();
  const first = await call();
  await page.locator(`tr.opens a[href*="${first}"]`).waitFor();
  const { begun } = streams(page);
  await server.stop({ keep: true });
  await page.locator('.live', { hasText: 'Reconnecting' }).waitFor();
  while (begun.length < 4) await page.waitForEvent('request');
  const waits = begun.slice(1).map((at, index) => at - begun[index]);
  assert.ok(begun[3] - begun[0] > 750 + 1500 + 3000 - 2 * 750, `each wait is longer than the one before: ${waits}`);
  await page.locator(`tr.opens a[href*="${first}"]`).waitFor();
  const { folder, url } = server;
  Object.assign(server, await startServer({ env, folder, listen: new URL(url).host }));
  const meanwhile = await call();
  await page.locator('.live', { hasText: 'Live' }).waitFor({ timeout: 90_000 });
  await page.locator(`tr.opens a[href*="${meanwhile}"]`).waitFor();
  await page.locator('.stale-note').waitFor({ state: 'detached' });
}));

test('a hidden tab asks nothing, and is up to date when it is seen again', () => visit(browser, server, 'calls', {}, async (page) => {
  await page.clock.install();
  await page.reload();
  await page.locator('.live', { hasText: 'Live' }).waitFor();
  const { open, begun } = streams(page);
  const look = (isHidden) => page.evaluate((hidden) => {
    Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  }, isHidden);
  await look(true);
  await page.clock.fastForward(25_000);
  await page.locator('.live', { hasText: 'Resting' }).waitFor();
  const asked = [];
  page.on('request', (request) => asked.push(request.url()));
  const id = await call();
  for (let minute = 0; minute < 5; minute += 1) await page.clock.fastForward(60_000);
  assert.deepEqual(asked, []);
  assert.equal(open.size, 0);
  await look(false);
  await page.locator('.live', { hasText: 'Live' }).waitFor();
  await page.locator(`tr.opens a[href*="${id}"]`).waitFor();
  assert.equal(begun.length, 1);
}));
