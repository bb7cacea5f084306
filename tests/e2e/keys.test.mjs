// The page of keys: many are pasted, found, marked, changed, checked and deleted, with the mouse and from the keyboard.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { ask as askServer, row, startBrowser, startServer, stopEverything, visit } from './harness.mjs';

const TOKEN = 'admin-token-of-the-keys-test';

/** A provider that tells its keys apart by the first word of the secret; `held` ones are answered when the test says so. */
const held = [];
const ANSWERS = {
  good: [200, { object: 'list', data: [{ id: 'alpha', object: 'model' }] }],
  bad: [401, { error: { message: 'Incorrect API key provided', code: 'invalid_api_key' } }],
  poor: [429, { error: { message: 'You exceeded your current quota', code: 'insufficient_quota' } }],
  busy: [429, { error: { message: 'Rate limit reached', code: 'rate_limit_exceeded' } }],
};
/** How long a key of the first word `tired` rests for each model, by its headers. */
const WAITS = { alpha: { 'retry-after': '600' }, beta: { 'retry-after-ms': '1500000' } };
const provider = createServer(async (request, response) => {
  let said = '';
  for await (const piece of request) said += piece;
  // Without a key nothing is listed, as at most providers.
  const kind = request.headers.authorization?.match(/Bearer sk-([a-z]+)/)[1] ?? 'bad';
  const [status, body] = ANSWERS[kind] ?? ANSWERS.good;
  const answer = () => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  if (kind === 'tired' && said) return response.writeHead(429, { 'content-type': 'application/json', ...WAITS[JSON.parse(said).model] }).end(JSON.stringify(ANSWERS.busy[1]));
  return kind === 'held' ? held.push(answer) : answer();
});

let server;
let browser;
let providers;
before(async () => {
  await new Promise((ready) => { provider.listen(0, '127.0.0.1', ready); });
  server = { ...(await startServer({ env: { KEYWHEEL_ADMIN_TOKEN: TOKEN } })), token: TOKEN };
  const make = async (name, port) => (await ask('POST', 'api/providers', { name, base_url: `http://127.0.0.1:${port}/v1`, allow_private: true })).id;
  providers = { first: await make('first', provider.address().port), gone: await make('gone', 9) };
  browser = await startBrowser();
});
after(async () => {
  provider.closeAllConnections();
  provider.close();
  await stopEverything();
});

const ask = (method, path, body) => askServer(server, method, path, body);
const on = (path, run, options = {}) => visit(browser, server, path, options, run);
const mark = (page, name) => row(page, name).getByRole('checkbox').check();
const bar = (page) => page.locator('.marked-bar');
const names = (page) => page.locator('table.table tbody tr td:nth-child(2) a').allInnerTexts();
const count = (page, text) => page.locator('.page-head .count', { hasText: new RegExp(`^${text}$`) }).waitFor();


