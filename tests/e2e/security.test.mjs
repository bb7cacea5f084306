// What a page may never do: run what is not its own, ask elsewhere, or hold a secret.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ask, settled, startBrowser, startProvider, startServer, stopEverything, visit } from './harness.mjs';

const TOKEN = 'admin-token-of-the-security-test';
const SECRETS = { key: 'sk-mock-healthy-never-shown-4711', channel: 'channel-secret-never-shown-4712', header: 'header-value-never-shown-4713', path: 'webhook-path-never-shown-4714' };
const PAGES = ['overview', 'calls', 'keys', 'keys/1', 'providers', 'providers/1', 'models', 'clients', 'clients/1', 'scripts', 'chat', 'alerts/channels', 'alerts/deliveries', 'settings/users', 'settings/audit', 'settings/system'];

let server;
let browser;
before(async () => {
  const provider = await startProvider();
  server = { ...(await startServer({ env: { KEYWHEEL_ADMIN_TOKEN: TOKEN } })), token: TOKEN };
  browser = await startBrowser();
  const { id } = await ask(server, 'POST', 'api/providers', { name: 'simulated', base_url: `${provider.url}/v1`, allow_private: true, default: true, headers: { 'x-own': SECRETS.header } });
  await ask(server, 'POST', 'api/keys', { provider: id, name: 'one', secret: SECRETS.key });
  const made = await ask(server, 'POST', 'api/clients', { name: 'caller' });
  SECRETS.client = made.token;
  SECRETS.admin = (await ask(server, 'POST', 'api/tokens', { name: 'program', role: 'viewer' })).token;
  SECRETS.master = readFileSync(join(server.folder, 'data', 'master.key'), 'utf8').trim();
  await ask(server, 'POST', 'api/alerts/channels', { kind: 'webhook', name: 'hook', url: `http://127.0.0.1:9/${SECRETS.path}`, secret: SECRETS.channel, allow_private: true });
  await ask(server, 'PATCH', 'api/settings', { store_bodies: true });
  const answer = await fetch(`${server.url}/v1/chat/completions`, {
    method: 'POST', headers: { authorization: `Bearer ${made.token}`, 'content-type': 'application/json' }, body: JSON.stringify({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hello' }] }),
  });
  await answer.text();
  PAGES.push(`calls/${answer.headers.get('x-request-id')}`);
});
after(stopEverything);

const on = (path, options, run) => visit(browser, server, path, options, run);

test('no page holds or is sent a secret', () => on('overview', {}, async (page) => {
  const found = [];
  const look = (text, place) => Object.entries(SECRETS).forEach(([name, secret]) => text.includes(secret) && found.push(`${name} in ${place}`));
  const answers = [];
  page.on('response', (response) => {
    if (!new URL(response.url()).pathname.startsWith('/api/') || response.url().includes('/live')) return;
    answers.push(response.text().then((text) => look(text, response.url()), () => {}));
  });
  for (const name of PAGES) {
    await page.goto(`${server.url}/#/${name}`);
    await settled(page, name);
    for (const tab of await page.locator('dialog[open] [role=tab]').all()) {
      await tab.click();
      await settled(page, name);
      look(await page.content(), name);
    }
    look(await page.content(), name);
    look(await page.evaluate(() => JSON.stringify([...document.querySelectorAll('input, textarea')].map((field) => field.value))), `a field of ${name}`);
  }
  look(await page.evaluate(() => JSON.stringify({ ...localStorage })), 'local storage');
  await Promise.all(answers);
  assert.deepEqual(found, []);
}));

test('a page runs and draws nothing that is not a file of this server', () => on('overview', { expected: /Content Security Policy|TrustedHTML|TrustedScript|Trusted Type|Refused to|violates the following/ }, async (page) => {
  const policy = (await (await fetch(`${server.url}/`)).headers.get('content-security-policy'));
  assert.match(policy, /default-src 'self'/);
  assert.match(policy, /frame-ancestors 'none'/);
  assert.doesNotMatch(policy, /unsafe|https?:|\*/);
  const did = await page.evaluate(async (elsewhere) => {
    const trial = (run) => {
      try {
        run();
        return 'allowed';
      } catch (error) {
        return error.name;
      }
    };
    const results = {
      html: trial(() => { document.createElement('div').innerHTML = '<b>x</b>'; }),
      // Not while the tools of the test run: what they evaluate is let through.
      code: await new Promise((resolve) => { setTimeout(() => resolve(trial(() => Function('return 1')()))); }),
      policy: trial(() => globalThis.trustedTypes.createPolicy('another', {})),
    };
    globalThis.ran = false;
    trial(() => {
      const script = document.createElement('script');
      script.textContent = 'globalThis.ran = true';
      document.body.append(script);
    });
    const style = document.createElement('style');
    style.textContent = 'body { --own: 1 }';
    document.body.append(style);
    results.style = getComputedStyle(document.body).getPropertyValue('--own') || 'none';
    results.script = String(globalThis.ran);
    results.elsewhere = await fetch(elsewhere).then(() => 'reached', (error) => error.name);
    return results;
  }, 'http://127.0.0.1:9/');
  assert.deepEqual(did, { html: 'TypeError', code: 'EvalError', policy: 'TypeError', style: 'none', script: 'false', elsewhere: 'TypeError' });
}));

test('nobody frames the dashboard, and its files say what they are', async () => {
  const page = await fetch(`${server.url}/`);
  assert.equal(page.headers.get('x-frame-options'), 'DENY');
  assert.equal(page.headers.get('x-content-type-options'), 'nosniff');
  const [, script] = /src="\.\/(assets\/[^"]+start\.js)"/.exec(await page.text());
  const file = await fetch(`${server.url}/${script}`);
  assert.match(file.headers.get('content-type'), /^text\/javascript/);
  assert.equal(file.headers.get('x-content-type-options'), 'nosniff');
});
