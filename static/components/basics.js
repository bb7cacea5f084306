// The smallest parts: icons, buttons, badges, hints.
import { classes, html } from '../lib/ui.js';

const SPRITE = new URL('../icons.svg', import.meta.url).pathname;

/** A Lucide icon of icons.svg; decoration unless it has a label. */
export const Icon = ({ name, label, size }) => html`
  <svg class=${classes('icon', size && `icon-${size}`)} role=${label ? 'img' : undefined} aria-label=${label} aria-hidden=${label ? undefined : 'true'}>
    <use href="${SPRITE}#${name}" />
  </svg>`;

/** A button; `kind` is primary, plain (default), quiet or danger. With `href` it is a link. */
export function Button({ kind = 'plain', icon, small, href, busy, children, class: name, ...rest }) {
  const all = classes('button', kind, small && 'small', icon && !children && 'only-icon', name);
  const inside = html`${busy ? html`<${Icon} name="loader-circle" size="spin" />` : icon && html`<${Icon} name=${icon} />`}${children}`;
  if (href) return html`<a class=${all} href=${href} ...${rest}>${inside}</a>`;
  return html`<button type="button" class=${all} aria-busy=${busy ? 'true' : undefined} ...${rest} disabled=${rest.disabled || busy}>${inside}</button>`;
}

/** A button that shows only its icon; its label is read out and shown as a hint. */
export const IconButton = ({ icon, label, kind = 'quiet', ...rest }) =>
  html`<${Button} kind=${kind} icon=${icon} aria-label=${label} title=${label} ...${rest} />`;

/** A state in a word, with a dot of its tone: good, warn, bad, info or plain. */
export const Badge = ({ tone = 'plain', icon, children, title }) =>
  html`<span class="badge ${tone}" title=${title}>${icon ? html`<${Icon} name=${icon} />` : html`<i class="dot" aria-hidden="true"></i>`}${children}</span>`;

/** A label of its own, such as a tag. */
export const Tag = ({ children }) => html`<span class="tag">${children}</span>`;

export const Kbd = ({ keys }) => html`<span class="kbd">${keys.split(' ').map((key) => html`<kbd key=${key}>${key}</kbd>`)}</span>`;

/** Text that is shown whole when it does not fit. */
export const Cut = ({ text, class: name }) => html`<span class=${classes('cut', name)} title=${text}>${text}</span>`;

/** The name of the house and its sign. */
export const Brand = () => html`
  <div class="brand"><img src=${new URL('../logo.svg', import.meta.url).pathname} alt="" width="24" height="24" /><span>Keywheel</span></div>`;
