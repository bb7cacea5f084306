// A script goes live, is broken and mended, is tried before it is live, and an older version comes back.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { ask, startBrowser, startDemo, stopEverything, visit } from './harness.mjs';

let demo;
let browser;
before(async () => {
  demo = await startDemo({ callsPerSecond: 5, days: 1 });
  browser = await startBrowser();
});
after(stopEverything);

const api = (method, path, body) => ask(demo, method, path, body);
const on = (path, run, options = {}) => visit(browser, demo, path, options, run);

const editorOf = (page, name) => page.getByRole('textbox', { name: `Text of ${name}` });
const save = (page) => page.getByRole('button', { name: 'Save and go live' });
const NAME = '10-model-aliases.rhai';
const textOf = async (name) => (await api('GET', `api/scripts/files/${name}`)).text;

test('an example goes live, its broken edit does not, and a version brings it back', () => on('scripts', async (page) => {
  await page.getByText('No scripts yet').waitFor();
  await page.getByRole('button', { name: 'New script' }).click();
  const gallery = page.getByRole('dialog', { name: 'New script' });
  await gallery.getByRole('button', { name: 'Aliases with fallback' }).click();
  assert.equal(await gallery.getByLabel('File name').inputValue(), NAME);
  await gallery.getByRole('button', { name: 'Open in the editor' }).click();
  await page.getByText('1 test passed').waitFor();
  assert.deepEqual((await api('GET', 'api/scripts')).files, [], 'nothing is live before it is saved');
  await save(page).click();
  await page.getByText(`${NAME} is live`).waitFor();
  const first = await textOf(NAME);
  assert.match(first, /fn route\(req\)/);

  const editor = editorOf(page, NAME);
  await editor.fill('fn route(req) {\n    let model = req.model\n    #{model: model}\n}\n');
  await page.locator('.editor-line.has-error').nth(0).waitFor();
  assert.equal(await page.locator('.editor-line').evaluateAll((lines) => lines.findIndex((line) => line.classList.contains('has-error')) + 1), 3);
  await save(page).click();
  await page.getByRole('alert').getByText('Not saved: the scripts have errors.').waitFor();
  assert.equal(await textOf(NAME), first, 'the old text stays live');
  assert.equal(await editor.evaluate((area) => area.value.slice(0, area.selectionStart).split('\n').length), 3, 'the cursor is at the error');

  await editor.fill('fn route(req) {\n    let model = req.model;\n    #{model: model}\n}\n');
  await page.getByText('No problems').waitFor();
  await page.keyboard.press('Control+S');
  await page.locator('.script-file', { hasText: NAME }).getByText('Live').waitFor();
  assert.match(await textOf(NAME), /let model = req\.model;/);

  await page.getByRole('link', { name: 'Versions' }).click();
  await page.locator('.version-rows li').nth(1).getByRole('link').click();
  const drawer = page.getByRole('dialog', { name: /^Version \d+/ });
  await drawer.locator('.diff .added', { hasText: 'ALIASES' }).first().waitFor();
  await drawer.getByRole('button', { name: 'Bring this version back' }).click();
  await page.getByText(/Version \d+ is live again/).waitFor();
  assert.equal(await textOf(NAME), first);
}, { expected: /400 \(Bad Request\)/ }));