test('an empty page has a box to paste into, and every line is shown as it was read', () => on('keys', async (page) => {
  await page.getByLabel('Provider', { exact: true }).selectOption('first');
  await page.getByRole('textbox', { name: 'Keys', exact: true }).fill('\uFEFFsk-a|b+c\n  sk-d \r\n"sk-e",\n["sk-f","sk-g"]\nsk-h,sk-i\nsk-a|b+c\nsk-\u200Bk\nmy name,sk-l\n\n# note\n');
  await page.getByText('2 cannot be read').waitFor();
  const lines = () => page.locator('.paste-lines tbody tr').evaluateAll((rows) => rows.map((one) => [one.cells[0], one.cells[1].querySelector('svg'), one.cells[2], one.cells[3]]
    .map((cell) => (cell.innerText ?? cell.getAttribute('aria-label')).trim().replace(/\s+/g, ' ')).filter(Boolean).join(' · ')));
  assert.deepEqual(await lines(), [
    '5 · cannot be read · commas could part several keys: say whether they do',
    '7 · cannot be read · character 4 is U+200B (a zero-width space), which no key contains',
    '1 · new · key-1 …', '2 · new · key-2 …', '3 · new · key-3 …', '4 · new · key-4 …', '4 · new · key-5 …',
    '6 · twice · … · the same key as on line 1', '8 · new · my name …', '9 · skipped', '10 · skipped',
  ]);
  const go = page.getByRole('button', { name: /^Import/ });
  assert.ok(await go.isDisabled(), 'nothing is imported while lines cannot be read');
  await page.getByLabel('Commas between keys').selectOption('part');
  await page.getByText('1 cannot be read').waitFor();
  await page.getByLabel('Import the rest without the lines that cannot be read').check();
  await page.getByRole('button', { name: 'Import 8 keys' }).waitFor();
  await page.getByLabel('Check them with the provider afterwards').uncheck();
  await page.getByRole('button', { name: 'Import 8 keys' }).click();
  await page.getByText('8 keys were added').waitFor();
  await count(page, '8');
  assert.ok((await names(page)).includes('my name'));
  assert.ok(!(await page.content()).includes('sk-a|b+c'), 'no secret stays in the page');
  const { ids } = await ask('POST', 'api/keys/bulk', { filter: {}, action: 'delete' });
  assert.equal(ids.length, 8);
}));

/** Pastes as people do. Playwright's own filling types line after line, which takes minutes here. */
async function paste(page, field, text) {
  await page.evaluate((all) => navigator.clipboard.writeText(all), text);
  await field.focus();
  await page.keyboard.press('Control+V');
}

test('a thousand keys are pasted with a preview, imported, and taken back at once', () => on(`keys?add=1&provider=${providers.first}`, async (page) => {
  const dialog = page.getByRole('dialog', { name: 'Add keys' });
  const text = Array.from({ length: 1000 }, (_, at) => `sk-good-${String(at).padStart(5, '0')}`).join('\n');
  await paste(page, dialog.getByRole('textbox', { name: 'Keys', exact: true }), `${text}\nsk-good-00007\n`);
  await dialog.getByText('1,000 new').waitFor();
  await dialog.getByText('1 twice').waitFor();
  assert.equal(await dialog.getByLabel('Check them with the provider afterwards').isChecked(), false, 'so many are not checked unasked');
  await dialog.getByRole('button', { name: 'Import 1,000 keys' }).click();
  await page.getByText('1,000 keys were added').waitFor();
  await count(page, '1,000');
  assert.ok(await page.locator('table.table tbody tr').count() < 150, 'only rows in sight are drawn');
  await page.locator('.notice', { hasText: '1,000 keys were added' }).getByRole('button', { name: 'Undo' }).click();
  await page.getByText('No keys yet').waitFor();
}, { context: { permissions: ['clipboard-read', 'clipboard-write'] } }));

test('checks run live and tell invalid, no quota, rate-limited and network apart; those that failed are marked', () => on('keys?add=1', async (page) => {
  await ask('POST', 'api/keys', { provider: providers.gone, name: 'unreached', secret: 'sk-good-gone' });
  const dialog = page.getByRole('dialog', { name: 'Add keys' });
  await dialog.getByLabel('Provider', { exact: true }).selectOption('first');
  await dialog.getByRole('textbox', { name: 'Keys', exact: true }).fill('sk-good-1,good-one,paid\nsk-good-2,good-two,paid,3\nsk-bad-1,bad-one\nsk-poor-1,poor-one,free\nsk-busy-1,busy-one,free');
  await dialog.getByRole('button', { name: 'Import 5 keys' }).click();
  const checks = page.getByRole('dialog', { name: 'Check 5 keys' });
  await checks.getByText('5 of 5').waitFor();
  const found = checks.locator('.check-rows li');
  await found.filter({ hasText: 'bad-one' }).getByText('is not valid').waitFor();
  await found.filter({ hasText: 'poor-one' }).getByText('has no quota left').waitFor();
  await found.filter({ hasText: 'busy-one' }).getByText('is rate-limited now').waitFor();
  await found.filter({ hasText: 'poor-one' }).getByText('You exceeded your current quota').waitFor();
  assert.equal(await found.filter({ hasText: 'good-one' }).count(), 0, 'what works is counted, not named');
  await checks.getByText('works 2').waitFor();
  await checks.getByRole('button', { name: 'Mark the 3 that failed' }).click();
  await bar(page).getByText('3 marked').waitFor();
  await mark(page, 'unreached');
  await bar(page).getByRole('button', { name: 'Check', exact: true }).click();
  const again = page.getByRole('dialog', { name: 'Check 4 keys' });
  await again.locator('.check-rows li', { hasText: 'unreached' }).getByText('the provider could not be reached').waitFor();
  await again.getByText('4 of 4').waitFor();
  await again.getByRole('button', { name: 'Close' }).last().click();
  await row(page, 'bad-one').getByText('Auto-disabled').waitFor();
  await row(page, 'unreached').getByText('Active').waitFor();
}));

