// Words in the reader's language. A message is a text with `{name}` places, or one text per plural form.
import { computed, signal } from '@preact/signals';
import { stored } from './stored.js';

export const LANGUAGES = { en: 'English', 'zh-CN': '简体中文' };

const preferred = () => (navigator.languages.find((tag) => /^(zh|en)/i.test(tag)) ?? 'en').startsWith('zh') ? 'zh-CN' : 'en';
const chosen = stored('language', null);
const messages = signal({});

/** The language in use. */
export const language = computed(() => (chosen.value in LANGUAGES ? chosen.value : preferred()));

/** Loads a language, for good where it was chosen. */
export async function useLanguage(tag) {
  if (tag) chosen.value = tag;
  const loaded = await import(`../i18n/${language.value}.js`);
  document.documentElement.lang = language.value;
  messages.value = loaded.default;
}

function find(key) {
  let at = messages.value;
  for (const part of key.split('.')) at = at?.[part];
  return at;
}

/** Whether there is a message of that name. */
export const has = (key) => find(key) !== undefined;

const makers = new Map();

/** An `Intl` object of the language in use; each is made once, for that costs far more than its use. */
export function intl(Kind, options) {
  const key = Kind.name + language.value + (options ? JSON.stringify(options) : '');
  if (!makers.has(key)) makers.set(key, new Kind(language.value, options));
  return makers.get(key);
}

/** The message `section.name` with its places filled; `n` chooses the plural form. */
export function t(key, values = {}) {
  let text = find(key) ?? key;
  if (typeof text === 'object') text = text[intl(Intl.PluralRules).select(values.n ?? 0)] ?? text.other ?? key;
  if (!text.includes('{')) return text;
  return text.replace(/\{(\w+)\}/g, (place, name) => {
    const value = values[name];
    if (value === undefined) return place;
    return typeof value === 'number' ? intl(Intl.NumberFormat).format(value) : value;
  });
}

/** The message for a word of the API, such as a state or an outcome; the word itself where there is none. */
export const word = (section, name) => (name && has(`${section}.${name}`) ? t(`${section}.${name}`) : name ?? '');
