// The first minutes with a new Keywheel, and one below a sub-path.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { after, before, test } from 'node:test';
import { openPage, startBrowser, startProvider, startServer, stopEverything } from './harness.mjs';

let browser;
before(async () => { browser = await startBrowser(); });
after(stopEverything);

test('a newcomer goes from the printed link to the first call', async () => {
  const [server, provider] = await Promise.all([startServer(), startProvider()]);
  const { page, context, faults } = await openPage(browser, server, { signIn: false });
  await page.goto(server.setup);
  await page.getByLabel('Password').fill('correct horse battery');
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByRole('heading', { name: 'Paste your keys' }).waitFor();
  assert.ok(!page.url().includes('token'), 'the token does not stay in the address');
  await page.getByRole('button', { name: 'vLLM' }).click();
  await page.getByLabel('Base URL').fill(`${provider.url}/v1`);
  await page.getByRole('textbox', { name: 'Keys' }).fill('sk-mock-healthy-e2e');
  await page.getByRole('button', { name: 'Add and check' }).click();
  await page.getByText('works', { exact: true }).waitFor();
  await page.getByText(/models? (was|were) found/).waitFor();
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByRole('button', { name: 'Make the token' }).click();
  await page.getByText('Waiting for your first call…').waitFor();
  const token = (await page.locator('pre').first().innerText()).trim();
  const body = JSON.stringify({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Say hello' }] });
  const answer = await fetch(`${server.url}/v1/chat/completions`, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body });
  assert.equal(answer.status, 200, await answer.clone().text());
  await page.getByRole('heading', { name: 'Your first call has arrived' }).waitFor();
  await page.getByRole('link', { name: 'To the overview' }).click();
  await page.locator('.tile', { hasText: 'Calls' }).getByText('1', { exact: true }).waitFor();

  await page.getByRole('button', { name: 'Sign out' }).click();
  const form = page.locator('dialog.sign-in');
  await form.getByLabel('Name').fill('admin');
  await form.getByLabel('Password').fill('correct horse battery');
  await form.getByRole('button', { name: 'Sign in', exact: true }).click();
  await form.waitFor({ state: 'detached' });
  await page.goto(`${server.url}/#/keys`);
  await page.getByRole('button', { name: /Actions for/ }).or(page.locator('summary[title^="Actions for"]')).first().click();
  await page.getByRole('button', { name: 'Disable', exact: true }).click();
  await page.getByText('is disabled').waitFor();
  assert.deepEqual(faults, []);
  await context.close();
});

test('below a sub-path everything works, without a slash too', async () => {
  const server = await startServer({ args: ['--base-path', '/kw'], env: { KEYWHEEL_ADMIN_TOKEN: 'admin-token-for-e2e' } });
  const origin = new URL(server.url).origin;
  const { page, context, faults } = await openPage(browser, { ...server, token: 'admin-token-for-e2e' });
  await page.goto(`${origin}/kw`);
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  assert.ok(page.url().startsWith(`${origin}/kw/#/`), page.url());
  await page.getByText('Waiting for your first call…').waitFor();
  for (const name of ['Calls', 'Keys', 'Settings']) {
    await page.getByRole('navigation').getByRole('link', { name, exact: true }).click();
    await page.getByRole('heading', { name: new RegExp(`^${name}`), level: 1 }).waitFor();
  }
  assert.deepEqual(faults, []);
  await context.close();
});

test('the page names ahead every module that the first figures need, and no other', () => {
  const read = (name) => readFileSync(new URL(`../../static/${name}`, import.meta.url), 'utf8');
  const page = read('index.html');
  const bare = JSON.parse(/<script type="importmap">(.+?)<\/script>/s.exec(page)[1]).imports;
  const fileOf = (name, from) => bare[name]?.replace('./{{assets}}/', '') ?? posix.join(posix.dirname(from), name);
  const needed = new Set();
  const need = (file) => {
    if (needed.has(file)) return;
    needed.add(file);
    for (const [, name] of read(file).matchAll(/(?:^|[;}\n])\s*(?:import|export)\b[^'"();]*from\s*["']([^"']+)["']/g)) need(fileOf(name, file));
    for (const [, name] of read(file).matchAll(/^import '([^']+)'/gm)) need(fileOf(name, file));
  };
  ['start.js', 'main.js', 'pages/overview.js'].forEach(need);
  const named = [...page.matchAll(/(?:modulepreload" href|script type="module" src)="\.\/{{assets}}\/([^"]+)"/g)].map(([, file]) => file);
  assert.deepEqual(named.sort(), [...needed].sort());
});
