// Copying, also on plain HTTP, where browsers keep the clipboard API away.

/** Copies text; true only if it was copied. `near` is an element inside the open dialog, if there is one. */
export async function copy(text, near = document.body) {
  if (navigator.clipboard && isSecureContext) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      // Refused, as without a gesture: the other way may work.
    }
  }
  // Everything outside an open dialog is inert, so the field lies inside it.
  const place = near.closest('dialog') ?? document.body;
  const field = document.createElement('textarea');
  field.value = text;
  field.className = 'off-screen';
  field.setAttribute('aria-hidden', 'true');
  const focused = document.activeElement;
  place.append(field);
  field.select();
  let copied = false;
  try {
    copied = document.execCommand('copy');
  } catch {
    copied = false;
  }
  field.remove();
  focused?.focus?.({ preventScroll: true });
  return copied;
}

/** Selects what an element shows, for whoever has to copy by hand. */
export function select(element) {
  const range = document.createRange();
  range.selectNodeContents(element);
  const selection = getSelection();
  selection.removeAllRanges();
  selection.addRange(range);
}
