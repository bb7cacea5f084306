// The little Markdown of the reference: lists, code, links.
import { html } from '../../lib/ui.js';

const PIECES = /(`[^`]+`|\[[^\]]+\]\([^)]+\))/;

const Inline = ({ text }) => text.split(PIECES).map((piece) => {
  if (piece.startsWith('`')) return html`<code>${piece.slice(1, -1)}</code>`;
  const link = /^\[([^\]]+)\]/.exec(piece);
  return link ? link[1] : piece;
});

/** Paragraphs, and lists whose lines begin with a dash. */
export function Prose({ text }) {
  const items = text.replace(/\n(?!- |\n)/g, ' ').split('\n').filter(Boolean);
  if (items.length && items.every((item) => item.startsWith('- '))) return html`<ul class="prose-list">${items.map((item) => html`<li key=${item}><${Inline} text=${item.slice(2)} /></li>`)}</ul>`;
  return items.map((item) => html`<p key=${item}><${Inline} text=${item} /></p>`);
}
