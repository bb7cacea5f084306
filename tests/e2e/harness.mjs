// Starts the real binary and a browser on it, and opens pages that keep what a user must never meet.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const root = fileURLToPath(new URL('../../', import.meta.url));
const PLACES = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'];

/** So long is waited for what a page ought to do, in milliseconds: a busy machine is slow, a broken page is never done. */
export const PATIENCE = Number(process.env.PATIENCE ?? 45_000);

/** The browser of this machine; as root on Debian it is installed where it is missing. */
export function findBrowser() {
  const found = () => PLACES.find((place) => place && existsSync(place));
  if (!found() && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    console.log('installing chromium');
    spawnSync('apt-get', ['update', '--quiet'], { stdio: 'inherit' });
    spawnSync('apt-get', ['install', '--yes', '--quiet', '--no-install-recommends', 'chromium', 'fonts-noto-cjk'], { stdio: 'inherit' });
  }
  const place = found();
  if (!place) throw new Error('No Chromium was found: install it (Debian: apt-get install chromium), or name it in the variable CHROMIUM.');
  return place;
}

const BINARY = process.env.KEYWHEEL ?? `${root}target/debug/keywheel`;

/** Everything that was started, for `stopEverything`. */
const running = new Set();

/** Ends servers and browsers, also after a test has failed. */
export async function stopEverything() {
  for (const one of [...running].reverse()) await one.stop();
  running.clear();
}

/** Starts the binary and reads what it prints until it listens; `patterns` name what to keep of that. */
async function start(args, patterns, options = {}) {
  const child = spawn(BINARY, args, { stdio: ['ignore', 'pipe', 'inherit'], ...options });
  const gone = new Promise((resolve) => child.on('exit', resolve));
  const failed = new Promise((_, reject) => child.on('error', () => reject(new Error(`${BINARY} cannot be started; build it with: cargo build`))));
  const stop = async () => {
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), 15_000);
    await gone;
    clearTimeout(late);
  };
  const found = { stop };
  running.add(found);
  const listens = (async () => {
    for await (const line of createInterface({ input: child.stdout })) {
      for (const [name, pattern] of Object.entries(patterns)) found[name] ??= line.match(pattern)?.[1];
      found.url = line.match(/^listening on (\S+)/)?.[1];
      if (found.url) break;
    }
  })();
  await Promise.race([listens, failed]);
  if (!found.url) throw new Error(`${BINARY} ${args[0]} ended before it listened`);
  child.stdout.resume();
  return found;
}

