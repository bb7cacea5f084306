// What people do with the dashboard, on the real binary with simulated providers.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openPage, startBrowser, startDemo, stopEverything } from './harness.mjs';

let demo;
let browser;
before(async () => {
  demo = await startDemo({ callsPerSecond: 5, days: 1 });
  browser = await startBrowser();
});
after(stopEverything);

const api = (method, path, body) => fetch(`${demo.url}/${path}`, { method, headers: { authorization: `Bearer ${demo.token}`, 'content-type': 'application/json' }, body: body && JSON.stringify(body) }).then((answer) => (answer.status === 204 ? null : answer.json()));

async function on(path, options, run) {
  const { page, context, faults } = await openPage(browser, demo, options);
  await page.goto(`${demo.url}/#/${path}`);
  await run(page, faults);
  assert.deepEqual(faults.filter((fault) => !options.expected?.test(fault)), []);
  await context.close();
}
const row = (page, name) => page.locator('table.table tbody tr', { has: page.getByRole('link', { name, exact: true }) });

test('a wrong admin token is refused in words, the right one opens the overview', () => on('', { signIn: false, expected: /401/ }, async (page) => {
  const form = page.getByRole('dialog', { name: 'Sign in' });
  await form.getByRole('button', { name: 'Use an admin token instead' }).click();
  await form.getByLabel('Admin token').fill('kw-wrong');
  await form.getByRole('button', { name: 'Sign in', exact: true }).click();
  await form.getByText('This admin token is not the right one.').waitFor();
  await form.getByLabel('Admin token').fill(demo.token);
  await form.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.locator('.tile', { hasText: 'Calls' }).waitFor();
  await page.locator('canvas').first().waitFor();
  assert.equal(await page.title(), 'Overview · Keywheel');
}));

test('the printed link signs in, does not stay in the address, and lets writes through', () => on(demo.link.split('#/')[1], { signIn: false }, async (page) => {
  await page.locator('.tile', { hasText: 'Calls' }).waitFor();
  assert.ok(!page.url().includes('link='), page.url());
  await page.locator('.account', { hasText: 'demo' }).waitFor();
  await page.goto(`${demo.url}/#/keys`);
  await row(page, 'spare').locator('summary').click();
  await row(page, 'spare').getByRole('button', { name: 'Disable', exact: true }).click();
  await page.getByText('spare is disabled').waitFor();
  await page.reload();
  await row(page, 'spare').locator('.badge', { hasText: 'Disabled' }).waitFor();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.locator('dialog.sign-in').waitFor();
}));

