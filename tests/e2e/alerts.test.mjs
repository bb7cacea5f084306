// A channel is made and tested against a receiver of this test, and its delivery is seen; rules are changed.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import { createServer as createMailServer } from 'node:net';
import { after, before, test } from 'node:test';
import { ask, startBrowser, startDemo, stopEverything, visit } from './harness.mjs';

const SECRET = 'a secret of the test';
const heard = [];
const receiver = createServer(async (request, response) => {
  let body = '';
  for await (const piece of request) body += piece;
  heard.push({ url: request.url, headers: request.headers, body });
  // What the chats answer when they take a message.
  response.end('{"code":0,"errcode":0,"errmsg":"ok"}');
});
/** A mail server that takes everything; `letters` are the messages. */
const letters = [];
const mailbox = createMailServer((socket) => {
  let letter = null;
  socket.setEncoding('utf8');
  socket.write('220 mail.test ready\r\n');
  let rest = '';
  socket.on('data', (piece) => {
    const lines = (rest + piece).split('\r\n');
    rest = lines.pop();
    for (const line of lines) {
      if (letter !== null) {
        if (line !== '.') {
          letter.push(line);
          continue;
        }
        letters.push(letter.join('\n'));
        letter = null;
        socket.write('250 taken\r\n');
      } else if (/^DATA/i.test(line)) {
        letter = [];
        socket.write('354 go on\r\n');
      } else if (/^QUIT/i.test(line)) socket.end('221 bye\r\n');
      else socket.write('250 ok\r\n');
    }
  });
  socket.on('error', () => {});
});
let demo;
let browser;
before(async () => {
  for (const server of [receiver, mailbox]) await new Promise((ready) => { server.listen(0, '127.0.0.1', ready); });
  demo = await startDemo({ callsPerSecond: 2, days: 1 });
  browser = await startBrowser();
});
after(async () => {
  receiver.close();
  mailbox.close();
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

const rowOf = (page, name) => page.locator('.alert-rows li', { hasText: name });

/** Fills the form for a new channel, adds it, tests it, and waits until its message was taken. */
async function addAndTest(page, kind, name, fill) {
  await page.getByRole('button', { name: 'Add channel' }).click();
  const drawer = page.getByRole('dialog', { name: 'Add channel' });
  await drawer.getByLabel('Kind').selectOption(kind);
  await drawer.getByLabel('Name').fill(name);
  await fill(drawer);
  await drawer.getByLabel('Allow private addresses').check();
  await drawer.getByRole('button', { name: 'Add', exact: true }).click();
  await drawer.waitFor({ state: 'detached' });
  await rowOf(page, name).getByRole('button', { name: 'Test' }).click();
  await rowOf(page, name).getByText('Delivered').waitFor();
}

test('every kind of channel is made and tested, in the form that its receiver wants', () => on('alerts/channels', async (page) => {
  const shapes = { Slack: (body) => body.text, 'Feishu / Lark': (body) => body.content.text, DingTalk: (body) => body.text.content, WeCom: (body) => body.text.content };
  for (const [kind, textOf] of Object.entries(shapes)) {
    const name = `to ${kind}`;
    const path = `/${kind.replace(/\W+/g, '-')}`;
    await addAndTest(page, kind, name, async (drawer) => {
      await drawer.getByLabel('URL').fill(`http://127.0.0.1:${receiver.address().port}${path}`);
      if (kind !== 'Slack' && kind !== 'WeCom') await drawer.getByRole('textbox', { name: 'Secret' }).fill(SECRET);
    });
    const { url, body } = heard.find((one) => one.url.startsWith(path));
    assert.match(textOf(JSON.parse(body)), /Alerts of Keywheel reach this channel/, kind);
    if (kind === 'DingTalk') assert.match(url, /timestamp=\d+.*sign=/);
    if (kind === 'Feishu / Lark') assert.ok(JSON.parse(body).sign);
  }
  await addAndTest(page, 'E-mail', 'to ops', async (drawer) => {
    await drawer.getByLabel('Mail server').fill('127.0.0.1');
    await drawer.getByLabel('Port').fill(String(mailbox.address().port));
    await drawer.getByLabel('Encryption').selectOption('None');
    await drawer.getByLabel('Sender').fill('keywheel@example.org');
    await drawer.getByLabel('Recipients').fill('ops@example.org');
    await page.keyboard.press('Enter');
  });
  assert.match(letters[0], /^To: .*ops@example\.org/m);
  await rowOf(page, 'to ops').getByText('ops@example.org').waitFor();
}));

test('a channel is silent in its quiet hours, and is deleted and brought back', () => on('alerts/channels', async (page) => {
  await page.getByRole('button', { name: 'Add channel' }).click();
  const drawer = page.getByRole('dialog', { name: 'Add channel' });
  await drawer.getByLabel('Name').fill('by day');
  await drawer.getByLabel('URL').fill(`http://127.0.0.1:${receiver.address().port}/quiet`);
  await drawer.getByLabel('Allow private addresses').check();
  await drawer.getByLabel('Quiet hours').check();
  await drawer.getByLabel('From').fill('00:00');
  await drawer.getByLabel('To', { exact: true }).fill('23:59');
  await drawer.getByLabel('Time zone').fill('Asia/Kathmandu');
  await drawer.getByLabel('Hold back critical alerts too').check();
  await drawer.getByRole('button', { name: 'Add', exact: true }).click();
  await rowOf(page, 'by day').getByText('quiet from 00:00 to 23:59').waitFor();
  const { channels } = await ask(demo, 'GET', 'api/alerts/channels');
  assert.deepEqual(channels.find((one) => one.name === 'by day').quiet, { from: '00:00', to: '23:59', zone: 'Asia/Kathmandu', critical_too: true });
  await rowOf(page, 'by day').getByRole('button', { name: 'by day' }).click();
  await page.getByRole('dialog', { name: 'by day' }).getByRole('button', { name: 'Delete' }).click();
  await rowOf(page, 'by day').waitFor({ state: 'detached' });
  await page.locator('.notice', { hasText: 'was deleted' }).getByRole('button', { name: 'Undo' }).click();
  await rowOf(page, 'by day').waitFor();
}));

test('an own rule is made for one provider, muted, switched off, and deleted', () => on('alerts/rules', async (page) => {
  await page.getByRole('button', { name: 'Add rule' }).click();
  const drawer = page.getByRole('dialog', { name: 'Add rule' });
  await drawer.getByLabel('Name').fill('slow shaky');
  await drawer.getByLabel('Watches').selectOption('Calls are slow');
  await drawer.getByLabel('Provider').selectOption('shaky-sim');
  await drawer.getByLabel('Time at most').fill('90000');
  await drawer.getByLabel('Percentile').fill('99');
  await drawer.getByRole('button', { name: 'Add', exact: true }).click();
  const row = rowOf(page, 'slow shaky');
  await row.getByText('shaky-sim').waitFor();
  await row.getByText('p99 > 1 m 30 s').waitFor();
  await row.getByRole('button', { name: 'slow shaky' }).click();
  const edit = page.getByRole('dialog', { name: 'slow shaky' });
  await edit.getByRole('button', { name: '8 h', exact: true }).click();
  await edit.getByLabel('How much it matters').selectOption('Critical');
  await edit.getByRole('button', { name: 'Save' }).click();
  await row.getByText('muted until').waitFor();
  await row.getByText('Critical').waitFor();
  await row.getByRole('switch').uncheck();
  const rule = async () => (await ask(demo, 'GET', 'api/alerts/rules')).rules.find((one) => one.name === 'slow shaky');
  for (let tries = 0; (await rule()).enabled; tries += 1) {
    assert.ok(tries < 200, 'it is switched off');
    await page.waitForTimeout(100);
  }
  await row.getByRole('button', { name: 'slow shaky' }).click();
  await edit.getByRole('button', { name: 'Delete' }).click();
  await row.waitFor({ state: 'detached' });
  assert.equal(await rule(), undefined);
}));

test('an open alert leads to what it is about, in Chinese too', () => visit(browser, demo, 'alerts', { language: 'zh-CN' }, async (page) => {
  const alert = rowOf(page, '已停用').first();
  await alert.waitFor();
  await alert.getByRole('link', { name: '查看' }).click();
  await page.waitForURL(/#\/keys\/\d+/);
  await page.locator('dialog.drawer[open]').waitFor();
}));