test('running checks are stopped, and what was found stays', () => on('keys', async (page) => {
  const ids = [];
  for (const at of [1, 2, 3]) ids.push((await ask('POST', 'api/keys', { provider: providers.first, name: `held-${at}`, secret: `sk-held-${at}` })).id);
  await page.reload();
  for (const name of ['held-1', 'held-2', 'held-3', 'good-one']) await mark(page, name);
  await bar(page).getByRole('button', { name: 'Check', exact: true }).click();
  const checks = page.getByRole('dialog', { name: 'Check 4 keys' });
  await checks.getByText('1 of 4').waitFor();
  await checks.getByText('works 1').waitFor();
  await checks.getByRole('button', { name: 'Stop' }).click();
  await checks.getByText('stopped after 1 of 4').waitFor();
  held.splice(0).forEach((answer) => answer());
  await checks.getByRole('button', { name: 'Close' }).last().click();
  await ask('POST', 'api/keys/bulk', { ids, action: 'delete' });
}));

test('many are disabled until a moment with a reason, enabled by undo, and reset', () => on('keys?search=good', async (page) => {
  await page.getByRole('checkbox', { name: 'Mark all' }).check();
  await bar(page).getByText('2 marked').waitFor();
  await bar(page).locator('summary', { hasText: 'Disable' }).click();
  await bar(page).getByRole('button', { name: 'Disable until…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Disable 2 keys' });
  await dialog.getByLabel('Until').fill('2020-01-01T00:00');
  await dialog.getByText('This time is over.').waitFor();
  assert.ok(await dialog.getByRole('button', { name: 'Disable', exact: true }).isDisabled());
  const until = new Date(Date.now() + 3 * 86_400_000);
  until.setUTCHours(9, 30, 0, 0);
  const inBerlin = new Intl.DateTimeFormat('sv-SE', { timeZone: 'Europe/Berlin', dateStyle: 'short', timeStyle: 'short' }).format(until).replace(' ', 'T');
  await dialog.getByLabel('Until').fill(inBerlin);
  await dialog.getByLabel('Reason').fill('moved to another team');
  await dialog.getByRole('button', { name: 'Disable', exact: true }).click();
  await page.getByText('2 keys are disabled').waitFor();
  await row(page, 'good-one').getByText('Disabled').waitFor();
  await row(page, 'good-one').getByText('moved to another team').waitFor();
  const { keys } = await ask('GET', 'api/keys?search=good-one');
  assert.ok(Math.abs(new Date(keys[0].status.until) - until) < 1000, keys[0].status.until);
  await page.locator('.notice', { hasText: '2 keys are disabled' }).getByRole('button', { name: 'Undo' }).click();
  await row(page, 'good-one').getByText('Active').waitFor();
  await page.goto(`${server.url}/#/keys?state=disabled_auto`);
  await mark(page, 'bad-one');
  await bar(page).getByRole('button', { name: 'Reset' }).click();
  await page.getByText('1 key was reset').waitFor();
}));