test('a text field has the keys of an editor, and each can be undone', () => on('scripts?new=1', async (page) => {
  await page.getByLabel('File name').fill('90-keys');
  await page.getByRole('button', { name: 'Open in the editor' }).click();
  const editor = editorOf(page, '90-keys.rhai');
  await editor.fill('');
  await editor.pressSequentially('fn route(req) {');
  await page.keyboard.press('Enter');
  await editor.pressSequentially('()');
  await page.keyboard.press('Enter');
  await editor.pressSequentially('}');
  assert.equal(await editor.inputValue(), 'fn route(req) {\n    ()\n}');
  await page.keyboard.press('Control+A');
  await page.keyboard.press('Control+/');
  assert.equal(await editor.inputValue(), '// fn route(req) {\n//     ()\n// }');
  await page.keyboard.press('Control+Z');
  assert.equal(await editor.inputValue(), 'fn route(req) {\n    ()\n}');
  await page.keyboard.press('Control+A');
  await page.keyboard.press('Tab');
  assert.equal(await editor.inputValue(), '    fn route(req) {\n        ()\n    }');
  await page.keyboard.press('Shift+Tab');
  assert.equal(await editor.inputValue(), 'fn route(req) {\n    ()\n}');
  await page.reload();
  assert.equal(await editor.inputValue(), 'fn route(req) {\n    ()\n}', 'a draft survives a reload');
  await editor.focus();
  await page.keyboard.press('Escape');
  await page.keyboard.press('Tab');
  assert.equal(await editor.evaluate((area) => document.activeElement === area), false, 'Escape lets Tab out');
}));

test('an edit is tried on a request, on logged calls and beside live ones, and obeyed by nobody', () => on('scripts?new=1', async (page) => {
  await page.getByLabel('File name').fill('50-no-streams');
  await page.getByRole('button', { name: 'Open in the editor' }).click();
  await editorOf(page, '50-no-streams.rhai').fill('fn on_request(req) {\n    log_info(`asked for ${req.model}`);\n    if req.stream { reject(403, "no_streams", "No streams.") }\n}\n');
  await page.getByRole('link', { name: 'Try', exact: true }).first().click();
  await page.getByRole('textbox', { name: 'Body' }).fill('{"model": "gpt-4o-mini", "stream": true, "messages": []}');
  await page.getByRole('button', { name: 'Run' }).click();
  await page.getByText('Your edit decides otherwise than the live scripts.').waitFor();
  await page.locator('.decisions .panel', { hasText: 'Your edit' }).getByText('Rejected with 403 no_streams').waitFor();
  await page.locator('.decisions .panel', { hasText: 'Live now' }).getByText('Sent to a provider').waitFor();
  await page.locator('.trial-steps').getByText('asked for gpt-4o-mini').waitFor();

  await page.getByRole('tab', { name: 'Logged calls' }).click();
  await page.getByLabel('Newest calls').fill('300');
  await page.getByRole('button', { name: 'Replay', exact: true }).click();
  await page.getByText('300 of 300 calls').waitFor();
  await page.locator('.comparison-sentence', { hasText: /Your edit would change \d+ of \d+ calls/ }).waitFor();
  const difference = page.locator('.changes-rows li', { hasText: 'Rejected with 403 no_streams' }).first();
  await difference.getByText('Sent to a provider').waitFor();

  await page.getByRole('tab', { name: 'Beside live calls' }).click();
  await page.getByRole('button', { name: 'Start', exact: true }).click();
  await page.locator('.changes-rows li', { hasText: 'no_streams' }).first().waitFor();
  await page.getByRole('button', { name: 'Stop' }).click();
  await page.getByText('Ended', { exact: true }).waitFor();
  assert.equal((await api('GET', 'api/scripts')).files.some((file) => file.name === '50-no-streams.rhai'), false);

  await page.getByRole('tab', { name: 'One request' }).click();
  await page.getByRole('button', { name: 'A logged call' }).click();
  const { calls } = await api('GET', 'api/calls?limit=1&stream=true&outcome=success');
  await page.getByLabel('Id of the call').fill(calls[0].id);
  await page.getByRole('button', { name: 'Run' }).click();
  await page.locator('.decisions .panel', { hasText: 'Your edit' }).getByText('Rejected with 403 no_streams').waitFor();
}));