test('keys are pasted with a preview, edited, disabled, deleted, and each can be undone', () => on('keys?add=1', {}, async (page) => {
  const dialog = page.getByRole('dialog', { name: 'Add keys' });
  await dialog.getByRole('textbox', { name: 'Keys', exact: true }).fill('sk-mock-healthy-e2e-1,e2e-one,paid\nsk-mock-healthy-e2e-1\n# a note');
  await dialog.getByText('1 new').waitFor();
  await dialog.getByText('1 twice').waitFor();
  await dialog.getByRole('button', { name: 'Import 1 key' }).click();
  await page.getByText('1 key was added').waitFor();
  await row(page, 'e2e-one').getByText('Active').waitFor();

  await page.getByRole('link', { name: 'e2e-one' }).click();
  const drawer = page.getByRole('dialog', { name: 'e2e-one' });
  await drawer.getByRole('tab', { name: 'Settings' }).click();
  await drawer.getByLabel('Name').fill('e2e-two');
  await drawer.getByRole('spinbutton', { name: 'Weight' }).fill('7');
  await drawer.getByRole('button', { name: 'Save' }).click();
  await page.getByText('e2e-two was saved').waitFor();
  await page.getByRole('dialog', { name: 'e2e-two' }).waitFor();
  await page.keyboard.press('Escape');
  await page.waitForURL(/#\/keys(\?|$)/);

  const menu = async (name) => {
    await row(page, 'e2e-two').locator('summary').click();
    await row(page, 'e2e-two').getByRole('button', { name, exact: true }).click();
  };
  await menu('Disable');
  await row(page, 'e2e-two').locator('.badge', { hasText: 'Disabled' }).waitFor();
  await page.locator('.notice', { hasText: 'is disabled' }).getByRole('button', { name: 'Undo' }).click();
  await row(page, 'e2e-two').getByText('Active').waitFor();
  await menu('Delete');
  await row(page, 'e2e-two').waitFor({ state: 'detached' });
  await page.locator('.notice', { hasText: 'was deleted' }).getByRole('button', { name: 'Undo' }).click();
  await row(page, 'e2e-two').waitFor();
  const { keys } = await api('GET', 'api/keys?search=e2e-two');
  assert.deepEqual(keys.map((key) => [key.name, key.weight, key.tags]), [['e2e-two', 7, ['paid']]]);
}));

test('calls are filtered in the address, opened with their attempts, and left with Escape', () => on('calls', {}, async (page) => {
  await page.locator('table.table tbody tr.opens').first().waitFor();
  await page.locator('summary', { hasText: 'Outcome' }).click();
  await page.locator('details[open]').getByRole('button', { name: 'Provider error' }).click();
  await page.waitForURL(/outcome=upstream_error/);
  await page.keyboard.press('Escape');
  await page.waitForFunction(() => {
    const rows = [...document.querySelectorAll('table.table tbody tr.opens')];
    return rows.length > 0 && rows.every((one) => one.innerText.includes('Provider error'));
  });
  await page.locator('table.table tbody tr.opens').first().click();
  const drawer = page.locator('dialog.drawer[open]');
  await drawer.locator('.attempt .lane i').first().waitFor();
  await drawer.getByText('To blame:').first().waitFor();
  assert.match(page.url(), /#\/calls\/[0-9a-f-]{36}\?outcome=upstream_error/);
  const link = page.url();
  await page.keyboard.press('Escape');
  await drawer.waitFor({ state: 'detached' });
  await page.goto('about:blank');
  await page.goto(link);
  await page.locator('dialog.drawer[open] .attempt').first().waitFor();
}));

test('a list of ten thousand keys draws only what is in sight', () => on('overview', {}, async (page) => {
  const provider = (await api('POST', 'api/providers', { name: 'many', base_url: 'http://127.0.0.1:9/v1', allow_private: true, enabled: false })).id;
  const text = Array.from({ length: 10_000 }, (_, at) => `sk-many-${String(at).padStart(6, '0')}`).join('\n');
  await fetch(`${demo.url}/api/keys/import`, { method: 'POST', headers: { authorization: `Bearer ${demo.token}`, 'content-type': 'application/json' }, body: JSON.stringify({ provider, text }) }).then((answer) => answer.text());
  await page.goto(`${demo.url}/#/keys?provider=${provider}`);
  await page.locator('.count', { hasText: '10,000' }).waitFor({ timeout: 30_000 });
  const usual = await page.evaluate(async () => {
    const main = document.getElementById('main');
    const times = [];
    for (let step = 0; step < 40; step += 1) {
      main.scrollTop = (main.scrollHeight / 40) * step;
      const begun = performance.now();
      await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
      times.push(performance.now() - begun);
    }
    return times.sort((a, b) => a - b)[20];
  });
  const rows = await page.locator('table.table tbody tr').count();
  assert.ok(rows < 150, `${rows} rows are drawn`);
  assert.ok(usual < 250, `half of the steps of scrolling took more than ${usual} ms`);
  await api('DELETE', `api/providers/${provider}`);
}));

test('a token that is shown once survives Escape, and is copied on plain HTTP inside its dialog', () => on('clients?add=1', {}, async (page) => {
  await page.evaluate(() => {
    Object.defineProperty(globalThis, 'isSecureContext', { value: false });
    Object.defineProperty(navigator, 'clipboard', { value: undefined });
  });
  await page.getByRole('dialog').getByLabel('Name').fill('e2e-app');
  await page.getByRole('dialog').getByRole('button', { name: 'Add', exact: true }).click();
  const dialog = page.getByRole('dialog', { name: 'The token of e2e-app' });
  const token = (await dialog.locator('pre').first().innerText()).trim();
  assert.match(token, /^kw-/);
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
  await page.mouse.click(5, 5);
  await dialog.locator('.code').first().getByRole('button', { name: 'Copy' }).click();
  await dialog.locator('.code').first().getByText('Copied').waitFor();
  await dialog.getByRole('button', { name: 'I have kept it' }).click();
  await page.locator('[data-search]').focus();
  await page.keyboard.press('Control+V');
  assert.equal(await page.locator('[data-search]').inputValue(), token);
}));

test('a form that meets an ended session goes on after signing in again', () => on('keys/1', { expected: /401/ }, async (page) => {
  const drawer = page.locator('dialog.drawer[open]');
  await drawer.getByRole('tab', { name: 'Settings' }).click();
  await drawer.getByRole('textbox', { name: 'Account' }).fill('org-e2e');
  let refused = 0;
  await page.route('**/api/keys/1', (route) => (route.request().method() === 'PATCH' && refused++ === 0
    ? route.fulfill({ status: 401, contentType: 'application/json', body: '{"error":{"code":"unauthorized","message":"ended"}}' }) : route.fallback()));
  await drawer.getByRole('button', { name: 'Save' }).click();
  const form = page.locator('dialog.sign-in');
  await form.getByText('What you were doing is still here').waitFor();
  await form.getByRole('button', { name: 'Use an admin token instead' }).click();
  await form.getByLabel('Admin token').fill(demo.token);
  await form.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByText('was saved').waitFor();
  assert.equal((await api('GET', 'api/keys/1')).account, 'org-e2e');
}));

test('everything is reached from the keyboard: palette, jumps, help, rows', () => on('overview', {}, async (page) => {
  await page.locator('.tile').first().waitFor();
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox').fill('team-a');
  await page.getByRole('option', { name: /team-a/ }).first().waitFor();
  await page.keyboard.press('Enter');
  await page.getByRole('dialog', { name: 'team-a' }).waitFor();
  await page.keyboard.press('Escape');
  await page.locator('dialog[open]').waitFor({ state: 'detached' });
  await page.keyboard.press('g');
  await page.keyboard.press('m');
  await page.waitForURL(/#\/models/);
  await page.locator('table.table tbody tr.opens').first().waitFor();
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  await page.locator('dialog.drawer[open]').waitFor();
  await page.keyboard.press('Escape');
  await page.locator('dialog[open]').waitFor({ state: 'detached' });
  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: 'Keyboard' }).waitFor();
}));

test('on a phone the stretch of time is chosen and every page is reached', () => on('overview', { width: 390, height: 844 }, async (page) => {
  await page.locator('.page-head summary').click();
  await page.getByRole('button', { name: '1 hour', exact: true }).click();
  await page.waitForURL(/range=1h/);
  await page.getByRole('button', { name: 'More' }).click();
  await page.locator('dialog[open]').getByRole('link', { name: 'Clients' }).click();
  await page.getByRole('heading', { name: /^Clients/ }).waitFor();
  await page.locator('.cards .card').first().click();
  await page.locator('dialog.drawer[open]').waitFor();
}));

test('the language changes at once and is remembered', () => on('keys', {}, async (page) => {
  await page.getByRole('button', { name: 'Preferences' }).click();
  await page.getByText('简体中文').click();
  await page.getByRole('heading', { name: '偏好设置' }).waitFor();
  await page.keyboard.press('Escape');
  await page.reload();
  await page.getByRole('heading', { name: /^密钥/ }).waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.lang), 'zh-CN');
}));

test('while the server is away, what is shown stays and is labelled', () => on('providers', { expected: /ERR_FAILED|Failed to load/ }, async (page) => {
  await row(page, 'openai-sim').waitFor();
  await page.route('**/api/**', (route) => route.abort());
  await page.getByText('The server cannot be reached.').first().waitFor({ timeout: 20_000 });
  await row(page, 'openai-sim').waitFor();
  await page.unroute('**/api/**');
  await page.getByRole('button', { name: 'Retry' }).first().click();
  await page.getByText('The server cannot be reached.').first().waitFor({ state: 'detached' });
}));
