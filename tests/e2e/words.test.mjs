// The two languages say the same things, and every message that a file asks for exists.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../../static/', import.meta.url));
const load = async (tag) => {
  const source = readFileSync(`${folder}i18n/${tag}.js`, 'utf8');
  return (await import(`data:text/javascript,${encodeURIComponent(source)}`)).default;
};
const PLURALS = ['zero', 'one', 'two', 'few', 'many', 'other'];
const isPlural = (value) => typeof value === 'object' && Object.keys(value).every((key) => PLURALS.includes(key));

function flat(value, path = '') {
  if (typeof value === 'string' || isPlural(value)) return [[path, value]];
  return Object.entries(value).flatMap(([key, one]) => flat(one, path ? `${path}.${key}` : key));
}
const texts = (value) => (typeof value === 'string' ? [value] : Object.values(value));
const places = (value) => [...new Set(texts(value).join(' ').match(/\{\w+\}/g))].sort().join();

function sources(path = folder) {
  return readdirSync(path, { withFileTypes: true }).flatMap((entry) => {
    if (['vendor', 'i18n'].includes(entry.name)) return [];
    if (entry.isDirectory()) return sources(join(path, entry.name));
    return entry.name.endsWith('.js') ? [join(path, entry.name)] : [];
  });
}

const en = new Map(flat(await load('en')));
const zh = new Map(flat(await load('zh-CN')));

test('both languages have the same keys', () => {
  assert.deepEqual([...en.keys()].filter((key) => !zh.has(key)), [], 'only in en.js');
  assert.deepEqual([...zh.keys()].filter((key) => !en.has(key)), [], 'only in zh-CN.js');
});

test('both languages fill the same places, and no text is empty', () => {
  for (const [key, value] of en) {
    assert.equal(places(zh.get(key)), places(value), key);
    assert.ok([...texts(value), ...texts(zh.get(key))].every((text) => text.trim()), key);
  }
});

test('every message that is asked for by its whole name exists', () => {
  const missing = [];
  for (const file of sources()) {
    for (const [, key] of readFileSync(file, 'utf8').matchAll(/\bt\('([\w.-]+)'/g)) if (!en.has(key)) missing.push(`${file}: ${key}`);
  }
  assert.deepEqual(missing, []);
});

test('no module of the dashboard is too long', () => {
  for (const file of sources()) assert.ok(readFileSync(file, 'utf8').split('\n').length <= 300, file);
});
