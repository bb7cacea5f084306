// Starts the real binary in demo mode and a browser on it.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const root = fileURLToPath(new URL('../../', import.meta.url));
const PLACES = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'];

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
  for (const one of running) await one.stop();
  running.clear();
}

/** Starts the binary and reads what it prints until it listens; `patterns` name what to keep of that. */
async function start(args, patterns, options = {}) {
  const child = spawn(BINARY, args, { stdio: ['ignore', 'pipe', 'inherit'], ...options });
  const failed = new Promise((_, reject) => child.on('error', () => reject(new Error(`${BINARY} cannot be started; build it with: cargo build`))));
  const found = { stop: () => child.kill('SIGTERM') };
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

/** Starts `keywheel serve` on a free port with a data folder of its own: `{url, setup, stop}`. */
export async function startServer({ args = [], env = {} } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'keywheel-e2e-'));
  const server = await start(['serve', '--listen', '127.0.0.1:0', '--data', join(folder, 'data'), '--scripts', join(folder, 'scripts'), ...args], { setup: /(http\S+#\/setup\?token=\S+)/ }, { env: { ...process.env, KEYWHEEL_LOG: 'error', ...env } });
  const stop = server.stop;
  server.stop = () => {
    stop();
    rmSync(folder, { recursive: true, force: true });
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

/** A page that collects whatever a user must never meet: console errors, CSP reports, requests to elsewhere, broken answers. */
export async function openPage(browser, demo, { width = 1440, height = 900, dark = false, signIn = true, language = 'en', context: options = {} } = {}) {
  const context = await browser.newContext({
    viewport: { width, height }, colorScheme: dark ? 'dark' : 'light', locale: language === 'en' ? 'en-GB' : language, reducedMotion: 'reduce', timezoneId: 'Europe/Berlin', ...options,
  });
  context.setDefaultTimeout(15_000);
  if (signIn) await context.addInitScript((token) => location.protocol === 'http:' && sessionStorage.setItem('keywheel.token', JSON.stringify(token)), demo.token);
  const page = await context.newPage();
  const faults = [];
  page.on('console', (message) => message.type() === 'error' && faults.push(`console: ${message.text()} (${message.location().url})`));
  page.on('pageerror', (error) => faults.push(`page: ${error.stack ?? error}`));
  page.on('request', (request) => {
    const origin = new URL(request.url()).origin;
    if (origin !== new URL(demo.url).origin && !/^(data|blob):/.test(request.url())) faults.push(`request to ${origin}`);
  });
  return { page, context, faults };
}