test('a dry run is given headers, an address, an answer, a stream and failures', () => on('scripts?new=1', async (page) => {
  await page.getByLabel('File name').fill('60-looks');
  await page.getByRole('button', { name: 'Open in the editor' }).click();
  await editorOf(page, '60-looks.rhai').fill(`
fn on_request(req) { log_info(\`team \${req.headers["x-team"]} from \${req.client.ip}\`); }
fn on_response(req, resp) { log_info(\`head \${resp.status}\`); resp.headers["x-seen"] = "yes"; }
fn on_chunk(req, event) { log_info(\`event \${event.text}\`); }
fn classify_error(err, key, attempt) { log_info(\`failed with \${err.status} \${err.message}\`); #{retry: "none"} }
`);
  await page.getByRole('link', { name: 'Try', exact: true }).first().click();
  const steps = page.locator('.trial-steps');
  const run = page.getByRole('button', { name: 'Run' });
  await page.getByText('Headers and address').click();
  await page.getByRole('textbox', { name: 'Headers' }).fill('X-Team: red');
  await page.getByLabel('Address of the client').fill('203.0.113.9');
  await page.getByLabel('The provider', { exact: true }).selectOption('answers at once');
  await run.click();
  await steps.getByText('team red from 203.0.113.9').waitFor();
  await steps.getByText('head 200').waitFor();
  await page.getByLabel('The provider', { exact: true }).selectOption('streams an answer');
  await page.getByLabel('Events').fill('event: ping\ndata: {"first": 1}\n\ndata: [DONE]\n\n');
  await run.click();
  await steps.getByText('event {"first": 1}').waitFor();
  await steps.getByText('event [DONE]').waitFor();
  await page.getByLabel('The provider', { exact: true }).selectOption('fails');
  await page.getByLabel('The provider’s words').fill('slow down');
  await run.click();
  await steps.getByText('failed with 429 slow down').waitFor();
  await page.getByRole('link', { name: '60-looks.rhai' }).click();
  await page.getByRole('button', { name: 'Discard' }).click();
}));

test('the reference is searched, and what a hook did is shown', () => on(`scripts/files/${NAME}`, async (page) => {
  await page.getByRole('searchbox', { name: 'Search the reference' }).fill('least_in_flight');
  await page.locator('.topic dt', { hasText: 'least_in_flight' }).first().waitFor();
  await page.getByRole('link', { name: 'Hooks' }).click();
  await page.locator('table.table tbody tr', { hasText: 'route' }).getByText('Works').waitFor();
  await page.getByText('test_an_alias_is_a_chain').waitFor();
}));

test('the reference and the versions speak Chinese too', () => on('scripts', async (page) => {
  const { topics } = await api('GET', 'api/scripts/reference');
  const source = readFileSync(new URL('../../static/i18n/reference.zh-CN.js', import.meta.url), 'utf8');
  const { default: words } = await import(`data:text/javascript,${encodeURIComponent(source)}`);
  const texts = topics.flatMap((topic) => [topic.text, ...topic.entries.map((entry) => entry.text)]).filter(Boolean);
  const missing = texts.filter((text) => !words[text]);
  assert.ok(missing.length <= texts.length / 20, `not in reference.zh-CN.js: ${missing.join(' | ')}`);
  await page.getByRole('searchbox', { name: '搜索参考' }).fill('最近 60 秒的请求数');
  await page.locator('.topic dt', { hasText: 'rpm_used' }).waitFor();
  await page.goto(`${demo.url}/#/scripts/versions`);
  await page.locator('.version-rows li', { hasText: `写入 ${NAME}` }).first().waitFor();
}, { language: 'zh-CN' }));

test('an edit meets a newer text and overwrites it only when told', () => on(`scripts/files/${NAME}`, async (page) => {
  const editor = editorOf(page, NAME);
  const before = await editor.inputValue();
  await editor.fill(`${before}// mine\n`);
  await api('PUT', `api/scripts/files/${NAME}`, { text: `${before}// theirs\n` });
  await save(page).click();
  await page.getByRole('alert').getByText('was changed since you opened it').waitFor();
  assert.match(await textOf(NAME), /theirs/);
  await page.getByRole('button', { name: 'Save mine all the same' }).click();
  await page.getByText(`${NAME} is live`).waitFor();
  assert.match(await textOf(NAME), /mine/);
}, { expected: /412/ }));
