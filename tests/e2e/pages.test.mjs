// Every page, wide and narrow, light and dark: nothing that axe finds, no console error, no CSP report, nothing asked of elsewhere.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { ask, openPage, settled, startBrowser, startDemo, stopEverything } from './harness.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const PAGES = ['overview', 'calls', 'keys', 'providers', 'models', 'models/listed', 'clients', 'settings', 'settings/logging', 'settings/rules', 'settings/users', 'settings/audit', 'settings/system', 'chat', 'scripts', 'scripts/files/10-block-list.rhai', 'scripts/try', 'scripts/versions', 'scripts/hooks', 'ui-kit'];
/** Addresses that open a dialog, and what to wait for in it. */
const DIALOGS = ['keys?add=1', 'keys/1', 'providers?add=1', 'providers/1', 'models?add=1', 'models/1', 'clients?add=1', 'clients/1', 'scripts?new=1', 'scripts/versions/1'];

let demo;
let browser;
before(async () => {
  demo = await startDemo({ callsPerSecond: 5, days: 2 });
  browser = await startBrowser();
  await writeScript('10-block-list.rhai', 'block-list');
});
after(stopEverything);

/** Puts an example into the folder of scripts. */
async function writeScript(name, example) {
  const { examples } = await ask(demo, 'GET', 'api/scripts/examples');
  await ask(demo, 'PUT', `api/scripts/files/${name}`, { text: examples.find((one) => one.name === example).text });
}

/** What axe finds on the page as it is. */
async function findings(page, rules) {
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(AXE);
  const { violations } = await page.evaluate((runOnly) => globalThis.axe.run(document, { runOnly }), rules ? { type: 'rule', values: rules } : { type: 'tag', values: RULES });
  return violations.flatMap((violation) => violation.nodes.map((node) => `${violation.id}: ${node.target.join(' ')} ${node.failureSummary.split('\n')[1] ?? ''}`));
}

for (const look of [{ width: 1440, height: 900 }, { width: 1440, height: 900, dark: true, rules: ['color-contrast'] }, { width: 360, height: 740, dark: true, language: 'zh-CN' }]) {
  test(`pages at ${look.width} ${look.dark ? 'dark' : 'light'} ${look.language ?? 'en'}`, async () => {
    const { page, context, faults } = await openPage(browser, demo, look);
    const found = [];
    for (const name of [...PAGES, ...DIALOGS]) {
      await page.goto(`${demo.url}/#/${name}`);
      await settled(page, name);
      if (DIALOGS.includes(name)) await page.locator('dialog[open] :is(form, dl, pre)').first().waitFor();
      found.push(...(await findings(page, look.rules)).map((finding) => `${name}: ${finding}`));
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(overflow <= 0, `${name} is ${overflow} pixels too wide`);
      const unknown = await page.evaluate(() => document.body.innerText.match(/\b(common|nav|keys|calls|models|clients|providers|settings|overview|session|chat|scripts)\.[a-z_]+\b/g));
      assert.equal(unknown, null, `${name} shows a message's key`);
    }
    assert.deepEqual(found, []);
    assert.deepEqual(faults, []);
    await context.close();
  });
}
