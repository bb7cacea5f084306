// What holds on every page: the keyboard, languages, phones, ended sessions, a server that is away.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ask, press, startBrowser, startDemo, stopEverything, visit } from './harness.mjs';

let demo;
let browser;
before(async () => {
  demo = await startDemo({ callsPerSecond: 5, days: 1 });
  browser = await startBrowser();
});
after(stopEverything);

const on = (path, options, run) => visit(browser, demo, path, options, run);
const row = (page, name) => page.locator('table.table tbody tr', { has: page.getByRole('link', { name, exact: true }) });

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
  assert.equal((await ask(demo, 'GET', 'api/keys/1')).account, 'org-e2e');
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
  await press(page, 'g m', (patience) => page.waitForURL(/#\/models/, patience));
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
  await page.getByText('The server cannot be reached.').first().waitFor();
  await row(page, 'openai-sim').waitFor();
  await page.unroute('**/api/**');
  await page.getByRole('button', { name: 'Retry' }).first().click();
  await page.getByText('The server cannot be reached.').first().waitFor({ state: 'detached' });
}));
