// Chat: an answer streams, is stopped, goes on while nobody reads, and is found again; an edit is a branch; two models side by side.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { openPage, startBrowser, startServer, stopEverything } from './harness.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const TOKEN = 'admin-token-of-the-chat-test';

/** A provider whose answers end when the test says so. */
const held = [];
/** What it was asked last. */
let request;
const provider = createServer(async (incoming, response) => {
  let body = '';
  for await (const piece of incoming) body += piece;
  if (incoming.url.endsWith('/models')) {
    response.setHeader('content-type', 'application/json');
    return response.end(JSON.stringify({ object: 'list', data: ['alpha', 'beta'].map((id) => ({ id, object: 'model' })) }));
  }
  request = JSON.parse(body);
  const { messages, model } = request;
  const { content } = messages.at(-1);
  const asked = typeof content === 'string' ? content : `${content[0].text} with ${content.length - 1} picture`;
  const say = (delta, finish = null) => response.write(`data: ${JSON.stringify({ object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`);
  const end = (text) => {
    say({ content: text });
    say({}, 'stop');
    response.write(`data: ${JSON.stringify({ object: 'chat.completion.chunk', choices: [], usage: { prompt_tokens: 12, completion_tokens: 34, total_tokens: 46 } })}\n\n`);
    response.end('data: [DONE]\n\n');
  };
  response.setHeader('content-type', 'text/event-stream');
  say({ reasoning_content: 'Let me see.' });
  say({ content: `**${model}** on ${asked}: ` });
  if (asked.includes('break')) return setTimeout(() => response.destroy(), 100);
  if (asked.includes('slowly')) return held.push(end);
  return end('`done`\n\n```js\nconst a = 1;\n```\n\n[bad](javascript:alert(3)) ![picture](https://example.com/x.png)\n\n<img src=x onerror=alert(1)><script>alert(2)</script>');
});

let server;
let browser;
const ask = async (method, path, body) => {
  const response = await fetch(`${server.url}${path}`, { method, headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }, body: body && JSON.stringify(body) });
  const text = await response.text();
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
  return text && JSON.parse(text);
};

before(async () => {
  await new Promise((resolve) => provider.listen(0, '127.0.0.1', resolve));
  server = await startServer({ env: { KEYWHEEL_ADMIN_TOKEN: TOKEN } });
  const made = await ask('POST', '/api/providers', { name: 'held', base_url: `http://127.0.0.1:${provider.address().port}/v1`, allow_private: true });
  await ask('POST', '/api/keys', { provider: made.id, name: 'one', secret: 'sk-of-the-chat-test' });
  for (const name of ['alpha', 'beta']) await ask('POST', '/api/models', { name, targets: [{ provider: made.id, model: name }] });
  browser = await startBrowser();
});
after(async () => {
  provider.closeAllConnections();
  provider.close();
  await stopEverything();
});

const findings = async (page) => {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate((values) => globalThis.axe.run(document, { runOnly: { type: 'tag', values } }), RULES);
  return violations.flatMap((violation) => violation.nodes.map((node) => `${violation.id}: ${node.target.join(' ')}`));
};

const open = (options) => openPage(browser, { ...server, token: TOKEN }, options);
const field = (page) => page.getByRole('textbox', { name: 'Say something…' });
const say = async (page, text) => {
  await field(page).fill(text);
  await field(page).press('Enter');
};
const answers = (page) => page.locator('.message.answer');

test('an answer streams, tells what it took, and shows nothing of what it must not', async () => {
  const { page, context, faults } = await open();
  await page.goto(`${server.url}/#/chat`);
  await page.getByText('What shall we talk about?').waitFor();
  await say(page, 'hello');
  const answer = answers(page).first();
  await answer.getByText('12 in, 34 out').waitFor();
  assert.equal(await answer.locator('strong').nth(1).innerText(), 'alpha');
  assert.match(await answer.innerText(), /key one/);
  assert.equal(await answer.locator('img, script').count(), 0);
  assert.match(await answer.innerText(), /<script>alert/, 'HTML is text');
  assert.equal(await answer.locator('details.reasoning').evaluate((one) => one.open), false, 'reasoning is folded');
  await answer.locator('pre').getByRole('button', { name: 'Copy' }).click();
  await answer.locator('pre').getByRole('button', { name: 'Copied' }).waitFor();
  assert.deepEqual(await findings(page), []);
  await answer.getByRole('link', { name: 'call' }).click();
  await page.locator('dialog[open]').getByText('playground').first().waitFor();
  assert.deepEqual(faults, []);
  await context.close();
});

