// Every page, filled and empty, wide and narrow, light and dark: nothing that axe finds, no console error, no CSP report, nothing asked of elsewhere.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { ONES, PAGES, fill } from './filled.mjs';
import { openPage, settled, startBrowser, startDemo, startServer, stopEverything } from './harness.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const TOKEN = 'admin-token-of-the-pages-test';
/** What is opened by hand, and from which page. */
const OVERLAYS = {
  palette: (page) => page.keyboard.press('Control+k'), help: (page) => page.keyboard.press('?'), preferences: (page) => page.locator('.account button').first().click(),
};

let demo;
let empty;
let browser;
let further;
before(async () => {
  [demo, empty] = await Promise.all([startDemo({ callsPerSecond: 5, days: 2 }), startServer({ env: { KEYWHEEL_ADMIN_TOKEN: TOKEN } })]);
  empty.token = TOKEN;
  browser = await startBrowser();
  further = await fill(demo);
});
after(stopEverything);

/** What axe finds on the page as it is. */
async function findings(page, rules) {
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(AXE);
  const runOnly = rules ? { type: 'rule', values: rules } : { type: 'tag', values: RULES };
  const { violations } = await page.evaluate((options) => globalThis.axe.run(document, options), { runOnly, resultTypes: ['violations'] });
  return violations.flatMap((violation) => violation.nodes.map((node) => `${violation.id}: ${node.target.join(' ')} ${node.failureSummary.split('\n')[1] ?? ''}`));
}

/** Goes through pages and gathers whatever is wrong with them. */
async function look(server, names, { rules, ...options }) {
  const { page, context, faults } = await openPage(browser, server, options);
  const found = [];
  const judge = async (name) => {
    found.push(...(await findings(page, rules)).map((finding) => `${name}: ${finding}`));
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (overflow > 0) found.push(`${name} is ${overflow} pixels too wide`);
    const unknown = await page.evaluate(() => document.body.innerText.match(/\b(common|nav|keys|calls|models|clients|providers|settings|overview|session|chat|scripts|alerts|people|setup)\.[a-z_]+\b/g));
    if (unknown) found.push(`${name} shows a message's key: ${unknown}`);
  };
  for (const name of names) {
    await page.goto(`${server.url}/#/${name}`);
    await settled(page, name);
    await judge(name);
  }
  await page.goto(`${server.url}/#/settings`);
  await settled(page);
  for (const [name, open] of Object.entries(OVERLAYS)) {
    if (name === 'preferences' && options.width < 760) continue;
    await open(page);
    await page.locator('dialog[open]').waitFor();
    await judge(name);
    await page.keyboard.press('Escape');
    await page.locator('dialog[open]').waitFor({ state: 'detached' });
  }
  await context.close();
  assert.deepEqual([...found, ...faults], []);
}

const WIDE = { width: 1440, height: 900 };
const NARROW = { width: 360, height: 740, language: 'zh-CN' };
const DARK = { dark: true, rules: ['color-contrast'] };

test('filled pages, wide and light', () => look(demo, [...PAGES, ...ONES, ...further], WIDE));
test('filled pages, wide and dark', () => look(demo, [...PAGES, ...ONES, ...further], { ...WIDE, ...DARK }));
test('filled pages, at 360 pixels and dark, in Chinese', () => look(demo, [...PAGES, ...ONES, ...further], { ...NARROW, dark: true }));
test('empty pages, wide and light, in Chinese', () => look(empty, PAGES, { ...WIDE, language: 'zh-CN' }));
test('empty pages, at 360 pixels', () => look(empty, PAGES, { ...NARROW, language: 'en' }));
