// Pictures of every page, wide and narrow, light and dark, in target/screenshots/: `make screenshots`.
// Arguments are names of pages; without any, all are taken.
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { openPage, startBrowser, startDemo, stopEverything } from './harness.mjs';

const folder = fileURLToPath(new URL('../../target/screenshots/', import.meta.url));
const PAGES = ['overview', 'calls', 'keys', 'providers', 'models', 'clients', 'settings', 'ui-kit', 'chat', 'scripts', 'alerts'];
const LOOKS = [[1440, 900, false], [1440, 900, true], [390, 844, false], [390, 844, true]];

mkdirSync(folder, { recursive: true });
const wanted = process.argv.slice(2);
const demo = await startDemo({ callsPerSecond: 4 });
const browser = await startBrowser();
let faulty = 0;
for (const [width, height, dark] of LOOKS) {
  const { page, context, faults } = await openPage(browser, demo, { width, height, dark });
  for (const name of wanted.length ? wanted : PAGES) {
    await page.goto(`${demo.url}/#/${name}`);
    await page.locator('#page-title, dialog[open]').first().waitFor();
    await page.waitForTimeout(1200);
    await page.screenshot({ path: `${folder}${name.replace(/\W+/g, '-')}-${width}-${dark ? 'dark' : 'light'}.png` });
  }
  for (const fault of faults) console.log(width, dark, fault);
  faulty += faults.length;
  await context.close();
}
await stopEverything();
process.exitCode = faulty ? 1 : 0;
