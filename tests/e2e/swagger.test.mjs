// The forms at /docs, used as somebody would who has only them: sign in, make things, and ask the server about them.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ask, openPage, startBrowser, startProvider, startServer, stopEverything } from './harness.mjs';

const TOKEN = 'admin-token-of-the-forms-test';
let server;
let provider;
let browser;
before(async () => {
  provider = await startProvider();
  server = { ...(await startServer({ env: { KEYWHEEL_ADMIN_TOKEN: TOKEN } })), token: TOKEN };
  browser = await startBrowser();
});
after(stopEverything);

/** Opens the form of an operation by its method and path, and unlocks it. */
async function tryOut(page, method, path) {
  const form = page.locator('.opblock', { has: page.locator(`.opblock-summary-method:text-is("${method}")`) }).filter({ has: page.locator(`.opblock-summary-path[data-path="${path}"]`) });
  await form.locator('.opblock-summary-control').click();
  await form.getByRole('button', { name: 'Try it out' }).click();
  return form;
}

/** Sends the form, and reads status and body out of what the page shows of the answer. */
async function execute(page, form) {
  await form.getByRole('button', { name: 'Execute' }).click();
  const answer = form.locator('.live-responses-table .response');
  await answer.waitFor();
  const status = Number((await answer.locator('.response-col_status').innerText()).trim().slice(0, 3));
  const text = await answer.locator('.response-col_description .highlight-code code').first().innerText();
  return { status, text, json: () => JSON.parse(text) };
}

const write = async (form, body) => {
  const field = form.locator('textarea.body-param__text');
  await field.click();
  await field.press('ControlOrMeta+a');
  await field.pressSequentially(JSON.stringify(body));
};

test('the forms sign in, make a provider and a key, check it, and list calls', async () => {
  const { page, context, faults } = await openPage(browser, server, { signIn: false });
  await page.goto(`${server.url}/docs`);
  await page.getByRole('heading', { name: /^Keywheel/ }).waitFor();

  const refused = await execute(page, await tryOut(page, 'GET', '/api/system'));
  assert.equal(refused.status, 401);
  await page.getByRole('button', { name: 'Authorize', exact: true }).click();
  const dialog = page.locator('.modal-ux');
  const field = dialog.locator('input').first();
  await field.click();
  await field.pressSequentially(TOKEN);
  await dialog.getByRole('button', { name: 'Apply credentials' }).first().click();
  await dialog.getByRole('button', { name: 'Remove authorization' }).first().waitFor();
  await dialog.getByRole('button', { name: 'Close', exact: true }).first().click();

  const providers = await tryOut(page, 'POST', '/api/providers');
  await write(providers, { name: 'simulated', base_url: `${provider.url}/v1`, allow_private: true });
  const made = await execute(page, providers);
  assert.equal(made.status, 201, made.text);

  const keys = await tryOut(page, 'POST', '/api/keys');
  await write(keys, { provider: made.json().id, name: 'first', secret: 'sk-mock-healthy-forms' });
  const key = await execute(page, keys);
  assert.equal(key.status, 201, key.text);
  assert.equal(key.json().name, 'first');
  assert.ok(!key.text.includes('sk-mock-healthy'), 'an answer shows no secret');
  const listed = await ask(server, 'GET', 'api/keys');
  assert.deepEqual(listed.keys.map(({ id, name }) => [id, name]), [[key.json().id, 'first']]);

  const check = await tryOut(page, 'POST', '/api/keys/{id}/check');
  await check.getByPlaceholder('id').pressSequentially(String(key.json().id));
  const checked = await execute(page, check);
  assert.equal(checked.status, 200, checked.text);
  assert.equal(checked.json().verdict, 'valid');

  const calls = await execute(page, await tryOut(page, 'GET', '/api/calls'));
  assert.deepEqual([calls.status, calls.json().calls], [200, []]);
  assert.deepEqual(faults.filter((fault) => !/401 \(Unauthorized\)/.test(fault)), []);
  await context.close();
});
