// What people do with keys and clients, on the real binary with simulated providers.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ask, row, startBrowser, startDemo, stopEverything, visit } from './harness.mjs';

let demo;
let browser;
before(async () => {
  demo = await startDemo({ callsPerSecond: 5, days: 1 });
  browser = await startBrowser();
});
after(stopEverything);

const api = (method, path, body) => ask(demo, method, path, body);
const on = (path, options, run) => visit(browser, demo, path, options, run);

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
  await dialog.getByLabel('Check them with the provider afterwards').uncheck();
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

test('a list of ten thousand keys draws only what is in sight', () => on('overview', {}, async (page) => {
  const provider = (await api('POST', 'api/providers', { name: 'many', base_url: 'http://127.0.0.1:9/v1', allow_private: true, enabled: false })).id;
  const text = Array.from({ length: 10_000 }, (_, at) => `sk-many-${String(at).padStart(6, '0')}`).join('\n');
  await fetch(`${demo.url}/api/keys/import`, { method: 'POST', headers: { authorization: `Bearer ${demo.token}`, 'content-type': 'application/json' }, body: JSON.stringify({ provider, text }) }).then((answer) => answer.text());
  await page.goto(`${demo.url}/#/keys?provider=${provider}`);
  await page.locator('.count', { hasText: '10,000' }).waitFor();
  // Time of the page's own thread, so that a busy machine does not count.
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('Performance.enable', { timeDomain: 'threadTicks' });
  const spent = async () => (await devtools.send('Performance.getMetrics')).metrics.find((one) => one.name === 'TaskDuration').value * 1000;
  const times = [];
  for (let step = 0; step < 40; step += 1) {
    const begun = await spent();
    await page.evaluate(async (share) => {
      const main = document.getElementById('main');
      main.scrollTop = main.scrollHeight * share;
      await new Promise((resolve) => { requestAnimationFrame(() => requestAnimationFrame(resolve)); });
    }, step / 40);
    times.push((await spent()) - begun);
  }
  const usual = times.sort((a, b) => a - b)[20];
  const rows = await page.locator('table.table tbody tr').count();
  assert.ok(rows < 150, `${rows} rows are drawn`);
  assert.ok(usual < 1000, `half of the steps of scrolling took more than ${usual} ms of work`);
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
