// Names that are markup: every page shows them as text, and nothing in them runs.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openPage, startBrowser, startDemo, stopEverything } from './harness.mjs';

/** Runs, or leads astray, if any of it becomes part of the page or of an address. */
const NAMES = ['<img src=x onerror=alert(1)>', '"><svg onload=alert(2)>', '{{constructor.constructor("alert(3)")()}}', 'javascript:alert(4)', '<b>bold', '</td><script>alert(5)</script>', 'vendor/m-1?x#y'];
const PAGES = ['overview', 'calls', 'keys', 'providers', 'models', 'clients', 'alerts', 'alerts/channels', 'settings/audit', 'settings/users', 'chat', 'keys?add=1', 'models?add=1'];

let demo;
let browser;
before(async () => {
  demo = await startDemo({ callsPerSecond: 0, days: 1 });
  browser = await startBrowser();
});
after(stopEverything);

async function api(method, path, body) {
  const headers = { authorization: `Bearer ${demo.token}`, 'content-type': 'application/json' };
  const answer = await fetch(`${demo.url}/${path}`, { method, headers, body: JSON.stringify(body) });
  assert.ok(answer.ok, `${method} ${path}: ${await answer.clone().text()}`);
  return answer.json();
}

test('markup in names is shown and never run', async () => {
  const ids = {};
  for (const name of NAMES) {
    // A provider's name has no slash: it stands before one.
    const { id: provider } = await api('POST', 'api/providers', { name: name.replaceAll('/', '|'), base_url: 'https://provider.example' });
    const { id: key } = await api('POST', 'api/keys', { provider, name, secret: `sk-${provider}-0123456789`, tags: [name], account: name });
    await api('POST', `api/keys/${key}/disable`, { reason: name });
    const { id: model } = await api('POST', 'api/models', { name, targets: [{ provider, model: name }] });
    const { client: { id: client } = {}, id: bare } = await api('POST', 'api/clients', { name, tags: [name] });
    const { id: channel } = await api('POST', 'api/alerts/channels', { name, kind: 'webhook', url: 'https://hook.example' });
    const { id: chat } = await api('POST', 'api/chats', { title: name });
    Object.assign(ids, { provider, key, model, client: client ?? bare, channel, chat });
  }
  const drawers = [`keys/${ids.key}`, `providers/${ids.provider}`, `models/${ids.model}`, `clients/${ids.client}`, `chat/${ids.chat}`];
  const { page, context, faults } = await openPage(browser, demo);
  const dialogs = [];
  page.on('dialog', (dialog) => { dialogs.push(dialog.message()); return dialog.dismiss(); });
  for (const place of [...PAGES, ...drawers]) {
    await page.goto(`${demo.url}/#/${place}`);
    await page.waitForFunction(() => document.querySelector('#page-title') && !document.querySelector('.skeleton-room'), null, { timeout: 20_000 });
    const made = await page.evaluate(() => [...document.querySelectorAll('img[onerror], svg[onload], [src="x"], a[href^="javascript:"]')].map((one) => one.outerHTML));
    assert.deepEqual(made, [], place);
  }
  await page.goto(`${demo.url}/#/keys`);
  for (const name of NAMES) await page.getByRole('link', { name, exact: true }).first().waitFor();
  await page.goto(`${demo.url}/#/models?search=vendor`);
  await page.getByRole('link', { name: 'vendor/m-1?x#y', exact: true }).click();
  await page.getByRole('dialog', { name: 'vendor/m-1?x#y' }).getByRole('link', { name: 'Show its calls' }).click();
  await page.waitForURL((address) => new URLSearchParams(address.hash.split('?')[1]).get('model') === 'vendor/m-1?x#y');
  assert.deepEqual(dialogs, []);
  assert.deepEqual(faults, []);
  await context.close();
});