test('tags and weights of many are changed, with the share that follows', () => on('keys?tag=paid', async (page) => {
  await mark(page, 'good-one');
  await bar(page).getByRole('button', { name: 'Change' }).click();
  const dialog = page.getByRole('dialog', { name: 'Change 1 key' });
  // Weights of the provider: 1 + 3 of the two good ones, and 1 each of the three others.
  await dialog.getByText('Their share of calls: 15% now, 15% then.').waitFor();
  await dialog.getByRole('spinbutton', { name: /^Weight/ }).fill('9');
  await dialog.getByText('Their share of calls: 15% now, 60% then.').waitFor();
  await dialog.getByRole('combobox', { name: 'Add tags' }).fill('eu');
  await page.keyboard.press('Enter');
  await dialog.getByRole('combobox', { name: 'Take tags away' }).fill('paid');
  await page.keyboard.press('Enter');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await page.getByText('1 key was changed').waitFor();
  await row(page, 'good-one').waitFor({ state: 'detached' });
  const { keys } = await ask('GET', 'api/keys?search=good-one');
  assert.deepEqual([keys[0].weight, keys[0].tags], [9, ['eu']]);
}));

test('filters stand in the address, columns sort, and the keyboard marks, opens and closes', () => on('keys', async (page) => {
  await page.getByRole('button', { name: 'Weight' }).click();
  await page.waitForURL(/sort=weight-down/);
  assert.deepEqual((await names(page)).slice(0, 2), ['good-one', 'good-two']);
  await page.keyboard.press('/');
  await page.keyboard.type('busy');
  await page.waitForURL(/search=busy/);
  await count(page, '1');
  await page.keyboard.press('Escape');
  await page.keyboard.press('j');
  await page.keyboard.press('x');
  await bar(page).getByText('1 marked').waitFor();
  await page.keyboard.press('Enter');
  await page.getByRole('dialog', { name: 'busy-one' }).waitFor();
  await page.keyboard.press('Escape');
  await page.waitForURL(/#\/keys\?/);
  await page.locator('summary', { hasText: 'State' }).click();
  await page.locator('details[open]').getByRole('button', { name: /^Active/ }).click();
  await page.waitForURL(/state=active/);
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Clear', exact: true }).first().click();
  await count(page, '6');
}));

test('one key is disabled until a moment, enabled, checked and deleted from its menu; emptied limits are taken away', () => on('keys', async (page) => {
  const menu = async (action) => {
    await row(page, 'good-two').locator('summary').click();
    await row(page, 'good-two').getByRole('button', { name: action, exact: true }).click();
  };
  await menu('Disable until…');
  await page.getByRole('dialog', { name: 'Disable good-two' }).getByRole('button', { name: 'Disable', exact: true }).click();
  await row(page, 'good-two').getByText('Disabled').waitFor();
  await menu('Enable');
  await row(page, 'good-two').getByText('Active').waitFor();
  await menu('Check');
  await page.getByText('good-two: works').waitFor();

  await page.getByRole('link', { name: 'good-two' }).click();
  const drawer = page.getByRole('dialog', { name: 'good-two' });
  await drawer.getByRole('tab', { name: 'Settings' }).click();
  const rpm = drawer.getByRole('spinbutton', { name: /^Requests a minute/ });
  await rpm.fill('60');
  await drawer.getByRole('button', { name: 'Only these' }).click();
  await drawer.getByText('None so far: it serves no model.').waitFor();
  await drawer.getByRole('button', { name: 'Save' }).click();
  await page.getByText('good-two was saved').first().waitFor();
  const read = async () => (await ask('GET', 'api/keys?search=good-two')).keys[0];
  assert.deepEqual([(await read()).rpm, (await read()).models], [60, []], 'an empty list is no model');
  await drawer.getByRole('button', { name: 'Every model' }).click();
  await rpm.fill('');
  await drawer.getByRole('button', { name: 'Save' }).click();
  await page.waitForFunction(async (url) => (await (await fetch(url, { headers: { authorization: `Bearer ${JSON.parse(sessionStorage['keywheel.token'])}` } })).json()).keys[0].rpm === null, `${server.url}/api/keys?search=good-two`);
  assert.equal((await read()).models, null, 'no list is every model');
  await page.keyboard.press('Escape');
  await drawer.waitFor({ state: 'detached' });
  await menu('Delete');
  await row(page, 'good-two').waitFor({ state: 'detached' });
  await page.locator('.notice', { hasText: 'good-two was deleted' }).getByRole('button', { name: 'Undo' }).click();
  await row(page, 'good-two').waitFor();
}));

test('on a phone keys are cards that are marked and opened', () => on('keys', async (page) => {
  const card = page.locator('.cards .card', { hasText: 'good-one' });
  await card.getByRole('checkbox').check();
  await bar(page).getByText('1 marked').waitFor();
  await bar(page).locator('summary', { hasText: 'Disable' }).click();
  await bar(page).getByRole('button', { name: 'Disable for 1 hour' }).click();
  await card.getByText('Disabled').waitFor();
  await card.getByRole('link').click();
  await page.getByRole('dialog', { name: 'good-one' }).getByRole('button', { name: 'Enable' }).click();
  await page.getByText('good-one is enabled').waitFor();
}, { width: 390, height: 844 }));

test('a key that serves but rests for models says so in the list: how many, until when, and from where that is known', async () => {
  const { id } = await ask('POST', 'api/keys', { provider: providers.first, name: 'tired-one', secret: 'sk-tired-1', tags: ['tired'] });
  const { token } = await ask('POST', 'api/clients', { name: 'eager', key_tags: ['tired'] });
  const call = async (model) => {
    const answer = await fetch(`${server.url}/v1/chat/completions`, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: JSON.stringify({ model: `first/${model}`, messages: [] }) });
    assert.equal(answer.status, 429, await answer.text());
  };
  await call('alpha');
  await on('keys?search=tired', async (page) => {
    const state = row(page, 'tired-one').locator('.key-state');
    await state.getByText('Active').waitFor();
    await state.getByText('1 model rests · known from the header retry-after').waitFor();
    await state.getByText(/^in (9|10)m$/).waitFor();
    await call('beta');
    await page.reload();
    await state.getByText('2 models rest · known from the header retry-after').waitFor();
    await state.getByText(/^in (9|10)m$/).waitFor();
    assert.match(await state.getAttribute('title'), /^Active · 2 models rest · known from the header retry-after · the next returns in (9|10) min/);
    await row(page, 'tired-one').getByRole('link').first().click();
    const drawer = page.getByRole('dialog', { name: 'tired-one' });
    await drawer.locator('li', { hasText: 'beta' }).getByText(/known from the header retry-after-ms/).waitFor();
    await drawer.getByRole('button', { name: 'Reset' }).click();
    await page.keyboard.press('Escape');
    await state.getByText('models rest').waitFor({ state: 'detached' });
  });
  await call('beta');
  await on('keys?search=tired', (page) => page.locator('.cards .card', { hasText: 'tired-one' }).getByText(/^1 model rests · known from the header retry-after-ms · returns in 2[45] min/).waitFor(), { width: 390, height: 844 });
  await ask('DELETE', `api/keys/${id}`);
});

