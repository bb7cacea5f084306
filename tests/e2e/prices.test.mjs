// An unknown price, one that is 0 and an amount are three things on every page that tells what was spent.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ask as askServer, row, settled, startBrowser, startProvider, startServer, stopEverything, visit } from './harness.mjs';

const TOKEN = 'admin-token-of-the-prices-test';
/** The prices of three models of the house, and what is shown of the cost of a call to each. */
const PRICES = { unknown: {}, free: { input: 0, output: 0 }, paid: { input: 1_000_000, output: 1_000_000 } };
const SHOWN = { unknown: /^–$/, free: /^\$0\.00$/, paid: /^\$[1-9]/ };
const NAMES = Object.keys(PRICES);
const ids = {};
let server;
let browser;
before(async () => {
  server = { ...(await startServer({ env: { KEYWHEEL_ADMIN_TOKEN: TOKEN } })), token: TOKEN };
  const mock = await startProvider();
  for (const name of NAMES) {
    const { id } = await ask('POST', 'api/providers', { name, base_url: `${mock.url}/v1`, allow_private: true });
    await ask('POST', 'api/keys', { provider: id, name, secret: `sk-mock-healthy-${name}` });
    const { id: model } = await ask('POST', 'api/models', { name, targets: [{ provider: id, model: `house-${name}` }] });
    await ask('PATCH', `api/providers/${id}/models`, { model: `house-${name}`, price: PRICES[name] });
    const { client, token } = await ask('POST', 'api/clients', { name, budget_usd_day: name === 'free' ? null : 1e9 });
    Object.assign(ids, { [name]: { provider: id, model, client: client.id, token } });
    const answer = await fetch(`${server.url}/v1/chat/completions`, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: JSON.stringify({ model: name, messages: [{ role: 'user', content: 'hello' }] }) });
    assert.equal(answer.status, 200, await answer.text());
  }
  // Records are written in batches, and figures are of what is written.
  for (let calls = 0; calls < NAMES.length;) calls = (await ask('GET', 'api/stats/totals?range=24h')).total.calls;
  browser = await startBrowser();
});
after(stopEverything);

const ask = (method, path, body) => askServer(server, method, path, body);
const on = (path, run, options = {}) => visit(browser, server, path, options, run);

/** Waits until a place shows of each name what its price wants. */
async function shows(page, placeOf) {
  for (const name of NAMES) await placeOf(name).filter({ hasText: SHOWN[name] }).first().waitFor();
}
/** The cell of a row below a title. */
async function cell(page, title) {
  const titles = (await page.locator('table.table thead th').allInnerTexts()).map((text) => text.trim());
  const at = titles.findIndex((text) => text.startsWith(title));
  assert.ok(at >= 0, `${title} is none of ${titles}`);
  return (name) => page.locator('table.table tbody tr', { has: page.getByText(new RegExp(`^(house-)?${name}$`)) }).locator('td, th').nth(at);
}

test('in the lists of providers, keys, models and clients', () => on('providers', async (page) => {
  for (const [path, title] of [['providers', 'Cost 24 h'], ['keys', 'Cost'], ['models', 'Cost 24 h']]) {
    await page.goto(`${server.url}/#/${path}`);
    await row(page, 'paid').waitFor();
    await shows(page, await cell(page, title));
  }
  await page.goto(`${server.url}/#/models/listed?search=house`);
  await page.locator('table.table tbody tr', { hasText: 'house-paid' }).waitFor();
  await shows(page, await cell(page, 'Cost 24 h'));
  await page.goto(`${server.url}/#/clients`);
  await row(page, 'paid').waitFor();
  const spent = await cell(page, 'Month or budget');
  await spent('free').filter({ hasText: SHOWN.free }).waitFor();
  await spent('unknown').filter({ hasText: /^– \/ \$1,000,000,000/ }).waitFor();
  await spent('paid').filter({ hasText: /^\$[1-9].* \/ \$1,000,000,000/ }).waitFor();
  await page.goto(`${server.url}/#/calls?range=24h`);
  await page.locator('table.table tbody tr', { hasText: 'paid' }).first().waitFor();
  await shows(page, await cell(page, 'Cost'));
}));

test('in the drawers of keys, models and clients', () => on('keys', async (page) => {
  const { keys } = await ask('GET', 'api/keys?limit=10');
  const places = NAMES.flatMap((name) => [[`keys/${keys.find((one) => one.name === name).id}`, 'Cost 24 h'], [`models/${ids[name].model}`, 'Cost 24 h'], [`clients/${ids[name].client}`, 'This month']].map((place) => [name, ...place]));
  for (const [name, path, label] of places) {
    await page.goto(`${server.url}/#/${path}`);
    await page.getByRole('dialog', { name }).locator('.tile', { hasText: label }).locator('.tile-value').filter({ hasText: SHOWN[name] }).waitFor();
  }
}));

test('on the cards of a phone, and on the overview', async () => {
  const card = (page, name) => page.locator('.cards .card', { has: page.getByRole('link', { name, exact: true }) });
  await on('providers', async (page) => {
    for (const path of ['providers', 'keys', 'models', 'clients']) {
      await page.goto(`${server.url}/#/${path}`);
      for (const name of NAMES) await card(page, name).getByText(new RegExp(`· ?${SHOWN[name].source.slice(1)}`)).waitFor();
    }
  }, { width: 390, height: 844 });
  await on('overview?range=24h', async (page) => {
    await page.locator('.tile', { hasText: 'Cost' }).getByText('1 call without a price').waitFor();
    await page.getByRole('button', { name: 'Cost', exact: true }).click();
    const ranked = page.locator('.top', { has: page.getByRole('heading', { name: 'Clients' }) }).locator('li');
    await ranked.filter({ hasText: 'unknown' }).getByText('set a price').waitFor();
    await ranked.filter({ hasText: 'paid' }).getByText(/^\$[1-9]/).waitFor();
    await settled(page);
  });
});

test('an overview with nothing but unpriced calls shows no sum', async () => {
  await on(`overview?range=24h`, async (page) => {
    await page.route('**/api/stats/**', async (route) => {
      const answer = await route.fetch();
      const unpriced = (sums) => sums && Object.assign(sums, { cost_usd: 0, unpriced: sums.calls });
      const body = await answer.json();
      [body.total, ...(body.members ?? []).map((one) => one.sums), ...(body.series ?? []).map((one) => one.sums)].forEach(unpriced);
      await route.fulfill({ response: answer, json: body });
    });
    await page.reload();
    await page.locator('.tile', { hasText: 'Cost' }).locator('.tile-value', { hasText: /^–$/ }).waitFor();
    await page.locator('figure.chart', { has: page.getByRole('heading', { name: /^Cost/ }) }).locator('.chart-total', { hasText: /^–$/ }).waitFor();
  });
});
