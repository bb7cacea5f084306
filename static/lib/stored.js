// Signals that survive a reload, where the browser lets them.
import { effect, signal } from '@preact/signals';

const PREFIX = 'keywheel.';

/** A signal kept in local storage (or session storage) under a name. */
export function stored(name, initial, storage = () => localStorage) {
  let value = initial;
  try {
    const text = storage().getItem(PREFIX + name);
    if (text !== null) value = JSON.parse(text);
  } catch {
    // Storage is off or holds something else: the initial value stands.
  }
  const kept = signal(value);
  let first = true;
  effect(() => {
    const text = JSON.stringify(kept.value);
    if (first) return void (first = false);
    try {
      storage().setItem(PREFIX + name, text);
    } catch {
      // Without storage the choice lasts as long as the page.
    }
  });
  return kept;
}