test('with Shift held, all keys between two are marked and unmarked', () => on('keys', async (page) => {
  await row(page, 'good-one').waitFor();
  const all = await names(page);
  await mark(page, all[1]);
  await row(page, all[4]).getByRole('checkbox').click({ modifiers: ['Shift'] });
  await bar(page).getByText('4 marked').waitFor();
  assert.equal(await row(page, all[3]).getByRole('checkbox').isChecked(), true);
  await row(page, all[2]).getByRole('checkbox').click({ modifiers: ['Shift'] });
  await bar(page).getByText('1 marked').waitFor();
  assert.equal(await row(page, all[1]).getByRole('checkbox').isChecked(), true);
}));

test('keys of another gateway come in with their providers, after a preview, and can be taken back', () => on('keys?add=1', async (page) => {
  const dialog = page.getByRole('dialog', { name: 'Add keys' });
  await dialog.getByRole('tab', { name: 'From another gateway' }).click();
  await dialog.getByLabel('Gateway', { exact: true }).selectOption('one-api');
  await dialog.locator('input[type=file]').setInputFiles({
    name: 'channels.csv', mimeType: 'text/csv',
    buffer: Buffer.from('id,type,key,status,name,base_url,models,group\n1,36,sk-one-0123456789,1,deep,,deepseek-chat,vip\n2,1,,1,none,,m,default\n3,36,sk-two-0123456789,2,off,,deepseek-chat,default\n'),
  });
  await dialog.getByText('1 new', { exact: true }).waitFor();
  await dialog.getByText('1 cannot be read').waitFor();
  await dialog.getByText('1 skipped').waitFor();
  await dialog.getByRole('list', { name: 'Providers' }).getByText('new, 1 key').waitFor();
  await dialog.getByText('there is no key in this row').waitFor();
  assert.ok(await dialog.getByRole('button', { name: 'Import 1 key' }).isDisabled(), 'a row cannot be read');
  await dialog.getByLabel('Keys too that are disabled there').check();
  await dialog.getByText('2 new', { exact: true }).waitFor();
  await dialog.getByLabel('Import the rest without the lines that cannot be read').check();
  await dialog.getByRole('button', { name: 'Import 2 keys' }).click();
  await dialog.waitFor({ state: 'detached' });
  await row(page, 'deep').getByText('vip').waitFor();
  const made = (await ask('GET', 'api/providers?limit=100')).providers.find((one) => one.name === 'deepseek');
  assert.equal(made.base_url, 'https://api.deepseek.com/v1');
  await page.locator('.notice', { hasText: '2 keys were added' }).getByRole('button', { name: 'Undo' }).click();
  await row(page, 'deep').waitFor({ state: 'detached' });
}));