/** Starts `keywheel serve` with a data folder of its own, on a free port or on that of `listen`: `{url, setup, folder, stop}`. */
export async function startServer({ args = [], env = {}, folder = mkdtempSync(join(tmpdir(), 'keywheel-e2e-')), listen = '127.0.0.1:0' } = {}) {
  const server = await start(['serve', '--listen', listen, '--data', join(folder, 'data'), '--scripts', join(folder, 'scripts'), ...args], { setup: /(http\S+#\/setup\?token=\S+)/ }, { env: { ...process.env, KEYWHEEL_LOG: 'error', ...env } });
  const end = server.stop;
  server.folder = folder;
  server.stop = async ({ keep = false } = {}) => {
    await end();
    if (!keep) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  return server;
}

/** Starts the simulated provider alone: `{url, stop}`. */
export const startProvider = () => start(['mock', '--listen', '127.0.0.1:0'], {});

/** Starts `keywheel demo` on a free port: `{url, token, visitor, stop}`. */
export const startDemo = ({ callsPerSecond = 2, days = 7 } = {}) =>
  start(['demo', '--listen', '127.0.0.1:0', '--calls-per-second', String(callsPerSecond), '--days', String(days)], { token: /^Its token: (\S+)/, link: /(http\S+#\/sign-in\?link=\S+)/, visitor: /Bearer (kw-[^']+)'/ });

export async function startBrowser() {
  const browser = await chromium.launch({ executablePath: findBrowser(), args: ['--no-sandbox', '--disable-background-networking', '--force-color-profile=srgb'] });
  running.add({ stop: () => browser.close() });
  return browser;
}

/** Asks the admin API of a server; null for an answer without a body. */
export async function ask({ url, token }, method, path, body) {
  const response = await fetch(`${url}/${path.replace(/^\//, '')}`, { method, headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: body && JSON.stringify(body) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text.slice(0, 400)}`);
  if (!text) return null;
  return /json/.test(response.headers.get('content-type')) ? JSON.parse(text) : text;
}

/** A page that collects whatever a user must never meet: console errors, CSP reports, requests to elsewhere, broken answers. */
export async function openPage(browser, server, { width = 1440, height = 900, dark = false, signIn = true, language = 'en', reducedMotion = 'reduce', context: options = {} } = {}) {
  const context = await browser.newContext({
    viewport: { width, height }, colorScheme: dark ? 'dark' : 'light', locale: language === 'en' ? 'en-GB' : language, reducedMotion, timezoneId: 'Europe/Berlin', ...options,
  });
  context.setDefaultTimeout(PATIENCE);
  context.setDefaultNavigationTimeout(PATIENCE);
  if (signIn) await context.addInitScript((token) => location.protocol === 'http:' && sessionStorage.setItem('keywheel.token', JSON.stringify(token)), server.token);
  const faults = [];
  context.on('page', (page) => watch(page, server, faults));
  const page = await context.newPage();
  return { page, context, faults };
}

function watch(page, server, faults) {
  page.on('console', (message) => message.type() === 'error' && faults.push(`console: ${message.text()} (${message.location().url})`));
  page.on('pageerror', (error) => faults.push(`page: ${error.stack ?? error}`));
  page.on('response', (response) => response.status() >= 500 && faults.push(`${response.status()} from ${response.url()}`));
  page.on('request', (request) => {
    const origin = new URL(request.url()).origin;
    if (origin !== new URL(server.url).origin && !/^(data|blob|about):/.test(request.url())) faults.push(`request to ${origin}`);
  });
}

/**
 * Opens a page of the dashboard, `#/path`, and lets `run(page, faults, context)` use it. Whatever a user must never meet fails the
 * test, but for what fits `expected`. A picture of a page that failed is kept in `target/e2e/`.
 */
export async function visit(browser, server, path, options, run) {
  const { page, context, faults } = await openPage(browser, server, options);
  try {
    await page.goto(`${server.url}/#/${path}`);
    await run(page, faults, context);
    assert.deepEqual(faults.filter((fault) => !options.expected?.test(fault)), []);
  } catch (error) {
    await keepPicture(context, path);
    throw error;
  } finally {
    await context.close();
  }
}

async function keepPicture(context, path) {
  const page = context.pages().at(-1);
  mkdirSync(`${root}target/e2e`, { recursive: true });
  const file = `${root}target/e2e/${path.replace(/\W+/g, '-') || 'page'}-${Date.now()}.png`;
  await page?.screenshot({ path: file, timeout: 10_000 }).then(() => console.log(`${page.url()} is seen in ${file}`), () => {});
}

/** The row of a table whose link bears a name. */
export const row = (page, name) => page.locator('table.table tbody tr', { has: page.getByRole('link', { name, exact: true }) });

/** Waits until the page has taken up its address, and shows its content: no skeleton, no dialog still to open. */
export async function settled(page, name = page.url()) {
  await page.evaluate(() => new Promise((resolve) => { requestAnimationFrame(() => requestAnimationFrame(resolve)); }));
  const isDone = () => document.querySelector('#page-title') && [...document.querySelectorAll('dialog')].every((one) => one.open) && ![...document.querySelectorAll('.skeleton, .skeleton-room')].some((one) => !one.closest('[data-sample]'));
  await page.waitForFunction(isDone).catch(() => assert.fail(`${name} did not settle: ${page.url()}`));
}

/** Presses keys one after the other until they have had their effect: a busy machine may be too slow for a pair. */
export async function press(page, keys, hasWorked) {
  for (let tries = 0; ; tries += 1) {
    for (const key of keys.split(' ')) await page.keyboard.press(key);
    try {
      return await hasWorked({ timeout: tries < 4 ? 3000 : PATIENCE });
    } catch (error) {
      if (tries >= 4) throw error;
    }
  }
}
