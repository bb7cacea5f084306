// Pictures of every page into target/screenshots/: wide and narrow, light and dark, filled and empty: `make screenshots`.
// Arguments are the beginnings of pages' addresses; without any, all are taken. `--docs` takes those of the README instead, into docs/.
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ONES, PAGES, fill } from './filled.mjs';
import { openPage, settled, startBrowser, startDemo, startServer, stopEverything } from './harness.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = `${root}target/screenshots/`;
const LOOKS = [[1440, 900, false], [1440, 900, true], [390, 844, false], [390, 844, true]];
const TOKEN = 'admin-token-of-the-pictures';

async function take(browser, server, pages, name, options = {}) {
  let faulty = 0;
  for (const [width, height, dark] of LOOKS) {
    const { page, context, faults } = await openPage(browser, server, { width, height, dark, ...options });
    for (const path of pages) {
      await page.goto(`${server.url}/#/${path}`);
      if (options.signIn === false) await page.locator('form').first().waitFor();
      else await settled(page, path);
      await page.waitForTimeout(600);
      const shown = path.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/, 'one').replace(/token=.*/, '').replace(/\W+/g, '-').replace(/-$/, '');
      await page.screenshot({ path: `${folder}${shown}-${width}-${dark ? 'dark' : 'light'}-${name}.png` });
    }
    for (const fault of faults) console.log(name, width, dark ? 'dark' : 'light', fault);
    faulty += faults.length;
    await context.close();
  }
  return faulty;
}

/** A picture of one page. */
async function picture(browser, demo, path, width, height, dark) {
  const { page, context } = await openPage(browser, demo, { width, height, dark });
  await page.goto(`${demo.url}/#/${path}`);
  await settled(page, path);
  await page.waitForTimeout(1500);
  const image = await page.screenshot();
  await context.close();
  return image;
}

/** Pictures beside each other. */
async function beside(browser, images, gap = 24) {
  const page = await browser.newPage();
  const sources = images.map((image) => `<img src="data:image/png;base64,${image.toString('base64')}">`);
  await page.setContent(`<body style="margin: 0; display: flex; gap: ${gap}px; width: max-content">${sources.join('')}</body>`);
  await page.waitForFunction(() => [...document.images].every((image) => image.complete));
  const image = await page.locator('body').screenshot();
  await page.close();
  return image;
}

/** The pictures of the README. */
async function takeDocs(browser, demo, call) {
  const of = (path, ...look) => picture(browser, demo, path, ...look);
  writeFileSync(`${root}docs/overview.png`, await of('overview?range=24h', 1440, 900, false));
  writeFileSync(`${root}docs/call.png`, await of(call, 1440, 900, false));
  writeFileSync(`${root}docs/scripts.png`, await of('scripts/files/20-model-aliases.rhai', 1440, 900, true));
  const phones = [];
  for (const path of ['overview', 'calls', 'keys']) phones.push(await of(path, 390, 844, false));
  writeFileSync(`${root}docs/phone.png`, await beside(browser, phones));
}

mkdirSync(folder, { recursive: true });
const wanted = process.argv.slice(2).filter((one) => !one.startsWith('--'));
const chosen = (pages) => pages.filter((path) => !wanted.length || wanted.some((start) => path.startsWith(start)));
const browser = await startBrowser();
const demo = await startDemo({ callsPerSecond: 4 });
const further = await fill(demo);
let faulty = 0;
if (process.argv.includes('--docs')) await takeDocs(browser, demo, further[1]);
else {
  faulty += await take(browser, demo, chosen([...PAGES, ...ONES, ...further]), 'filled');
  const empty = { ...(await startServer({ env: { KEYWHEEL_ADMIN_TOKEN: TOKEN } })), token: TOKEN };
  faulty += await take(browser, empty, chosen(PAGES), 'empty');
  faulty += await take(browser, empty, chosen(['sign-in']), 'empty', { signIn: false });
  const fresh = await startServer();
  faulty += await take(browser, fresh, chosen([new URL(fresh.setup).hash.slice(2)]), 'empty', { signIn: false });
}
await stopEverything();
process.exitCode = faulty ? 1 : 0;