test('an owner exports keys with their secrets, with the password once more', async () => {
  const password = 'a long enough password';
  await ask('POST', 'api/users', { name: 'olga', role: 'owner', password });
  await on('keys?search=good-one', async (page) => {
    const form = page.locator('dialog.sign-in');
    await form.getByLabel('Name').fill('olga');
    await form.getByLabel('Password', { exact: true }).fill(password);
    await form.getByRole('button', { name: 'Sign in', exact: true }).click();
    await row(page, 'good-one').waitFor();
    const choose = async () => {
      await page.locator('summary[title="Export as CSV"]').click();
      await page.getByRole('button', { name: 'With secrets…' }).click();
    };
    await choose();
    const dialog = page.getByRole('dialog', { name: 'Export keys with their secrets' });
    await dialog.getByText('Only the keys that the filters leave.').waitFor();
    const field = dialog.getByLabel('Password', { exact: true });
    await field.fill('not the password');
    await dialog.getByRole('button', { name: 'Export as CSV', exact: true }).click();
    await dialog.locator('.field.is-wrong').waitFor();
    await field.fill(password);
    const leaves = page.waitForEvent('download');
    await dialog.getByRole('button', { name: 'Export as CSV', exact: true }).click();
    const file = readFileSync(await (await leaves).path(), 'utf8');
    assert.ok(file.includes('sk-good-1') && !file.includes('sk-good-2'), 'the secrets of what is shown, and no others');
    await page.getByText('The keys were exported with their secrets').waitFor();
    assert.ok(!(await page.content()).includes('sk-good-1'), 'no secret stays in the page');
  }, { signIn: false, expected: /40[01]/ });
  const { entries } = await ask('GET', 'api/audit?noun=key&limit=100');
  assert.equal(entries.find((one) => one.action === 'export_secrets')?.actor, 'user:olga');
});
