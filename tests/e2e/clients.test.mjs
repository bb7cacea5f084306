// The page of clients: a token shown once with code that works, what a client may do, a new token, and an end to it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ask as askServer, row, startBrowser, startProvider, startServer, stopEverything, visit } from './harness.mjs';

const TOKEN = 'admin-token-of-the-clients-test';
let server;
let browser;
before(async () => {
  server = { ...(await startServer({ env: { KEYWHEEL_ADMIN_TOKEN: TOKEN } })), token: TOKEN };
  const mock = await startProvider();
  const provider = await ask('POST', 'api/providers', { name: 'mock', base_url: `${mock.url}/v1`, allow_private: true, default: true });
  await ask('POST', 'api/keys', { provider: provider.id, name: 'one', secret: 'sk-mock-healthy-clients', tags: ['paid'] });
  await ask('POST', `api/providers/${provider.id}/models/sync`, {});
  browser = await startBrowser();
});
after(stopEverything);

const ask = (method, path, body) => askServer(server, method, path, body);
const on = (path, run, options = {}) => visit(browser, server, path, options, run);
const menu = async (page, name, action) => {
  await row(page, name).locator('summary').click();
  await row(page, name).getByRole('button', { name: action, exact: true }).click();
};
const call = (token, model = 'gpt-4o-mini') => fetch(`${server.url}/v1/chat/completions`, {
  method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Say hello' }] }),
}).then(async (answer) => ({ status: answer.status, body: await answer.json() }));
const clientOf = async (name) => (await ask('GET', 'api/clients?limit=100')).clients.find((one) => one.name === name);

