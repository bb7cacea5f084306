// Light, dark, or as the system has it.
import { computed, effect, signal } from '@preact/signals';
import { stored } from './stored.js';

export const THEMES = ['auto', 'light', 'dark'];
export const theme = stored('theme', 'auto');

const system = matchMedia('(prefers-color-scheme: dark)');
const systemIsDark = signal(system.matches);
system.addEventListener('change', () => {
  systemIsDark.value = system.matches;
});

/** Whether the page is dark now. */
export const isDark = computed(() => (theme.value === 'auto' ? systemIsDark.value : theme.value === 'dark'));

effect(() => {
  document.documentElement.dataset.theme = theme.value;
});

const narrow = matchMedia('(max-width: 760px)');

/** Whether the page is as narrow as a phone: tables become cards. */
export const isNarrow = signal(narrow.matches);
narrow.addEventListener('change', () => {
  isNarrow.value = narrow.matches;
});
