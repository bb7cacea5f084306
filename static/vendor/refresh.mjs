// Fetches the libraries of the dashboard from npm and writes this folder anew: `make vendor`.
// Versions are pinned here; what was taken, under which licence and with which SHA-256, stands in LICENSES.md.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));

/** package -> version, and file in it -> file here. `closure`: with every module that it imports, below a folder. */
const PACKAGES = {
  preact: { version: '11.2.0', files: { 'dist/preact.mjs': 'preact.js', 'hooks/dist/hooks.mjs': 'preact-hooks.js' } },
  '@preact/signals-core': { version: '1.14.5', files: { 'dist/signals-core.mjs': 'signals-core.js' } },
  '@preact/signals': { version: '2.11.4', files: { 'dist/signals.mjs': 'signals.js' } },
  htm: { version: '3.1.1', files: { 'dist/htm.mjs': 'htm.js' } },
  'chart.js': { version: '4.6.1', files: { 'dist/chart.umd.min.js': 'chart.umd.js' } },
  '@kurkle/color': { version: '0.3.4', files: {}, note: 'inside chart.umd.js' },
  marked: { version: '18.2.1', files: { 'lib/marked.esm.js': 'marked.js' } },
  dompurify: { version: '3.4.18', files: { 'dist/purify.es.mjs': 'purify.js' } },
  'eventsource-parser': { version: '3.1.1', files: { 'dist/index.js': 'eventsource-parser.js' } },
  // Only what finds tokens: its editor writes HTML, which the dashboard's policy of trusted types refuses.
  'prism-code-editor': {
    version: '5.4.0',
    files: {},
    closure: {
      root: 'dist',
      into: 'prism-code-editor',
      entries: ['prism/index.js'],
    },
  },
  'lucide-static': { version: '1.62.0', files: {}, note: 'chosen icons, inside ../icons.svg' },
};

/** Lucide icons of the dashboard, alphabetically. */
const ICONS = `activity archive arrow-down arrow-down-up arrow-left arrow-right arrow-up ban bell bookmark bot boxes braces calendar chart-line
check chevron-down chevron-left chevron-right chevron-up chevrons-up-down circle circle-alert circle-check circle-dashed circle-help circle-pause circle-slash
circle-x clipboard-paste clock code columns-3 command copy corner-down-left database dollar-sign download ellipsis external-link eye eye-off file-code file-text
filter flask-conical gauge git-branch git-compare globe hard-drive hash history house image info key-round keyboard languages layers layout-dashboard link list
list-filter loader-circle lock log-out menu message-square minus monitor moon network panel-left pause pencil pin play plug plus power power-off
refresh-cw rotate-ccw route scale search send server settings shield shield-alert sliders-horizontal snowflake sparkles square square-pen sun tag
terminal timer trash-2 triangle-alert undo-2 upload user user-plus users wallet wand-sparkles wifi wifi-off wrench x zap`.split(/\s+/);

const work = mkdtempSync(join(tmpdir(), 'keywheel-vendor-'));
const wanted = Object.entries(PACKAGES).map(([name, { version }]) => `${name}@${version}`);
writeFileSync(join(work, 'package.json'), '{"private":true}');
execFileSync('npm', ['install', '--silent', '--ignore-scripts', '--no-audit', '--no-fund', ...wanted], { cwd: work, stdio: 'inherit' });

for (const entry of readdirSync(here)) if (entry !== 'refresh.mjs') rmSync(join(here, entry), { recursive: true });
const report = ['# Libraries of the dashboard', '', 'Taken from npm by `make vendor`; changed only by leaving out references to source maps.', ''];
for (const [name, { version, files, closure, note }] of Object.entries(PACKAGES)) {
  const folder = join(work, 'node_modules', name);
  const about = JSON.parse(readFileSync(join(folder, 'package.json')));
  const all = { ...files, ...closed(folder, closure) };
  report.push(`## ${name} ${version}`, '', `Licence: ${about.license}${note ? ` (${note})` : ''}`, '');
  for (const [from, to] of Object.entries(all)) report.push(`- \`${to}\` SHA-256 ${take(join(folder, from), join(here, to))}`);
  report.push('', '```', licence(folder), '```', '');
}
writeFileSync(join(here, 'LICENSES.md'), report.join('\n').replace(/[ \t]+$/gm, ''));
writeFileSync(join(here, '..', 'icons.svg'), sprite(join(work, 'node_modules/lucide-static/icons')));
rmSync(work, { recursive: true });

/** Every module that the entries import, as file in the package -> file here. */
function closed(folder, closure) {
  if (!closure) return {};
  const seen = new Set();
  const walk = (file) => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const [, next] of readFileSync(file, 'utf8').matchAll(/(?:from|import)\s*["'](\.[^"']+)["']/g)) walk(resolve(dirname(file), next));
  };
  const root = join(folder, closure.root);
  closure.entries.forEach((entry) => walk(join(root, entry)));
  return Object.fromEntries([...seen].map((file) => [relative(folder, file), join(closure.into, relative(root, file))]));
}

function take(from, to) {
  const text = readFileSync(from, 'utf8').replace(/\n?\/\/# sourceMappingURL=.*\s*$/, '\n');
  mkdirSync(dirname(to), { recursive: true });
  writeFileSync(to, text);
  return createHash('sha256').update(text).digest('hex');
}

function licence(folder) {
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  return file ? readFileSync(join(folder, file), 'utf8').trim() : 'The package carries no licence text; see its licence above.';
}

function sprite(folder) {
  const symbol = (name) => {
    const svg = readFileSync(join(folder, `${name}.svg`), 'utf8');
    const shapes = svg.slice(svg.indexOf('>', svg.indexOf('<svg')) + 1, svg.lastIndexOf('</svg>')).replace(/\s+/g, ' ').trim();
    return `<symbol id="${name}" viewBox="0 0 24 24">${shapes}</symbol>`;
  };
  const known = ICONS.filter((name) => existsSync(join(folder, `${name}.svg`)));
  const missing = ICONS.filter((name) => !known.includes(name));
  if (missing.length) throw new Error(`lucide has no icon ${missing.join(', ')}`);
  return `<svg xmlns="http://www.w3.org/2000/svg">\n${known.map(symbol).join('\n')}\n</svg>\n`;
}