test('an empty page leads to a client, whose token is shown once with code that names a chat model', () => on('clients', async (page) => {
  await page.getByText('No clients yet').waitFor();
  await page.getByRole('button', { name: 'Add client' }).last().click();
  const form = page.getByRole('dialog', { name: 'Add client' });
  await form.getByLabel('Name').fill('web');
  await form.getByRole('button', { name: 'Add', exact: true }).click();
  const once = page.getByRole('dialog', { name: 'The token of web' });
  const token = (await once.locator('pre').first().innerText()).trim();
  assert.match(token, /^kw-/);
  assert.match(await once.locator('pre').nth(1).innerText(), new RegExp(`OPENAI_BASE_URL=${server.url}/v1\\s+export OPENAI_API_KEY=${token}`));
  for (const [language, sign] of [['curl', /^curl /], ['Python', /urllib\.request/], ['Node', /await fetch\(/]]) {
    await once.getByRole('button', { name: language, exact: true }).click();
    const code = await once.locator('pre').last().innerText();
    assert.match(code, sign);
    assert.ok(code.includes(token) && /"model": ?"(?!.*embed)/.test(code), code);
  }
  await page.keyboard.press('Escape');
  await once.getByRole('button', { name: 'I have kept it' }).click();
  await once.waitFor({ state: 'detached' });
  await row(page, 'web').getByText('Enabled').waitFor();
  assert.ok(!(await page.content()).includes(token), 'the token is gone from the page');
  const used = row(page, 'web').locator('td', { hasText: /^(never|now|.* ago)$/ });
  assert.equal(await used.innerText(), 'never');
  assert.equal((await call(token)).status, 200);
  await page.reload();
  await used.filter({ hasText: /now|ago/ }).waitFor();
}));

test('a client is told its models, and no model is not every model', async () => {
  const { token } = await ask('POST', 'api/clients', { name: 'narrow' });
  await on(`clients`, async (page) => {
    await page.getByRole('link', { name: 'narrow' }).click();
    const drawer = page.getByRole('dialog', { name: 'narrow' });
    const models = drawer.getByRole('group', { name: 'Models' }).first();
    await models.getByRole('button', { name: 'Only these' }).click();
    await drawer.getByText('None so far: it may ask for no model at all.').waitFor();
    await drawer.getByRole('button', { name: 'Save' }).click();
    await page.locator('.notice', { hasText: 'narrow was saved' }).waitFor();
    assert.deepEqual((await clientOf('narrow')).models, []);
    assert.equal((await call(token)).status, 404, 'no model may be asked for');

    const field = drawer.getByRole('combobox', { name: 'Models: Only these' });
    await field.fill('gpt-4.1*,');
    await drawer.getByRole('spinbutton', { name: /^Requests a minute/ }).fill('90');
    await drawer.getByRole('spinbutton', { name: 'Dollars a month' }).fill('5');
    await drawer.getByRole('button', { name: 'Save' }).click();
    await page.waitForFunction(() => document.querySelectorAll('.notice').length >= 2);
    const client = await clientOf('narrow');
    assert.deepEqual([client.models, client.rpm, client.budget_usd_month], [['gpt-4.1*'], 90, 5]);
    await drawer.getByText('/ $5.00').waitFor();
    assert.equal((await call(token, 'gpt-4.1-mini')).status, 200);

    await drawer.getByRole('button', { name: 'Every model' }).click();
    await drawer.getByRole('spinbutton', { name: /^Requests a minute/ }).fill('');
    await drawer.getByRole('spinbutton', { name: 'Dollars a month' }).fill('');
    await drawer.getByRole('button', { name: 'Save' }).click();
    await drawer.getByText('/ $5.00').waitFor({ state: 'detached' });
    const emptied = await clientOf('narrow');
    assert.deepEqual([emptied.models, emptied.rpm, emptied.budget_usd_month], [null, null, null]);
  });
});

test('a new token is made beside the old one, or in its place', async () => {
  const { token } = await ask('POST', 'api/clients', { name: 'rotated' });
  await on('clients', async (page) => {
    await menu(page, 'rotated', 'New token');
    const dialog = page.getByRole('dialog', { name: 'A new token for rotated' });
    await dialog.getByLabel('The token of now goes on for').selectOption('1 h 0 m');
    await dialog.getByRole('button', { name: 'New token' }).click();
    const once = page.getByRole('dialog', { name: 'The token of rotated' });
    const second = (await once.locator('pre').first().innerText()).trim();
    assert.notEqual(second, token);
    await once.getByRole('button', { name: 'I have kept it' }).click();
    assert.deepEqual([(await call(token)).status, (await call(second)).status], [200, 200]);
    await page.getByRole('link', { name: 'rotated' }).click();
    const drawer = page.getByRole('dialog', { name: 'rotated' });
    await drawer.getByText(/^Its former token is taken until/).waitFor();
    await drawer.getByRole('button', { name: 'New token' }).click();
    await dialog.getByRole('button', { name: 'New token' }).click();
    const third = (await once.locator('pre').first().innerText()).trim();
    await once.getByRole('button', { name: 'I have kept it' }).click();
    assert.deepEqual([(await call(token)).status, (await call(second)).status, (await call(third)).status], [401, 401, 200]);
  });
});

test('a client is disabled, enabled, deleted and brought back from its menu', async () => {
  const { token } = await ask('POST', 'api/clients', { name: 'stopped' });
  await on('clients', async (page) => {
    await menu(page, 'stopped', 'Disable');
    await row(page, 'stopped').getByText('Disabled').waitFor();
    assert.equal((await call(token)).status, 401);
    await menu(page, 'stopped', 'Enable');
    await row(page, 'stopped').getByText('Enabled').waitFor();
    assert.equal((await call(token)).status, 200);
    await menu(page, 'stopped', 'Delete');
    await row(page, 'stopped').waitFor({ state: 'detached' });
    await page.locator('.notice', { hasText: 'stopped was deleted' }).getByRole('button', { name: 'Undo' }).click();
    await row(page, 'stopped').waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('stopped');
    await page.waitForURL(/search=stopped/);
    await page.keyboard.press('Escape');
    await row(page, 'narrow').waitFor({ state: 'detached' });
    await row(page, 'stopped').getByRole('link', { name: 'stopped' }).click();
    await page.getByRole('dialog', { name: 'stopped' }).locator('.tile', { hasText: 'Calls' }).click();
    await page.waitForURL(/#\/calls\?.*client=\d+/);
  });
});
