// The page of models: a route is made, opened, renamed, priced, deleted and brought back under any name; a provider's list is looked at before it is taken over.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { ask as askServer, row, startBrowser, startServer, stopEverything, visit } from './harness.mjs';

const TOKEN = 'admin-token-of-the-models-test';
const NAMES = ['vendor/m-1', 'a:b', 'm?x#y', '模型 1'];

/** A provider that lists what the test says, and remembers which model it was asked for last. */
let listed = ['alpha', 'beta', 'old/gone'];
let asked;
const provider = createServer(async (request, response) => {
  let body = '';
  for await (const piece of request) body += piece;
  response.setHeader('content-type', 'application/json');
  if (request.url.endsWith('/models')) return response.end(JSON.stringify({ object: 'list', data: listed.map((id) => ({ id, object: 'model' })) }));
  if (request.method === 'GET') return response.writeHead(404).end(JSON.stringify({ error: { message: 'No such model', type: 'invalid_request_error', param: 'model', code: 'model_not_found' } }));
  asked = JSON.parse(body).model;
  return response.end(JSON.stringify({ id: 'x', object: 'chat.completion', model: asked, choices: [{ index: 0, message: { role: 'assistant', content: 'Hello.' }, finish_reason: 'stop' }], usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 } }));
});

let server;
let browser;
let house;
let token;
before(async () => {
  await new Promise((ready) => { provider.listen(0, '127.0.0.1', ready); });
  server = { ...(await startServer({ env: { KEYWHEEL_ADMIN_TOKEN: TOKEN } })), token: TOKEN };
  browser = await startBrowser();
  house = await ask('POST', 'api/providers', { name: 'house', base_url: `http://127.0.0.1:${provider.address().port}/v1`, allow_private: true });
  await ask('POST', 'api/keys', { provider: house.id, name: 'one', secret: 'sk-of-the-models-test' });
  await ask('POST', `api/providers/${house.id}/models/sync`, {});
  token = (await ask('POST', 'api/clients', { name: 'caller' })).token;
});
after(async () => {
  provider.closeAllConnections();
  provider.close();
  await stopEverything();
});

const ask = (method, path, body) => askServer(server, method, path, body);
const on = (path, run, options = {}) => visit(browser, server, path, options, run);
const authorization = () => ({ authorization: `Bearer ${token}` });
/** The status of the model with its name in the path, the way SDKs write it. */
const statusOf = async (name) => (await fetch(`${server.url}/v1/models/${encodeURIComponent(name)}`, { headers: authorization() })).status;
/** Calls a model; the name that the provider was asked for. */
async function servedAs(name) {
  const answer = await fetch(`${server.url}/v1/chat/completions`, { method: 'POST', headers: { ...authorization(), 'content-type': 'application/json' }, body: JSON.stringify({ model: name, messages: [{ role: 'user', content: 'hello' }] }) });
  assert.equal(answer.status, 200, await answer.text());
  return asked;
}

async function add(page, name, upstream) {
  await page.getByRole('button', { name: 'Add model' }).first().click();
  const dialog = page.getByRole('dialog', { name: 'Add model' });
  await dialog.getByRole('textbox', { name: 'Name' }).fill(name);
  await dialog.getByLabel('Model there').fill(upstream);
  await dialog.getByRole('button', { name: 'Add', exact: true }).click();
  await dialog.waitFor({ state: 'detached' });
  await row(page, name).waitFor();
}

