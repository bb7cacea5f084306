// The page of providers: presets, a test of the connection that tells what is wrong, settings that are emptied, and what a wrong path looks like.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { ask as askServer, row, startBrowser, startProvider, startServer, stopEverything, visit } from './harness.mjs';

const TOKEN = 'admin-token-of-the-providers-test';
/** A server that knows no path. */
const lost = createServer((request, response) => response.writeHead(404, { 'content-type': 'application/json' }).end('{"detail":"Not Found"}'));
let server;
let mock;
let browser;
before(async () => {
  await new Promise((ready) => { lost.listen(0, '127.0.0.1', ready); });
  server = { ...(await startServer({ env: { KEYWHEEL_ADMIN_TOKEN: TOKEN } })), token: TOKEN };
  mock = await startProvider();
  browser = await startBrowser();
});
after(async () => {
  lost.closeAllConnections();
  lost.close();
  await stopEverything();
});

const ask = (method, path, body) => askServer(server, method, path, body);
const on = (path, run, options = {}) => visit(browser, server, path, options, run);
const providerOf = async (name) => (await ask('GET', 'api/providers?limit=100')).providers.find((one) => one.name === name);

test('presets fill in the form, and a place to fill in is asked for', () => on('providers', async (page) => {
  await page.getByText('No providers yet').waitFor();
  await page.getByRole('button', { name: 'Add provider' }).last().click();
  const dialog = page.getByRole('dialog', { name: 'Add provider' });
  const url = dialog.getByLabel('Base URL', { exact: true });
  const shown = {};
  for (const [label, host] of [['OpenAI', 'api.openai.com'], ['Azure OpenAI', 'openai.azure.com'], ['Anthropic', 'api.anthropic.com'], ['Google Gemini', 'generativelanguage'], ['DeepSeek', 'api.deepseek.com'], ['Groq', 'api.groq.com'], ['OpenRouter', 'openrouter.ai'], ['Ollama', '127.0.0.1:11434'], ['vLLM', '127.0.0.1:8000']]) {
    await dialog.getByRole('button', { name: label, exact: true }).click();
    await page.waitForFunction((part) => document.querySelector('dialog input[type=url]')?.value.includes(part), host);
    shown[label] = [await dialog.getByLabel('Authentication').inputValue(), await dialog.getByLabel('Allow private addresses').isChecked()];
  }
  assert.deepEqual([shown['Azure OpenAI'], shown.Anthropic, shown.Ollama], [['api-key', false], ['x-api-key', false], ['none', true]]);
  await dialog.getByRole('button', { name: 'Azure OpenAI' }).click();
  await dialog.getByText('Put your own in place of RESOURCE.').waitFor();
  assert.ok(await dialog.getByRole('button', { name: 'Add', exact: true }).isDisabled());
  await dialog.getByRole('button', { name: 'vLLM' }).click();
  await url.fill(`${mock.url}/v1`);
  await dialog.getByLabel('Name').fill('house');
  await dialog.getByRole('button', { name: 'Add', exact: true }).click();
  await page.locator('.notice', { hasText: 'house was added' }).getByRole('button', { name: 'Add keys' }).click();
  const paste = page.getByRole('dialog', { name: 'Add keys' });
  assert.equal(await paste.getByLabel('Provider', { exact: true }).locator('option:checked').innerText(), 'house');
}));

test('a test of the connection says whether the provider answers, and what it says of the key', () => on('providers', async (page) => {
  await row(page, 'house').getByRole('link', { name: 'house' }).click();
  const drawer = page.getByRole('dialog', { name: 'house' });
  await drawer.getByText(`${mock.url}/v1/chat/completions`).waitFor();
  await drawer.getByText('Whole answer').waitFor();
  const run = drawer.getByRole('button', { name: 'Test connection' });
  await run.click();
  await page.getByText('This provider has no key to test with.').waitFor();
  const { id } = await providerOf('house');
  const key = await ask('POST', 'api/keys', { provider: id, name: 'mine', secret: 'sk-mock-healthy-p' });
  await run.click();
  await drawer.getByText('It answers').waitFor();
  await drawer.getByText('works', { exact: true }).waitFor();
  await drawer.getByText(/HTTP 200 · .* · key mine/).waitFor();
  await ask('PATCH', `api/keys/${key.id}`, { secret: 'sk-mock-invalid-p' });
  await run.click();
  await drawer.getByText('is not valid').waitFor();
  await ask('PATCH', `api/providers/${id}`, { base_url: 'http://127.0.0.1:9/v1' });
  await run.click();
  await drawer.getByText('No answer').waitFor();
  await drawer.getByText('Look at the base URL').waitFor();
}));