test('an answer goes on while nobody reads, and is found again', async () => {
  const { page, context, faults } = await open();
  await page.goto(`${server.url}/#/chat`);
  await say(page, 'tell me slowly');
  await answers(page).getByText('on tell me slowly:').waitFor();
  const address = page.url();
  await page.getByRole('link', { name: 'New chat' }).click();
  await page.getByText('What shall we talk about?').waitFor();
  await page.goBack();
  await answers(page).getByText('on tell me slowly:').waitFor();
  await page.close();
  const again = await context.newPage();
  await again.goto(address);
  await answers(again).getByText('on tell me slowly:').waitFor();
  await again.getByRole('button', { name: 'Stop' }).waitFor();
  held.pop()('the end.');
  await answers(again).getByText('the end.').waitFor();
  await answers(again).getByText('12 in, 34 out').waitFor();
  assert.deepEqual(faults, []);
  await context.close();
});

test('an answer is stopped after coming back, and one that ended while no tab was open is there', async () => {
  const { page, context, faults } = await open();
  await page.goto(`${server.url}/#/chat`);
  await say(page, 'leave slowly');
  await answers(page).getByText('on leave slowly:').waitFor();
  await page.getByRole('link', { name: 'New chat' }).click();
  await page.getByText('What shall we talk about?').waitFor();
  await page.goBack();
  await answers(page).getByText('on leave slowly:').waitFor();
  await page.getByRole('button', { name: 'Stop' }).click();
  await answers(page).getByText('Stopped').waitFor();
  assert.match(await answers(page).innerText(), /on leave slowly:/);
  await say(page, 'end slowly');
  await answers(page).nth(1).getByText('on end slowly:').waitFor();
  const address = page.url();
  const keeper = await context.newPage();
  await keeper.goto('about:blank');
  await page.close();
  held.pop()('the end.');
  const chat = `/api/chats/${address.split('/').at(-1)}`;
  for (let state = 'running'; state === 'running';) state = (await ask('GET', chat)).messages.at(-1).state;
  await keeper.goto(address);
  await answers(keeper).nth(1).getByText('on end slowly: the end.').waitFor();
  await answers(keeper).nth(1).getByText('12 in, 34 out').waitFor();
  assert.equal(await keeper.getByRole('button', { name: 'Stop' }).count(), 0);
  assert.match(await answers(keeper).first().innerText(), /on leave slowly:/);
  assert.deepEqual(faults, []);
  await context.close();
});

test('an answer is stopped, a broken one keeps its text with Retry, and the chat goes on', async () => {
  const { page, context, faults } = await open();
  await page.goto(`${server.url}/#/chat`);
  await say(page, 'count slowly');
  await answers(page).getByText('on count slowly:').waitFor();
  await page.getByRole('button', { name: 'Stop' }).click();
  await answers(page).getByText('Stopped').waitFor();
  assert.match(await answers(page).innerText(), /on count slowly:/);
  await say(page, 'break off');
  const broken = answers(page).nth(1);
  await broken.getByRole('button', { name: 'Retry' }).waitFor();
  assert.match(await broken.innerText(), /on break off:/);
  await say(page, 'go on');
  await answers(page).nth(2).getByText('12 in, 34 out').waitFor();
  assert.deepEqual(faults, []);
  await context.close();
});

test('an edit is a branch, and two models answer side by side', async () => {
  const { page, context, faults } = await open();
  await page.goto(`${server.url}/#/chat`);
  await say(page, 'first');
  await answers(page).getByText('12 in, 34 out').waitFor();
  await page.getByRole('button', { name: 'Edit as a new branch' }).click();
  await page.getByRole('textbox', { name: 'Edit as a new branch' }).fill('second');
  await page.keyboard.press('Enter');
  await answers(page).getByText('on second:').waitFor();
  await answers(page).getByText('12 in, 34 out').waitFor();
  await page.getByRole('button', { name: 'Branch before' }).click();
  await answers(page).getByText('on first:').waitFor();
  await page.reload();
  await answers(page).getByText('on first:').waitFor();
  await page.getByRole('button', { name: 'Compare two models' }).click();
  await say(page, 'both');
  await page.locator('.side-by-side').getByText('alpha on both:').waitFor();
  await page.locator('.side-by-side').getByText('beta on both:').waitFor();
  await page.getByRole('button', { name: 'Go on with this one' }).click();
  await page.locator('.compared.is-chosen').getByText('beta on both:').waitFor();
  assert.deepEqual(await findings(page), []);
  assert.deepEqual(faults, []);
  await context.close();
});

