// The dashboard behind a reverse proxy below a sub-path, with the prefix stripped and no setting, and with the prefix kept and one.
import assert from 'node:assert/strict';
import { createServer, request as ask } from 'node:http';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { settled, startBrowser, startProvider, startServer, stopEverything, visit } from './harness.mjs';

const PREFIX = '/kw';
const CLIENT = 'kw-of-the-proxied-test';
const PASSWORD = 'correct horse battery';
const proxies = [];
let browser;
let mock;
before(async () => {
  mock = await startProvider();
  browser = await startBrowser();
});
after(async () => {
  proxies.forEach((proxy) => { proxy.closeAllConnections(); proxy.close(); });
  await stopEverything();
});

/** A reverse proxy that serves what lies below the prefix, and nothing else: its address. */
async function startProxy(upstream, { strip }) {
  const { hostname, port } = new URL(upstream);
  const proxy = createServer((incoming, response) => {
    if (!incoming.url.startsWith(`${PREFIX}/`)) return response.writeHead(404).end('not of Keywheel');
    const path = strip ? incoming.url.slice(PREFIX.length) : incoming.url;
    const outgoing = ask({ hostname, port, path, method: incoming.method, headers: incoming.headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      response.flushHeaders();
      answer.pipe(response);
    });
    outgoing.on('error', () => response.destroy());
    response.on('close', () => outgoing.destroy());
    return incoming.pipe(outgoing);
  });
  await new Promise((ready) => { proxy.listen(0, '127.0.0.1', ready); });
  proxies.push(proxy);
  return `http://127.0.0.1:${proxy.address().port}${PREFIX}`;
}

/** A server that has a provider, a key and a client, and a proxy before it. */
async function startBehind({ strip, args = [] }) {
  const folder = mkdtempSync(join(tmpdir(), 'keywheel-e2e-'));
  const bootstrap = join(folder, 'bootstrap.toml');
  writeFileSync(bootstrap, `[[provider]]\nname = "simulated"\nbase_url = "${mock.url}/v1"\nallow_private = true\ndefault = true\n[[key]]\nprovider = "simulated"\nname = "one"\nsecret = "sk-mock-healthy-proxied"\n[[client]]\nname = "caller"\ntoken = "${CLIENT}"\n`);
  const server = await startServer({ folder, args: ['--bootstrap', bootstrap, ...args] });
  return { ...server, url: await startProxy(new URL(server.url).origin, { strip }), link: server.setup.split('#')[1] };
}

async function call(url) {
  const answer = await fetch(`${url}/v1/chat/completions`, { method: 'POST', headers: { authorization: `Bearer ${CLIENT}`, 'content-type': 'application/json' }, body: JSON.stringify({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hello' }] }) });
  assert.equal(answer.status, 200, await answer.text());
  return answer.headers.get('x-request-id');
}

for (const [name, way] of [['stripped, without a setting', { strip: true }], ['kept, with --base-path', { strip: false, args: ['--base-path', PREFIX] }]]) {
  test(`with the prefix ${name}, everything works`, async () => {
    const server = await startBehind(way);
    await visit(browser, server, server.link.slice(1), { signIn: false }, async (page, faults, context) => {
      const elsewhere = [];
      page.on('request', (request) => new URL(request.url()).pathname.startsWith(`${PREFIX}/`) || elsewhere.push(request.url()));
      await page.getByLabel('Password').fill(PASSWORD);
      await page.getByRole('button', { name: 'Next' }).click();
      await page.getByRole('heading', { name: 'Paste your keys' }).waitFor();
      for (const cookie of await context.cookies()) assert.ok(`${PREFIX}/`.startsWith(cookie.path), `${cookie.name} has the path ${cookie.path}`);

      const opened = page.waitForResponse((answer) => answer.url().endsWith('/api/calls/live'));
      await page.goto(`${server.url}/#/calls`);
      assert.equal((await (await opened).allHeaders())['x-accel-buffering'], 'no');
      await page.locator('.live', { hasText: 'Live' }).waitFor();
      const id = await call(server.url);
      await page.locator(`tr.opens a[href*="${id}"]`).waitFor();
      await page.reload();
      await page.locator(`tr.opens a[href*="${id}"]`).click();
      await page.locator('dialog.drawer').getByText('simulated').first().waitFor();

      for (const place of ['overview', 'keys', 'chat', 'settings/system']) {
        await page.goto(`${server.url}/#/${place}`);
        await settled(page, place);
        assert.equal(await page.locator('.failure').count(), 0, place);
      }
      await page.goto(`${server.url}/#/keys`);
      await page.locator('summary[title^="Actions for"]').first().click();
      await page.getByRole('button', { name: 'Disable', exact: true }).click();
      await page.getByText('is disabled').waitFor();
      await page.goto(`${server.url}/docs`);
      await page.getByText('/api/providers', { exact: true }).first().waitFor();
      assert.ok(page.url().startsWith(`${server.url}/docs`), page.url());
      assert.deepEqual(elsewhere, []);
    });
  });
}
