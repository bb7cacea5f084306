// Settings: each tab changed as its owner would, with what is locked, who did what, and who may come in.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ask, settled, startBrowser, startServer, stopEverything, visit } from './harness.mjs';

const TOKEN = 'admin-token-of-the-settings-test';
let server;
let browser;
before(async () => {
  server = { ...(await startServer({ args: ['--drain-timeout', '3s'], env: { KEYWHEEL_ADMIN_TOKEN: TOKEN, KEYWHEEL_MAX_BODY: '8MiB' } })), token: TOKEN };
  browser = await startBrowser();
});
after(stopEverything);

const on = (path, run, options = {}) => visit(browser, server, path, options, run);
const settings = () => ask(server, 'GET', 'api/settings');
const save = async (page) => {
  const saved = page.waitForResponse((answer) => ['PATCH', 'PUT'].includes(answer.request().method()) && answer.ok());
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await saved;
  await page.getByText('The settings are saved').first().waitFor();
};

test('what calls go by is changed, counted before it is saved, and refused with the field at fault', () => on('settings', async (page) => {
  await page.getByLabel('Strategy').selectOption('fastest');
  await page.getByLabel('Attempts per call').fill('4');
  await page.getByLabel('Review changes of model lists').check();
  await page.getByText('3 changes are not saved').waitFor();
  await save(page);
  const { strategy, attempts, model_sync_review: reviewed } = await settings();
  assert.deepEqual([strategy, attempts, reviewed], ['fastest', 4, true]);
  await page.getByText('Last changed').waitFor();
  await page.getByLabel('Browser origins').fill('not an origin');
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.locator('.field.is-wrong', { hasText: 'Browser origins' }).waitFor();
  assert.deepEqual((await settings()).cors_origins, []);
}, { expected: /400 \(Bad Request\)/ }));

test('logging is changed, and somebody else’s change is not overwritten', () => on('settings/logging', async (page) => {
  await page.getByLabel('Keep records for').fill('30');
  await page.getByLabel('Keep request and response bodies').check();
  await save(page);
  const { retention_days: days, store_bodies: bodies } = await settings();
  assert.deepEqual([days, bodies], [30, true]);
  await page.getByLabel('Keep records for').fill('14');
  await ask(server, 'PATCH', 'api/settings', { attempts: 5 });
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByText('Somebody has changed this meanwhile').waitFor();
  assert.equal((await settings()).retention_days, 30);
}, { expected: /412/ }));

test('an own rule for errors is added, moved, saved and taken away', () => on('settings/rules', async (page) => {
  await page.getByText('No rules of your own').waitFor();
  for (const [at, name] of ['busy', 'sold-out'].entries()) {
    await page.getByRole('button', { name: 'Add rule' }).click();
    const rule = page.locator('section.panel').nth(at);
    await rule.getByLabel('Name of the rule').fill(name);
    await rule.getByLabel('Status').fill('429');
    await rule.getByLabel('Text in the body').fill(name);
  }
  await page.getByRole('button', { name: 'Move up' }).click();
  await save(page);
  assert.deepEqual((await settings()).error_rules.map((rule) => [rule.id, rule.match.status]), [['sold-out', 429], ['busy', 429]]);
  await page.getByRole('button', { name: 'Remove busy' }).click();
  await save(page);
  assert.deepEqual((await settings()).error_rules.map((rule) => rule.id), ['sold-out']);
}));

test('somebody is let in by a link, given another role, kept out, and removed', () => on('settings/users', async (page) => {
  await page.getByRole('button', { name: 'Let someone in' }).click();
  const adding = page.getByRole('dialog', { name: 'Let someone in' });
  await adding.getByLabel('Name').fill('olga');
  assert.equal(await adding.getByLabel('Role').inputValue(), 'owner', 'the first one is an owner');
  await adding.getByRole('button', { name: 'Add', exact: true }).click();
  await page.getByRole('dialog', { name: 'olga' }).getByRole('button', { name: 'I have kept it' }).click();
  await page.getByRole('button', { name: 'Let someone in' }).click();
  await adding.getByLabel('Name').fill('maria');
  await adding.getByLabel('Role').selectOption('viewer');
  await adding.getByRole('button', { name: 'Add', exact: true }).click();
  const once = page.getByRole('dialog', { name: 'maria' });
  const link = (await once.locator('pre').innerText()).trim();
  await page.keyboard.press('Escape');
  await once.getByRole('button', { name: 'I have kept it' }).click();
  const row = page.locator('.people li', { hasText: 'maria' });
  await row.getByText('no password yet').waitFor();

  const theirs = await browser.newContext();
  const hers = await theirs.newPage();
  hers.setDefaultTimeout(45_000);
  await hers.goto(link);
  const form = hers.getByRole('dialog', { name: 'Choose a password' });
  await form.getByLabel('New password').fill('a long enough password');
  await form.getByRole('button', { name: 'Change password' }).click();
  await hers.locator('.account', { hasText: 'maria' }).getByText('Viewer').waitFor();
  await hers.goto(`${server.url}/#/settings/logging`);
  await hers.getByText('Only an owner may change these.').waitFor();
  assert.equal(await hers.getByLabel('Keep records for').isDisabled(), true);

  // She has changed herself: a change to the one that is still listed would be refused.
  await page.reload();
  await row.getByLabel('Role of maria').selectOption('operator');
  await page.getByText('maria was saved').waitFor();
  assert.equal((await ask(server, 'GET', 'api/users')).users.find((one) => one.name === 'maria').role, 'operator');
  await row.getByRole('button', { name: 'Disable' }).click();
  await row.getByRole('button', { name: 'Enable' }).waitFor();
  await hers.reload();
  await hers.locator('dialog.sign-in').waitFor();
  await theirs.close();
  await row.getByRole('button', { name: 'Remove maria' }).click();
  await page.getByRole('dialog', { name: 'Remove maria' }).getByRole('button', { name: 'Delete' }).click();
  await row.waitFor({ state: 'detached' });
}));

