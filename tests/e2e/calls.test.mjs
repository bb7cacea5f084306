// Calls: filtered, found, followed, walked, saved, opened, explained, and taken along as code.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { ask, startBrowser, startDemo, stopEverything, visit } from './harness.mjs';

let demo;
let browser;
/** The client whose calls are all made by this test. */
let own;
before(async () => {
  demo = await startDemo({ callsPerSecond: 5, days: 1 });
  browser = await startBrowser();
  own = await ask(demo, 'POST', 'api/clients', { name: 'e2e-caller' });
});
after(stopEverything);

const on = (path, options, run) => visit(browser, demo, path, options, run);
/** A stretch of time that has ended: no call arrives in its list, so that its rows hold still. */
const still = () => `from=${new Date(Date.now() - 20 * 3_600_000).toISOString()}&to=${new Date(Date.now() - 60_000).toISOString()}`;
const mine = (query = '') => `calls?client=${own.client.id}${query}`;
const rows = (page) => page.locator('table.table tbody tr.opens');
const drawerOf = (page) => page.locator('dialog.drawer[open]');

/** Makes a call as the test's own client; its id. */
async function call({ body = {}, headers = {} } = {}) {
  const answer = await fetch(`${demo.url}/v1/chat/completions`, {
    method: 'POST', headers: { authorization: `Bearer ${own.token}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Say hello' }], ...body }),
  });
  await answer.text();
  assert.equal(answer.status, 200);
  return answer.headers.get('x-request-id');
}

test('calls are filtered in the address, opened with their attempts, and left with Escape', () => on(`calls?${still()}`, {}, async (page) => {
  await rows(page).first().waitFor();
  await page.locator('summary', { hasText: 'Outcome' }).click();
  await page.locator('details[open]').getByRole('button', { name: 'Provider error' }).click();
  await page.waitForURL(/outcome=upstream_error/);
  await page.keyboard.press('Escape');
  await page.waitForFunction(() => {
    const all = [...document.querySelectorAll('table.table tbody tr.opens')];
    return all.length > 0 && all.every((one) => one.innerText.includes('Provider error'));
  });
  await rows(page).first().click();
  const drawer = drawerOf(page);
  await drawer.locator('.attempt .lane i').first().waitFor();
  await drawer.getByText('To blame:').first().waitFor();
  assert.match(page.url(), /#\/calls\/[0-9a-f-]{36}\?.*outcome=upstream_error/);
  const link = page.url();
  await page.keyboard.press('Escape');
  await drawer.waitFor({ state: 'detached' });
  await page.goto('about:blank');
  await page.goto(link);
  await page.locator('dialog.drawer[open] .attempt').first().waitFor();
}));

test('a call is found by either id, and a question without an answer leads back', async () => {
  const id = await call({ headers: { 'x-request-id': 'e2e-order-17' } });
  await on('calls', {}, async (page) => {
    const find = page.getByRole('searchbox', { name: 'Find by id' });
    await page.keyboard.press('/');
    await find.fill(id);
    await page.keyboard.press('Enter');
    await drawerOf(page).getByText(id).first().waitFor();
    await page.keyboard.press('Escape');
    await drawerOf(page).waitFor({ state: 'detached' });
    await find.fill('e2e-order-17');
    await page.keyboard.press('Enter');
    await page.waitForURL(/request_id=e2e-order-17/);
    await page.waitForFunction(() => document.querySelectorAll('table.table tbody tr.opens').length === 1);
    await rows(page).first().getByText('e2e-caller').waitFor();
    await find.fill('nobody-sent-this');
    await page.keyboard.press('Enter');
    await page.getByText('No call matches').waitFor();
    await page.getByRole('button', { name: 'Look at 7 days' }).click();
    await page.waitForURL(/range=7d/);
    await page.getByRole('button', { name: 'Clear the filters' }).click();
    await rows(page).nth(3).waitFor();
    assert.ok(!page.url().includes('request_id'), page.url());
  });
});

test('a chip is taken away, and the back button keeps what was filtered', () => on(`calls?min_duration_ms=1&error_code=no_such_code&${still()}`, {}, async (page) => {
  await page.getByText('No call matches').waitFor();
  await page.locator('.chip', { hasText: 'no_such_code' }).getByRole('button').click();
  await page.waitForURL((url) => !url.hash.includes('error_code') && url.hash.includes('min_duration_ms=1'));
  await rows(page).first().waitFor();
  await page.getByRole('button', { name: 'Clear', exact: true }).click();
  await page.waitForURL((url) => !url.hash.includes('min_duration_ms'));
  await rows(page).first().locator('a').first().click();
  await drawerOf(page).locator('.attempt, .hint').first().waitFor();
  await page.goBack();
  await drawerOf(page).waitFor({ state: 'detached' });
}));

test('new calls come by themselves, wait while the list is paused, and are counted', async () => {
  await call();
  await on(mine(), {}, async (page) => {
    await rows(page).first().waitFor();
    const before = await rows(page).count();
    const seen = await call();
    await page.locator(`tr.opens a[href*="${seen}"]`).waitFor();
    assert.equal(await rows(page).count(), before + 1);
    await page.getByRole('button', { name: 'Pause' }).click();
    const [first, second] = [await call(), await call()];
    await page.getByRole('button', { name: '2 new calls' }).waitFor();
    assert.equal(await rows(page).count(), before + 1, 'nothing moves while it is paused');
    await page.getByRole('button', { name: '2 new calls' }).click();
    await page.locator(`tr.opens a[href*="${first}"]`).waitFor();
    assert.ok((await rows(page).first().locator('a').first().getAttribute('href')).includes(second), 'the newest is on top');
    await page.getByRole('button', { name: 'Follow' }).click();
    const last = await call();
    await page.locator(`tr.opens a[href*="${last}"]`).waitFor();
  });
});

test('rows are walked with j and k, opened with Enter, and walked on in the drawer', async () => {
  for (let made = 0; made < 3; made += 1) await call();
  await on(mine(), {}, async (page) => {
    await rows(page).nth(2).waitFor();
    const ids = await rows(page).evaluateAll((all) => all.map((one) => one.querySelector('a').href.match(/calls\/([0-9a-f-]+)/)[1]));
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    await page.keyboard.press('k');
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    await page.waitForURL(new RegExp(ids[1]));
    await drawerOf(page).locator('.attempt').first().waitFor();
    await page.keyboard.press('j');
    await page.waitForURL(new RegExp(ids[2]));
    await drawerOf(page).getByText(ids[2]).first().waitFor();
    await drawerOf(page).getByRole('button', { name: 'Call before' }).click();
    await page.waitForURL(new RegExp(ids[1]));
    await drawerOf(page).getByText(ids[1]).first().waitFor();
    await page.keyboard.press('k');
    await page.waitForURL(new RegExp(ids[0]));
    assert.equal(await drawerOf(page).getByRole('button', { name: 'Call before' }).isDisabled(), true);
  });
});

test('columns are chosen, kept, and put back', () => on('calls', {}, async (page) => {
  const heading = (name) => page.locator('table.table th', { hasText: name });
  const choose = async (name) => {
    await page.locator('summary[title="Columns"]').click();
    await page.locator('details[open]').getByRole('button', { name, exact: true }).click();
    await page.keyboard.press('Escape');
  };
  await heading('Cost').waitFor();
  await choose('Cost');
  await heading('Cost').waitFor({ state: 'detached' });
  await choose('API');
  await heading('API').waitFor();
  await page.reload();
  await heading('API').waitFor();
  assert.equal(await heading('Cost').count(), 0);
  await choose('The usual ones');
  await heading('Cost').waitFor();
  assert.equal(await heading('API').count(), 0);
}));

test('every match is saved as a table and as lines of JSON', async () => {
  const id = await call();
  await on(mine(), {}, async (page) => {
    await page.locator(`tr.opens a[href*="${id}"]`).waitFor();
    const { calls } = await ask(demo, 'GET', `api/calls?client=${own.client.id}&range=24h&limit=1000`);
    const save = async (name) => {
      await page.locator('summary[title="Export or delete"]').click();
      const saved = page.waitForEvent('download');
      await page.locator('details[open]').getByRole('button', { name }).click();
      const file = await saved;
      return [file.suggestedFilename(), readFileSync(await file.path(), 'utf8')];
    };
    const [table, text] = await save('CSV, every match');
    assert.equal(table, 'calls.csv');
    assert.match(text, /^id,started_at,/);
    assert.deepEqual(text.trim().split('\n').slice(1).map((line) => line.split(',')[0]), calls.map((one) => one.id));
    const [lines, json] = await save('JSON lines, every match');
    assert.equal(lines, 'calls.jsonl');
    assert.deepEqual(json.trim().split('\n').map((line) => JSON.parse(line).id), calls.map((one) => one.id));
  });
});

test('an export that breaks off says so and saves nothing', () => on('calls', { expected: /ERR_FAILED|Failed to load/ }, async (page) => {
  await rows(page).first().waitFor();
  await page.route('**/api/calls?**format=csv**', (route) => route.abort());
  await page.locator('summary[title="Export or delete"]').click();
  await page.locator('details[open]').getByRole('button', { name: 'CSV, every match' }).click();
  const dialog = page.getByRole('dialog', { name: 'Export' });
  await dialog.getByText('The server cannot be reached.').waitFor();
  await dialog.getByRole('button', { name: 'Close' }).last().click();
  await dialog.waitFor({ state: 'detached' });
}));

test('a call tells what it used and said, and is taken along as code that works', async () => {
  const bare = await call();
  await ask(demo, 'PATCH', 'api/settings', { store_bodies: true });
  const id = await call({ body: { messages: [{ role: 'user', content: "It's \"here\" 你好" }] } });
  await on(`calls/${id}`, {}, async (page) => {
    const drawer = drawerOf(page);
    await drawer.locator('.attempt').first().waitFor();
    await drawer.getByText('Why this key').first().waitFor();
    await drawer.getByRole('tab', { name: 'Usage' }).click();
    await drawer.getByText('Input tokens').waitFor();
    await drawer.getByText('As the provider reported it').waitFor();
    await page.keyboard.press('ArrowRight');
    await drawer.getByText('你好').first().waitFor();
    await drawer.getByText('Response ·').waitFor();
    await drawer.getByRole('link', { name: 'Replay in chat' }).waitFor();
    for (const [language, program, args] of [['curl', 'sh', ['-s']], ['Python', 'python3', ['-']], ['Node', process.execPath, ['--input-type=module', '-']]]) {
      await drawer.getByRole('group', { name: 'As code' }).getByRole('button', { name: language }).click();
      const block = drawer.locator('.code', { hasText: 'As code' });
      const copied = block.getByText('Copied').waitFor();
      await block.getByRole('button', { name: 'Copy' }).click();
      await copied;
      const code = (await block.locator('pre').innerText()).replace('YOUR-CLIENT-TOKEN', own.token);
      const ran = spawnSync(program, args, { input: code, encoding: 'utf8' });
      if (ran.error?.code === 'ENOENT' || /curl: not found/.test(ran.stderr)) continue;
      assert.equal(ran.status, 0, `${language}: ${ran.stderr}\n${code}`);
      assert.match(ran.stdout, /"choices"/, `${language}: ${ran.stdout}`);
    }
    await drawer.getByRole('tab', { name: 'Record' }).click();
    await drawer.locator('pre', { hasText: `"id": "${id}"` }).waitFor();
  });
  await on(`calls/${bare}`, {}, async (page) => {
    await drawerOf(page).getByRole('tab', { name: 'Request and response' }).click();
    await drawerOf(page).getByText('The bodies of this call are not kept.').waitFor();
    await drawerOf(page).getByRole('link', { name: 'Change what is kept' }).click();
    await page.getByLabel('Keep request and response bodies').waitFor();
  });
});

test('tags, figures and texts narrow the list and its histogram', async () => {
  await ask(demo, 'PUT', 'api/scripts/files/10-tag.rhai', { text: 'fn on_request(req) { if req.headers["x-tag"] != () { req.tags.push(req.headers["x-tag"]); } }' });
  await ask(demo, 'PATCH', 'api/settings', { store_bodies: true });
  await call();
  const id = await call({ headers: { 'x-tag': 'e2e-red' }, body: { messages: [{ role: 'user', content: 'A needle in the haystack' }] } });
  await on(mine(), {}, async (page) => {
    const total = page.locator('.chart-total');
    const filter = async (name, fill) => {
      await page.locator(`summary[title="${name}"]`).click();
      await fill(page.locator('details[open] .entry-filter'));
      await page.keyboard.press('Enter');
    };
    const isOnly = async () => {
      await page.waitForFunction((wanted) => {
        const links = [...document.querySelectorAll('table.table tbody tr.opens')].map((one) => one.querySelector('a').href);
        return links.length === 1 && links[0].includes(wanted);
      }, id);
    };
    await rows(page).nth(1).waitFor();
    await page.getByRole('button', { name: 'More', exact: true }).click();
    await filter('Tag', (form) => form.getByRole('textbox').fill('e2e-red'));
    await page.waitForURL(/tag=e2e-red/);
    await isOnly();
    await total.getByText(/^1$/).waitFor();
    await page.getByRole('button', { name: 'Clear', exact: true }).click();
    await rows(page).nth(1).waitFor();
    await filter('Text in bodies', (form) => form.getByRole('textbox').fill('NEEDLE in'));
    await page.waitForURL(/text=NEEDLE/);
    await isOnly();
    await filter('Tokens', (form) => form.getByLabel('At least').fill('1000000'));
    await page.waitForURL(/min_tokens=1000000/);
    await page.getByText('No call matches').waitFor();
    await page.locator('summary[title="Tokens"]', { hasText: '≥ 1M' }).waitFor();
    await filter('Duration', (form) => form.getByLabel('At most').fill('1.5'));
    await page.waitForURL(/max_duration_ms=1500/);
  });
});

test('the histogram is a table and a file too, and a stretch of it is drawn out', () => on('calls?range=6h', {}, async (page) => {
  const chart = page.locator('figure.chart').first();
  await chart.locator('canvas').waitFor();
  await chart.getByRole('button', { name: 'Table' }).click();
  await chart.locator('tbody tr').nth(20).waitFor();
  const saved = page.waitForEvent('download');
  await chart.getByRole('button', { name: 'CSV' }).click();
  assert.match(readFileSync(await (await saved).path(), 'utf8'), /^from,/);
  await chart.getByRole('button', { name: 'Chart' }).click();
  await chart.locator('canvas').waitFor();
  // The library that draws sizes the canvas.
  await chart.locator('canvas[style*="width"]').waitFor();
  const box = await chart.locator('canvas').boundingBox();
  await page.mouse.move(box.x + box.width * 0.3, box.y + 30);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.6, box.y + 30, { steps: 5 });
  await page.mouse.up();
  await page.waitForURL(/from=.*to=/);
  await rows(page).first().waitFor();
}));

test('on a phone calls are cards that open', () => on(`calls?${still()}`, { width: 390, height: 844 }, async (page) => {
  await page.locator('.cards .card').nth(2).waitFor();
  await page.locator('.cards .card a').first().click();
  await drawerOf(page).locator('.attempt, .hint').first().waitFor();
  assert.ok((await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0, 'it fits');
}));

test('while the server is away, the calls that are shown stay and are labelled', () => on('calls?range=6h', { expected: /ERR_FAILED|Failed to load/ }, async (page) => {
  await rows(page).nth(3).waitFor();
  await page.route('**/api/**', (route) => route.abort());
  await page.locator('summary', { hasText: 'Outcome' }).click();
  await page.locator('details[open]').getByRole('button', { name: 'Success' }).click();
  await page.locator('.stale-note', { hasText: 'The server cannot be reached.' }).last().waitFor();
  await page.locator('.is-stale table.table tbody tr.opens').first().waitFor();
  await page.unroute('**/api/**');
  await page.locator('.stale-note').last().getByRole('button', { name: 'Retry' }).click();
  await page.waitForFunction(() => document.querySelectorAll('.is-stale').length === 0);
}));

test('calls that match are counted, and deleted when that is what was meant', async () => {
  await call();
  await on(mine(), {}, async (page) => {
    await rows(page).first().waitFor();
    const count = (await ask(demo, 'GET', `api/calls?client=${own.client.id}&range=24h&limit=1000`)).calls.length;
    await page.locator('summary[title="Export or delete"]').click();
    await page.getByRole('button', { name: 'Delete these calls…' }).click();
    const dialog = page.getByRole('dialog', { name: 'Delete calls' });
    await dialog.getByText(`${count} calls match`).waitFor();
    await call();
    await dialog.getByRole('button', { name: `Delete ${count} calls` }).click();
    await page.getByText(`${count} calls were deleted`).waitFor();
    await page.waitForFunction(() => document.querySelectorAll('table.table tbody tr.opens').length === 1);
    assert.equal((await ask(demo, 'GET', `api/calls?client=${own.client.id}&range=24h`)).calls.length, 1, 'what came later stays');
  });
});
