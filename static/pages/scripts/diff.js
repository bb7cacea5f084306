// A unified diff, line by line; signs say what colours show.
import { html } from '../../lib/ui.js';

const KINDS = { '+': 'added', '-': 'removed', '@': 'place' };

export const Diff = ({ text, label }) => {
  const lines = text.split('\n').filter((line, at, all) => !/^(---|\+\+\+) /.test(line) && (line || at < all.length - 1));
  return html`<pre class="diff" tabindex="0" role="group" aria-label=${label}>${lines.map((line, at) => html`<span key=${at} class=${KINDS[line[0]] ?? ''}>${line}${'\n'}</span>`)}</pre>`;
};
