// Names that are markup: every page shows them as text, and nothing in them runs.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openPage, startBrowser, startDemo, stopEverything } from './harness.mjs';

/** Runs if any of it becomes part of the page; without a slash, which no provider's name has. */
const NAMES = ['<img src=x onerror=alert(1)>', '"><svg onload=alert(2)>', '{{constructor.constructor("alert(3)")()}}', 'javascript:alert(4)', '<b>bold'];
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
    const { id: provider } = await api('POST', 'api/providers', { name, base_url: 'https://provider.example' });
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
  assert.deepEqual(dialogs, []);
  assert.deepEqual(faults, []);
  await context.close();
});