test('a program gets a token that works, is shown once, and ends when it is removed', () => on('settings/users', async (page) => {
  await page.getByRole('button', { name: 'Make an admin token' }).click();
  const adding = page.getByRole('dialog', { name: 'Make an admin token' });
  await adding.getByLabel('Name').fill('deploy');
  await adding.getByRole('button', { name: 'Add', exact: true }).click();
  const once = page.getByRole('dialog', { name: 'deploy' });
  const token = (await once.locator('pre').innerText()).trim();
  await once.getByRole('button', { name: 'I have kept it' }).click();
  await ask({ ...server, token }, 'GET', 'api/keys');
  await page.getByRole('button', { name: 'Remove deploy' }).click();
  await page.getByRole('dialog', { name: 'Remove deploy' }).getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('button', { name: 'Remove deploy' }).waitFor({ state: 'detached' });
  await assert.rejects(ask({ ...server, token }, 'GET', 'api/keys'), /401/);
}));

test('the audit log tells who changed what from what to what', () => on('settings/audit', async (page) => {
  const entry = page.locator('.audit li', { hasText: 'retention_days' }).first();
  await entry.locator('summary').click();
  await entry.locator('tr', { hasText: 'retention_days' }).getByText('30').waitFor();
  await page.locator('summary', { hasText: 'About' }).first().click();
  await page.locator('details[open]').getByRole('button', { name: 'User' }).click();
  await page.waitForURL(/noun=user/);
  await page.locator('.audit li', { hasText: 'maria' }).first().waitFor();
  assert.equal(await page.locator('.audit li', { hasText: 'retention_days' }).count(), 0);
}));

test('what is fixed says where it comes from, and the sealing key asks to be kept', () => on('settings/system', async (page) => {
  const row = (name) => page.locator('.plain-rows li', { has: page.locator('code', { hasText: new RegExp(`^${name}$`) }) });
  await row('max_body').getByText('KEYWHEEL_MAX_BODY').waitFor();
  await row('drain_timeout').getByText('--drain-timeout').waitFor();
  await row('keep_alive').getByText('the default').waitFor();
  await row('max_body').getByRole('img', { name: 'locked' }).waitFor();
  await page.locator('pre', { hasText: 'keywheel backup' }).waitFor();
  assert.ok(!(await page.content()).includes(TOKEN), 'the admin token is hidden');
  await page.locator('.key-banner', { hasText: 'master.key' }).getByRole('button', { name: 'I have a copy' }).click();
  await page.locator('.key-banner').waitFor({ state: 'detached' });
  await page.reload();
  await page.locator('pre', { hasText: 'keywheel backup' }).waitFor();
  assert.equal(await page.locator('.key-banner').count(), 0);
}));

test('a viewer looks at every page without being refused', async () => {
  const { token } = await ask(server, 'POST', 'api/tokens', { name: 'looker', role: 'viewer' });
  await visit(browser, { ...server, token }, 'overview', {}, async (page) => {
    for (const name of ['overview', 'calls', 'keys', 'providers', 'models', 'clients', 'scripts', 'scripts/try', 'scripts/versions', 'chat', 'alerts', 'alerts/rules', 'alerts/channels', 'alerts/deliveries', 'settings', 'settings/logging', 'settings/rules', 'settings/users', 'settings/audit', 'settings/system']) {
      await page.goto(`${server.url}/#/${name}`);
      await settled(page, name);
      assert.equal(await page.locator('.failure').count(), 0, `${name} shows a failure`);
    }
  });
});
