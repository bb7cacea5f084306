// Tabs: of an address (links), or of a place inside a page (buttons that arrow keys walk).
import { html, useId, useRef } from '../lib/ui.js';

/** Tabs whose choice stands in the address: `[name, label, href]`. */
export const LinkTabs = ({ tabs, chosen, label }) => html`
  <nav class="tabs" aria-label=${label}>${tabs.map(([name, text, link]) => html`<a key=${name} href=${link} aria-current=${chosen === name ? 'page' : undefined}>${text}</a>`)}</nav>`;

/** Tabs within a page: `tabs` are `[name, label]`; `children` is called with the chosen name. */
export function Tabs({ tabs, chosen, choose, label, children }) {
  const list = useRef();
  const id = useId();
  const key = (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    const at = tabs.findIndex(([name]) => name === chosen);
    const [next] = tabs[(at + by + tabs.length) % tabs.length];
    choose(next);
    list.current.querySelector(`[data-name="${next}"]`).focus();
  };
  return html`
    <div class="tabs" role="tablist" aria-label=${label} ref=${list} onKeyDown=${key}>
      ${tabs.map(([name, text]) => html`<button type="button" role="tab" key=${name} id="${id}-${name}" data-name=${name} aria-selected=${chosen === name} aria-controls="${id}-panel"
        tabindex=${chosen === name ? 0 : -1} onClick=${() => choose(name)}>${text}</button>`)}
    </div>
    <div role="tabpanel" id="${id}-panel" aria-labelledby="${id}-${chosen}" tabindex="-1">${children(chosen)}</div>`;
}