for (const name of NAMES) {
  test(`${name} is made, opened, renamed, priced, deleted and brought back`, () => on('models', async (page) => {
    await add(page, name, name);
    assert.equal(await servedAs(name), name);
    await row(page, name).getByText('set a price').waitFor();

    await row(page, name).getByRole('link', { name, exact: true }).click();
    await page.waitForURL(/#\/models\/\d+$/);
    const drawer = () => page.locator('dialog.drawer');
    await drawer().getByRole('heading', { name, exact: true }).waitFor();
    const renamed = `${name} new`;
    await drawer().getByRole('textbox', { name: 'Name' }).fill(renamed);
    await drawer().getByRole('button', { name: 'Save' }).click();
    await drawer().getByRole('heading', { name: renamed, exact: true }).waitFor();
    await row(page, renamed).waitFor();
    assert.deepEqual([await statusOf(renamed), await statusOf(name)], [200, 404], 'the new name is known, the old one is not');
    assert.equal(await servedAs(renamed), name, 'another name leads to the same model there');

    const inForce = () => drawer().locator('dl.facts');
    const price = async (input, output) => {
      await drawer().getByRole('spinbutton', { name: 'Input' }).fill(input);
      await drawer().getByRole('spinbutton', { name: 'Output' }).fill(output);
      await drawer().getByRole('button', { name: 'Save' }).click();
    };
    await inForce().getByText('no price').waitFor();
    await drawer().getByLabel('Own price').check();
    await price('2', '3.5');
    await inForce().getByText('$2.00 / $3.50').waitFor();
    await row(page, renamed).getByText('$2.00 / $3.50').waitFor();
    await price('0', '0');
    await inForce().getByText('$0.00 / $0.00').waitFor();
    const read = async () => (await ask('GET', `api/models/${page.url().split('/').at(-1)}`)).price;
    assert.deepEqual([(await read()).input, (await read()).output], [0, 0], '0 is a price');
    await drawer().getByLabel('Own price').uncheck();
    await drawer().getByRole('button', { name: 'Save' }).click();
    await inForce().getByText('no price').waitFor();
    assert.equal(await read(), null, 'no price is not 0');

    await drawer().getByRole('button', { name: 'Delete' }).click();
    await row(page, renamed).waitFor({ state: 'detached' });
    await drawer().waitFor({ state: 'detached' });
    assert.equal(await statusOf(renamed), 404);
    await page.locator('.notice', { hasText: `${renamed} was deleted` }).getByRole('button', { name: 'Undo' }).click();
    await row(page, renamed).waitFor();
    assert.equal(await statusOf(renamed), 200);
  }));
}

test('a model with a slash is found by the palette, in the filters of calls and in a chat', () => on('calls?range=24h', async (page) => {
  await page.goto(`${server.url}/#/calls?range=24h&model=${encodeURIComponent('vendor/m-1 new')}`);
  await page.locator('table.table tbody tr', { hasText: 'vendor/m-1' }).first().waitFor();
  assert.equal(await page.locator('table.table tbody tr.opens').count(), 1, 'only its calls');
  await page.keyboard.press('Control+K');
  await page.keyboard.type('vendor/m-1');
  await page.getByRole('option', { name: /vendor\/m-1 new/ }).first().click();
  await page.getByRole('dialog', { name: 'vendor/m-1 new' }).waitFor();
  await page.goto(`${server.url}/#/chat?model=${encodeURIComponent('vendor/m-1 new')}`);
  await page.waitForFunction(() => document.querySelector('.composer select')?.value === 'vendor/m-1 new');
}));

test('a provider’s list is looked at first, and only what is marked is taken over', () => on('models/listed', async (page) => {
  const known = async () => (await ask('GET', `api/providers/${house.id}/models`)).models.filter((one) => !one.vanished_at && one.keys.length).map((one) => one.model).sort();
  assert.deepEqual(await known(), ['alpha', 'beta', 'old/gone']);
  listed = ['alpha', 'beta', 'vendor/new', '模型 2'];
  const line = page.locator('.provider-lists li', { hasText: 'house' });
  await line.getByRole('button', { name: 'Sync' }).click();
  const dialog = page.getByRole('dialog', { name: 'Models of house' });
  await dialog.getByText('2 new').waitFor();
  await dialog.getByText('1 vanished').waitFor();
  for (const name of ['vendor/new', '模型 2', 'old/gone']) await dialog.locator('li', { hasText: name }).getByRole('checkbox').waitFor();
  assert.deepEqual(await known(), ['alpha', 'beta', 'old/gone'], 'looking changes nothing');
  await dialog.locator('li', { hasText: '模型 2' }).getByRole('checkbox').uncheck();
  await dialog.getByRole('button', { name: 'Take over 2 changes' }).click();
  await page.getByText('house: 1 new, 1 vanished').waitFor();
  assert.deepEqual(await known(), ['alpha', 'beta', 'vendor/new']);
  await page.locator('table.table tbody tr', { hasText: 'vendor/new' }).waitFor();
  await page.locator('table.table tbody tr', { hasText: 'old/gone' }).getByText(/^vanished/).waitFor();
  await line.getByRole('button', { name: 'Review 1 change' }).click();
  await dialog.locator('li', { hasText: '模型 2' }).waitFor();
  await dialog.getByRole('button', { name: 'Take over 1 change' }).click();
  await page.locator('table.table tbody tr', { hasText: '模型 2' }).waitFor();
  assert.deepEqual(await known(), ['alpha', 'beta', 'vendor/new', '模型 2']);
}));

test('a listed name is priced, taken out for good, and made a route from its menu', () => on('models/listed?search=vendor', async (page) => {
  const line = page.locator('table.table tbody tr', { hasText: 'vendor/new' });
  const menu = async (action) => {
    await line.locator('summary').click();
    await line.getByRole('button', { name: action, exact: true }).click();
  };
  await menu('Set the price');
  const dialog = page.getByRole('dialog', { name: 'The price of vendor/new' });
  await dialog.getByRole('spinbutton', { name: 'Input' }).fill('0.5');
  await dialog.getByRole('spinbutton', { name: 'Output' }).fill('0');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await line.getByText('$0.50 / $0.00').waitFor();
  await menu('Take out');
  await line.getByText('Taken out').waitFor();
  await menu('Let in');
  await line.getByText('Taken out').waitFor({ state: 'detached' });
  await menu('Make route');
  const form = page.getByRole('dialog', { name: 'Add model' });
  assert.deepEqual([await form.getByRole('textbox', { name: 'Name' }).inputValue(), await form.getByLabel('Model there').inputValue()], ['vendor/new', 'vendor/new']);
  await form.getByRole('textbox', { name: 'Name' }).fill('快/fast');
  await form.getByRole('button', { name: 'Add', exact: true }).click();
  await form.waitFor({ state: 'detached' });
  assert.equal(await servedAs('快/fast'), 'vendor/new', 'an alias leads to its target');
  await page.goto(`${server.url}/#/models`);
  await row(page, '快/fast').getByText('$0.50 / $0.00').waitFor();
}));
