// Starts the real binary in demo mode and a browser on it.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
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

/** Starts `keywheel demo` on a free port: `{url, token, visitor, stop}`. */
export async function startDemo({ callsPerSecond = 2, days = 7, binary = process.env.KEYWHEEL ?? `${root}target/debug/keywheel`, args = [] } = {}) {
  const child = spawn(binary, ['demo', '--listen', '127.0.0.1:0', '--calls-per-second', String(callsPerSecond), '--days', String(days), ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const demo = { stop: () => child.kill('SIGTERM') };
  for await (const line of createInterface({ input: child.stdout })) {
    demo.token ??= line.match(/^Its token: (\S+)/)?.[1];
    demo.link ??= line.match(/(http\S+#\/sign-in\?link=\S+)/)?.[1];
    demo.visitor ??= line.match(/Bearer (kw-[^']+)'/)?.[1];
    demo.url = line.match(/^listening on (\S+)/)?.[1];
    if (demo.url) break;
  }
  if (!demo.url) throw new Error(`${binary} did not start; build it with: cargo build`);
  child.stdout.resume();
  return demo;
}

export const startBrowser = () => chromium.launch({ executablePath: findBrowser(), args: ['--no-sandbox', '--disable-background-networking', '--force-color-profile=srgb'] });

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
    if (origin !== demo.url && !/^(data|blob):/.test(request.url())) faults.push(`request to ${origin}`);
  });
  return { page, context, faults };
}
