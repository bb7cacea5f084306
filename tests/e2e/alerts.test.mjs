// A channel is made and tested against a receiver of this test, and its delivery is seen; rules are changed.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { startBrowser, startDemo, stopEverything, visit } from './harness.mjs';

const SECRET = 'a secret of the test';
const heard = [];
const receiver = createServer(async (request, response) => {
  let body = '';
  for await (const piece of request) body += piece;
  heard.push({ headers: request.headers, body });
  response.end('ok');
});
let demo;
let browser;
before(async () => {
  await new Promise((ready) => { receiver.listen(0, '127.0.0.1', ready); });
  demo = await startDemo({ callsPerSecond: 2, days: 1 });
  browser = await startBrowser();
});
after(async () => {
  receiver.close();
  receiver.closeAllConnections();
  await stopEverything();
});

const on = (path, run) => visit(browser, demo, path, {}, run);

test('a channel is made, tested, and its delivery seen', () => on('alerts/channels', async (page) => {
  await page.getByRole('button', { name: 'Add channel' }).click();
  const drawer = page.getByRole('dialog', { name: 'Add channel' });
  await drawer.getByLabel('Name').fill('operations');
  await drawer.getByLabel('URL').fill(`http://127.0.0.1:${receiver.address().port}/hook`);
  await drawer.getByLabel('Secret', { exact: false }).first().fill(SECRET);
  await drawer.getByRole('button', { name: 'Add', exact: true }).click();
  const row = page.locator('.alert-rows li', { hasText: 'operations' });
  await row.getByRole('button', { name: 'Test' }).click();
  await row.getByText('Failed').waitFor();
  await row.getByText('allow_private').waitFor();
  await row.getByRole('button', { name: 'operations' }).click();
  const edit = page.getByRole('dialog', { name: 'operations' });
  await edit.getByLabel('Allow private addresses').check();
  await edit.getByLabel('Quiet hours').check();
  await edit.getByRole('button', { name: 'Save' }).click();
  await row.getByText('quiet from 22:00 to 07:00').waitFor();
  await row.getByRole('button', { name: 'Test' }).click();
  await row.getByText('Delivered').waitFor();
  const { headers, body } = heard.find((one) => one.headers['x-keywheel-event'] === 'test');
  const expected = createHmac('sha256', SECRET).update(`${headers['x-keywheel-timestamp']}.${body}`).digest('hex');
  assert.equal(headers['x-keywheel-signature'], `sha256=${expected}`);
  await page.getByRole('link', { name: 'Deliveries' }).click();
  const delivery = page.locator('.alert-rows li', { hasText: 'Delivered' }).filter({ hasText: 'Test: Alerts of Keywheel reach this channel' });
  await delivery.first().waitFor();
}));

test('a rule is given another threshold, opens an alert, and the alert is seen', () => on('alerts/rules', async (page) => {
  await page.getByRole('button', { name: 'Disk nearly full' }).click();
  const drawer = page.getByRole('dialog', { name: 'Disk nearly full' });
  await drawer.getByLabel('Free at least').fill('1000000000');
  await drawer.getByRole('button', { name: 'Save' }).click();
  await page.locator('.alert-rows li', { hasText: '< 954 TB' }).waitFor();
  await page.getByRole('link', { name: 'Open', exact: true }).click();
  const alert = page.locator('.alert-rows li', { hasText: 'MiB are free' });
  await alert.waitFor();
  await alert.getByRole('button', { name: 'Seen' }).click();
  await alert.getByText('seen by').waitFor();
}));