test('a picture is pasted, and an edit keeps it', async () => {
  const { page, context, faults } = await open();
  await page.goto(`${server.url}/#/chat`);
  await field(page).evaluate((area, bytes) => {
    const clipboardData = new DataTransfer();
    clipboardData.items.add(new File([Uint8Array.from(atob(bytes), (sign) => sign.charCodeAt(0))], 'dot.png', { type: 'image/png' }));
    area.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
  }, 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==');
  await page.locator('.composer img').waitFor();
  await say(page, 'look');
  await answers(page).getByText('on look with 1 picture:').waitFor();
  await page.locator('.question img').waitFor();
  await page.getByRole('button', { name: 'Edit as a new branch' }).click();
  await page.getByRole('textbox', { name: 'Edit as a new branch' }).fill('look again');
  await page.keyboard.press('Enter');
  await answers(page).getByText('on look again with 1 picture:').waitFor();
  assert.deepEqual(faults, []);
  await context.close();
});

test('a recorded call is tried again in a chat', async () => {
  await ask('PATCH', '/api/settings', { store_bodies: true });
  const { token } = await ask('POST', '/api/clients', { name: 'replayed' });
  const messages = [{ role: 'system', content: 'Be brief.' }, { role: 'user', content: 'good morning from an application' }];
  const answer = await fetch(`${server.url}/v1/chat/completions`, {
    method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: JSON.stringify({ model: 'beta', stream: true, messages }),
  });
  await answer.text();
  const { page, context, faults } = await open();
  await page.goto(`${server.url}/#/calls/${answer.headers.get('x-request-id')}`);
  await page.locator('dialog[open]').getByRole('tab', { name: 'Request and response' }).click();
  await page.locator('dialog[open]').getByRole('link', { name: 'Replay in chat' }).click();
  await page.waitForFunction(() => document.querySelector('.composer textarea')?.value === 'good morning from an application');
  assert.equal(await page.getByLabel('Model', { exact: true }).inputValue(), 'beta');
  await field(page).press('Enter');
  await answers(page).first().getByText('12 in, 34 out').waitFor();
  assert.deepEqual(faults, []);
  await context.close();
});

test('a chat asks with its prompt and parameters, answers again, and is taken along', async () => {
  const { page, context, faults } = await open();
  await page.goto(`${server.url}/#/chat`);
  await page.getByLabel('Model', { exact: true }).selectOption('beta');
  await page.getByRole('button', { name: 'Prompt and parameters' }).click();
  const drawer = page.getByRole('dialog', { name: 'Prompt and parameters' });
  await drawer.getByLabel('System prompt').fill('Be kind.');
  await drawer.getByLabel('Temperature').fill('0.3');
  await drawer.getByLabel('Most tokens of an answer').fill('77');
  await drawer.getByRole('button', { name: 'Save' }).click();
  await drawer.waitFor({ state: 'detached' });
  await page.getByRole('button', { name: /^Explain server-sent events/ }).click();
  await answers(page).getByText('12 in, 34 out').waitFor();
  assert.deepEqual(request.messages[0], { role: 'system', content: 'Be kind.' });
  assert.deepEqual([request.model, request.temperature, request.max_tokens ?? request.max_completion_tokens], ['beta', 0.3, 77]);
  await page.getByRole('button', { name: 'Answer again' }).click();
  await page.locator('.siblings', { hasText: '2/2' }).waitFor();
  await answers(page).getByText('12 in, 34 out').waitFor();
  await page.getByRole('button', { name: 'Branch before' }).click();
  await page.locator('.siblings', { hasText: '1/2' }).waitFor();
  const entry = page.locator('.chat-entry.is-here');
  const save = async (name) => {
    await entry.locator('summary').click();
    const saved = page.waitForEvent('download');
    await entry.getByRole('button', { name }).click();
    const file = await saved;
    return [file.suggestedFilename(), readFileSync(await file.path(), 'utf8')];
  };
  const [markdown, text] = await save('Export as Markdown');
  assert.match(markdown, /^chat-.+\.md$/);
  assert.match(text, /Explain server-sent events[\s\S]+\*\*beta\*\* on Explain/);
  const [json, whole] = await save('Export as JSON');
  assert.match(json, /^chat-.+\.json$/);
  assert.match(JSON.stringify(JSON.parse(whole)), /Be kind\./);
  assert.deepEqual(faults, []);
  await context.close();
});

test('markup, a link that is a script, and terminal escapes are text in a question, its answer, and what is kept of the call', async () => {
  await ask('PATCH', '/api/settings', { store_bodies: true });
  const text = '<img src=x onerror=alert(1)> <svg onload=alert(2)> [press](javascript:alert(3)) \u001b[31mred\u001b[0m \u001b]8;;javascript:alert(4)\u0007here';
  const { page, context, faults } = await open();
  const dialogs = [];
  page.on('dialog', (dialog) => { dialogs.push(dialog.message()); return dialog.dismiss(); });
  const made = () => page.evaluate(() => [...document.querySelectorAll('[onerror], [onload], [src="x"], [href^="javascript:" i]')].map((one) => one.outerHTML));
  await page.goto(`${server.url}/#/chat`);
  await say(page, text);
  await answers(page).getByText('12 in, 34 out').waitFor();
  assert.equal(await page.locator('.question .bubble').evaluate((bubble) => bubble.textContent), text);
  assert.equal(request.messages.at(-1).content, text, 'the model was asked this very text');
  assert.match(await answers(page).innerText(), /<img src=x onerror=alert\(1\)>/);
  await page.locator('.chat-entry.is-here', { hasText: '<img src=x' }).waitFor();
  assert.deepEqual(await made(), []);
  await answers(page).getByRole('link', { name: 'call' }).click();
  const drawer = page.locator('dialog[open]');
  await drawer.getByRole('tab', { name: 'Request and response' }).click();
  const [asked, answered] = [drawer.locator('.code', { hasText: 'Request ·' }), drawer.locator('.code', { hasText: 'Response ·' })];
  await asked.getByText('<img src=x onerror=alert(1)>').waitFor();
  await asked.getByText('\\u001b[31mred').waitFor();
  await answered.getByText('<img src=x onerror=alert(1)>').first().waitFor();
  assert.deepEqual(await made(), []);
  await drawer.getByRole('group', { name: 'Response' }).getByRole('button', { name: 'As sent' }).click();
  await answered.getByText('data: ').first().waitFor();
  await drawer.getByRole('tab', { name: 'Record' }).click();
  await drawer.locator('pre', { hasText: '"id":' }).waitFor();
  assert.deepEqual(await made(), []);
  assert.deepEqual(dialogs, []);
  assert.deepEqual(faults, []);
  await context.close();
});

test('where copying is refused the text is selected, and “Copied” is said only once it is true', async () => {
  const { page, context, faults } = await open({ context: { permissions: ['clipboard-read', 'clipboard-write'] } });
  const board = await page.context().newPage();
  await board.goto(`${server.url}/#/ui-kit`);
  const copied = async () => {
    await board.bringToFront();
    const text = await board.evaluate(() => navigator.clipboard.readText());
    await page.bringToFront();
    return text;
  };
  // As on a page that came over plain HTTP; its older way of copying is refused until the test lets it.
  await page.addInitScript(() => {
    Object.defineProperty(globalThis, 'isSecureContext', { value: false });
    Object.defineProperty(navigator, 'clipboard', { value: undefined });
    const copies = document.execCommand;
    document.execCommand = (...args) => (globalThis.mayCopy ? copies.apply(document, args) : false);
  });
  await page.bringToFront();
  await page.goto(`${server.url}/#/chat`);
  await say(page, 'copy this');
  await answers(page).getByText('12 in, 34 out').waitFor();
  const selected = () => page.evaluate(() => {
    const { activeElement: field } = document;
    return field.matches('.copy-by-hand') ? field.value.slice(field.selectionStart, field.selectionEnd) : getSelection().toString();
  });
  const field = page.locator('.copy-by-hand');

  const question = page.locator('.message.question');
  await question.getByRole('button', { name: 'Copy' }).click();
  await question.getByRole('button', { name: 'Press Ctrl C' }).waitFor();
  assert.equal(await selected(), 'copy this');
  assert.equal(await page.getByText('Copied').count(), 0, 'nothing was copied so far');
  const told = question.getByRole('button', { name: 'Copied' }).waitFor();
  await page.keyboard.press('Control+C');
  await told;
  await field.waitFor({ state: 'detached' });
  assert.equal(await copied(), 'copy this');

  await answers(page).locator('.message-foot').getByRole('button', { name: 'Copy' }).click();
  await field.waitFor();
  assert.match(await selected(), /^\*\*alpha\*\* on copy this: `done`[\s\S]+<\/script>$/);
  await page.keyboard.press('Escape');
  await field.waitFor({ state: 'detached' });

  const asked = answers(page).locator('pre').getByRole('button', { name: 'Press Ctrl C' }).waitFor();
  await answers(page).locator('pre').getByRole('button', { name: 'Copy' }).click();
  await asked;
  assert.equal((await selected()).trim(), 'const a = 1;');
  await page.keyboard.press('Control+C');
  assert.equal((await copied()).trim(), 'const a = 1;');

  await answers(page).getByRole('link', { name: 'call' }).click();
  const drawer = page.locator('dialog[open]');
  await drawer.getByRole('button', { name: 'Copy link' }).click();
  await field.waitFor();
  assert.equal(await selected(), page.url());
  await page.keyboard.press('Escape');
  await field.waitFor({ state: 'detached' });
  assert.equal(await drawer.count(), 1, 'Escape closes the field alone');
  await page.evaluate(() => { globalThis.mayCopy = true; });
  const said = drawer.getByRole('button', { name: 'Copied' }).waitFor();
  await drawer.getByRole('button', { name: /Copy link|Press Ctrl C/ }).click();
  await said;
  assert.equal(await copied(), page.url());
  assert.deepEqual(faults, []);
  await context.close();
});

test('Enter inside an input method sends nothing', async () => {
  const { page, context } = await open();
  await page.goto(`${server.url}/#/chat`);
  await field(page).fill('你');
  await field(page).evaluate((area) => area.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', isComposing: true, bubbles: true, cancelable: true })));
  assert.equal(await field(page).inputValue(), '你');
  await field(page).press('Shift+Enter');
  assert.equal(await field(page).inputValue(), '你\n');
  assert.equal(await answers(page).count(), 0);
  await context.close();
});

test('chats are found, renamed, pinned, and deleted with undo; also on a phone', async () => {
  const { page, context, faults } = await open();
  await page.goto(`${server.url}/#/chat`);
  await page.getByRole('searchbox', { name: 'Search chats' }).fill('SLOWLY');
  const list = page.getByRole('navigation', { name: 'Chats' });
  await list.getByRole('link', { name: /hello/ }).waitFor({ state: 'detached' });
  await list.getByRole('link', { name: /tell me slowly/ }).waitFor();
  await page.getByRole('searchbox', { name: 'Search chats' }).fill('');
  const act = async (name, action) => {
    await list.locator('li', { hasText: name }).locator('summary').click();
    await list.locator('li', { hasText: name }).getByRole('button', { name: action, exact: true }).click();
  };
  await act('hello', 'Rename');
  await page.getByRole('textbox', { name: 'Title' }).fill('Greetings');
  await page.keyboard.press('Enter');
  await list.getByRole('link', { name: /Greetings/ }).waitFor();
  await act('Greetings', 'Pin');
  await list.locator('li').first().getByText('Greetings').waitFor();
  await act('Greetings', 'Delete');
  await list.getByRole('link', { name: /Greetings/ }).waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Undo' }).click();
  await list.getByRole('link', { name: /Greetings/ }).waitFor();
  await context.close();

  const phone = await open({ width: 360, height: 740, dark: true, language: 'zh-CN' });
  await phone.page.goto(`${server.url}/#/chat`);
  await phone.page.getByRole('button', { name: '对话', exact: true }).click();
  await phone.page.locator('dialog[open]').getByRole('link', { name: /Greetings/ }).click();
  await answers(phone.page).first().waitFor();
  assert.ok((await phone.page.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0, 'it fits');
  assert.deepEqual(await findings(phone.page), []);
  assert.deepEqual([...faults, ...phone.faults], []);
  await phone.context.close();
});
