// Runs every file of browser tests, or those that are named, one after the other. A file that failed is run once more at the end:
// a browser on a busy machine now and then misses a frame, a broken page fails both times. What passed only then is named.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('.', import.meta.url));
const named = process.argv.slice(2);
const files = readdirSync(folder).filter((name) => name.endsWith('.test.mjs') && (!named.length || named.some((one) => name.startsWith(one)))).sort();

const TIMEOUT_MS = 1_200_000;
function passes(file) {
  const started = Date.now();
  const { status } = spawnSync(process.execPath, ['--test', `--test-timeout=${TIMEOUT_MS}`, `${folder}${file}`], { stdio: 'inherit' });
  console.log(`${file}: ${status === 0 ? 'passed' : 'FAILED'} after ${Math.round((Date.now() - started) / 1000)} s`);
  return status === 0;
}

const failed = files.filter((file) => !passes(file));
const broken = failed.filter((file) => !passes(file));
for (const file of failed) console.log(`${file}: ${broken.includes(file) ? 'failed twice' : 'failed once, and passed when run again'}`);
console.log(`${files.length - broken.length} of ${files.length} files of browser tests passed`);
process.exitCode = broken.length || !files.length ? 1 : 0;