test('settings are changed and emptied, and what is emptied is gone', () => on('providers', async (page) => {
  const { id } = await providerOf('house');
  await ask('PATCH', `api/providers/${id}`, { base_url: `${mock.url}/v1` });
  await row(page, 'house').getByRole('link', { name: 'house' }).click();
  const drawer = page.getByRole('dialog', { name: 'house' });
  await drawer.getByRole('tab', { name: 'Settings' }).click();
  await drawer.getByLabel('Added headers').fill('x-team: blue\nx-trace: on');
  await drawer.getByLabel('Time zone of its error texts').fill('Asia/Shanghai');
  await drawer.getByRole('spinbutton', { name: 'Attempts per call' }).fill('2');
  await drawer.getByRole('spinbutton', { name: 'Connect' }).fill('1500');
  await drawer.getByRole('button', { name: 'Save' }).click();
  await page.getByText('house was saved').waitFor();
  const set = await providerOf('house');
  assert.deepEqual([Object.keys(set.headers).sort(), set.time_zone, set.attempts, set.timeouts.connect_ms], [['x-team', 'x-trace'], 'Asia/Shanghai', 2, 1500]);
  await page.waitForFunction(() => /x-team/.test(document.querySelector('dialog textarea')?.value ?? ''));
  await drawer.getByLabel('Added headers').fill('');
  await drawer.getByLabel('Time zone of its error texts').fill('');
  await drawer.getByRole('spinbutton', { name: 'Attempts per call' }).fill('');
  await drawer.getByRole('button', { name: 'Save' }).click();
  await page.waitForFunction(() => document.querySelector('dialog textarea')?.value === '' && document.querySelectorAll('.notice').length >= 2);
  const emptied = await providerOf('house');
  assert.deepEqual([emptied.headers, emptied.time_zone, emptied.attempts], [{}, null, null]);
  await drawer.getByRole('textbox', { name: 'Name' }).fill('');
  await drawer.getByRole('button', { name: 'Save' }).click();
  assert.equal(await drawer.getByRole('textbox', { name: 'Name' }).evaluate((field) => field.validity.valueMissing), true);
}));

test('a provider whose every call ends in an unknown path says: check the base URL', async () => {
  const { id } = await ask('POST', 'api/providers', { name: 'astray', base_url: `http://127.0.0.1:${lost.address().port}/api`, exact_base_url: true, allow_private: true });
  await ask('POST', 'api/keys', { provider: id, name: 'astray', secret: 'sk-astray-000001' });
  const { token } = await ask('POST', 'api/clients', { name: 'seeker' });
  for (let at = 0; at < 4; at += 1) {
    const answer = await fetch(`${server.url}/v1/chat/completions`, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: '{"model":"astray/m","messages":[]}' });
    assert.equal(answer.status, 404, await answer.text());
  }
  await on('providers', async (page) => {
    await row(page, 'astray').getByText('Check the base URL').waitFor();
    await row(page, 'astray').getByRole('link', { name: 'astray' }).click();
    await page.getByRole('dialog', { name: 'astray' }).getByText('Every call so far ended in a path').first().waitFor();
    await page.keyboard.press('Escape');
    await page.goto(`${server.url}/#/keys?search=astray`);
    await row(page, 'astray').getByText('Active').waitFor();
    await page.goto(`${server.url}/#/overview`);
    await page.getByText('astray: check the base URL').waitFor();
  });
});

test('a provider that refuses the region says so on its page, and blames no key', async () => {
  const { id } = await ask('POST', 'api/providers', { name: 'abroad', base_url: `${mock.url}/v1`, allow_private: true });
  await ask('POST', 'api/keys', { provider: id, name: 'abroad', secret: 'sk-mock-region-p' });
  const { token } = await ask('POST', 'api/clients', { name: 'traveller' });
  const answer = await fetch(`${server.url}/v1/chat/completions`, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: '{"model":"abroad/m","messages":[]}' });
  await answer.text();
  assert.ok(answer.status >= 400, String(answer.status));
  assert.ok((await providerOf('abroad')).status.region_refused_at);
  await on('providers', async (page) => {
    const state = row(page, 'abroad').locator('td').nth(1);
    await state.getByText('Refuses our region').waitFor();
    await state.getByText(/ago|now/).waitFor();
    await row(page, 'abroad').getByRole('link', { name: 'abroad' }).click();
    await page.getByRole('dialog', { name: 'abroad' }).getByText('Refuses our region').first().waitFor();
    await page.goto(`${server.url}/#/keys?search=abroad`);
    await row(page, 'abroad').getByText('Active').waitFor();
  });
});

test('a provider is deleted and brought back with its keys', () => on('providers', async (page) => {
  await row(page, 'house').getByRole('link', { name: 'house' }).click();
  await page.getByRole('dialog', { name: 'house' }).getByRole('button', { name: 'Delete' }).click();
  await row(page, 'house').waitFor({ state: 'detached' });
  await page.locator('.notice', { hasText: 'house was deleted' }).getByRole('button', { name: 'Undo' }).click();
  await row(page, 'house').waitFor();
  assert.equal((await ask('GET', 'api/keys?search=mine')).keys.length, 1);
}));
