// What holds on every page: the keyboard, languages, phones, ended sessions, a server that is away.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ask, press, row, startBrowser, startDemo, stopEverything, visit } from './harness.mjs';

let demo;
let browser;
before(async () => {
  demo = await startDemo({ callsPerSecond: 5, days: 1 });
  browser = await startBrowser();
});
after(stopEverything);

const on = (path, options, run) => visit(browser, demo, path, options, run);
const palette = (page) => page.locator('dialog.palette input');

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
  await palette(page).fill('team-a');
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
  await page.locator('.page-head summary').last().click();
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

test('every page has its jump, and the palette finds pages, things, calls and commands', async () => {
  const { calls } = await ask(demo, 'GET', 'api/calls?limit=1');
  await on('overview', {}, async (page) => {
    await page.locator('.tile').first().waitFor();
    for (const [key, name] of [['c', 'calls'], ['k', 'keys'], ['p', 'providers'], ['m', 'models'], ['l', 'clients'], ['x', 'scripts'], ['h', 'chat'], ['a', 'alerts'], ['s', 'settings'], ['o', 'overview']]) {
      await press(page, `g ${key}`, (patience) => page.waitForURL(new RegExp(`#/${name}`), patience));
      await page.locator('#page-title').waitFor();
    }
    const choose = async (text, option, key = 'Control+k') => {
      await page.keyboard.press(key);
      await palette(page).fill(text);
      await page.getByRole('option', { name: option }).first().waitFor();
      await page.keyboard.press('Enter');
      await palette(page).waitFor({ state: 'detached' });
    };
    await choose('theme dark', /Theme: Dark/);
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark');
    await choose(calls[0].id, calls[0].id, 'Meta+k');
    await page.locator('dialog.drawer[open]').getByText(calls[0].id).first().waitFor();
    await page.keyboard.press('Escape');
    await page.locator('dialog[open]').waitFor({ state: 'detached' });
    await page.keyboard.press('Control+k');
    await palette(page).fill('settings');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('Enter');
    await page.waitForURL(/#\/settings/);
    await page.keyboard.press('Control+k');
    await palette(page).fill('no such thing anywhere');
    await page.getByText('Nothing is called').waitFor();
    await page.keyboard.press('Escape');
    await palette(page).waitFor({ state: 'detached' });
  });
});

test('keys rest while somebody types, / goes to the search, and focus returns after a dialog', () => on('keys', {}, async (page) => {
  await row(page, 'team-a').waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type('gm?jx');
  assert.equal(await page.locator('[data-search]').inputValue(), 'gm?jx');
  assert.match(page.url(), /#\/keys/);
  await page.locator('[data-search]').fill('');
  await page.keyboard.press('Escape');
  await row(page, 'team-a').waitFor();
  await page.getByRole('button', { name: 'Preferences' }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('dialog', { name: 'Preferences' }).waitFor();
  await page.keyboard.press('Escape');
  await page.locator('dialog[open]').waitFor({ state: 'detached' });
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute('aria-label')), 'Preferences');
  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: 'Keyboard' }).waitFor();
  await page.keyboard.press('Escape');
  await page.locator('dialog[open]').waitFor({ state: 'detached' });
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press('Tab');
  await page.getByRole('link', { name: 'Skip to the content' }).press('Enter');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'page-title');
}));

test('the stretch of time stands in the address, is remembered, and can be any, in UTC too', () => on('calls', {}, async (page) => {
  const picker = page.locator('.page-head details');
  const choose = async (name) => {
    await picker.locator('summary', { hasText: /\w/ }).first().click();
    await picker.getByRole('button', { name, exact: true }).click();
  };
  for (const [name, range] of [['15 minutes', '15m'], ['6 hours', '6h'], ['Today', 'today'], ['Yesterday', 'yesterday'], ['7 days', '7d'], ['30 days', '30d'], ['1 hour', '1h']]) {
    const asked = page.waitForRequest((request) => request.url().includes('/api/calls?') && request.url().includes(`range=${range}`));
    await choose(name);
    assert.match((await asked).url(), /zone=Europe%2FBerlin/);
    await page.waitForURL(new RegExp(`range=${range}`));
  }
  await page.goto(`${demo.url}/#/overview`);
  await page.locator('.page-head summary', { hasText: '1 hour' }).waitFor();
  await page.goto(`${demo.url}/#/calls`);
  await picker.locator('summary', { hasText: '1 hour' }).click();
  await picker.getByLabel('From').fill('2026-01-02T03:04');
  await picker.getByLabel('To').fill('2030-01-02T03:04');
  await picker.getByRole('button', { name: 'Apply' }).click();
  await page.waitForURL((url) => decodeURIComponent(url.hash).includes('from=2026-01-02T02:04:00.000Z') && decodeURIComponent(url.hash).includes('to=2030-01-02T02:04:00.000Z'));
  await picker.locator('summary').first().click();
  await picker.getByLabel('Show times in UTC').check();
  const link = page.locator('table.table tbody tr.opens a').first();
  await link.waitFor();
  const [address, shown] = await link.evaluate((one) => [one.href, one.innerText]);
  const { started_at: began } = await ask(demo, 'GET', `api/calls/${address.match(/calls\/([0-9a-f-]+)/)[1]}`);
  assert.ok(shown.includes(began.slice(11, 16)), `${shown} is ${began} in UTC`);
}));

test('figures, money and dates are written as the language has them', () => on(`calls?from=${new Date(Date.now() - 72_000_000).toISOString()}&to=${new Date(Date.now() - 60_000).toISOString()}`, { language: 'zh-CN' }, async (page) => {
  await page.getByRole('heading', { name: '调用', level: 1 }).waitFor();
  await page.locator('table.table tbody tr.opens').first().locator('a').first().click();
  await page.locator('dialog[open] dd', { hasText: /\d{4}年\d{1,2}月\d{1,2}日/ }).first().waitFor();
}));
