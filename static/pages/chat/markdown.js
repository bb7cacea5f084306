// What a model writes, as sanitised markdown. Both libraries are loaded when a chat is first shown.
import { copy, select } from '../../lib/clipboard.js';
import { t } from '../../lib/i18n.js';
import { html, useLayoutEffect, useRef, useState } from '../../lib/ui.js';

/** Nothing that draws, asks, loads, or takes the place of the dashboard's own parts. */
const RULES = {
  RETURN_TRUSTED_TYPE: true, ALLOW_DATA_ATTR: false, ALLOW_ARIA_ATTR: false, FORBID_ATTR: ['class', 'id', 'style', 'name'],
  FORBID_TAGS: ['img', 'picture', 'video', 'audio', 'source', 'svg', 'math', 'style', 'form', 'input', 'button', 'select', 'textarea', 'dialog', 'details', 'summary', 'iframe'],
};

let loading;
let tools;

const ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escaped = (text) => text.replace(/[&<>"']/g, (sign) => ENTITIES[sign]);

/** Loads what draws markdown; a second call costs nothing. */
export function loadMarkdown() {
  loading ??= Promise.all([import('marked'), import('dompurify')]).then(([{ Marked }, { default: purify }]) => {
    const marked = new Marked({ gfm: true, breaks: true });
    // HTML is shown as it was written. A picture would be fetched from wherever a model says: it becomes a link.
    marked.use({ renderer: { html: ({ text }) => escaped(text), image: ({ href, text }) => `<a href="${escaped(href)}">${escaped(text || href)}</a>` } });
    purify.addHook('afterSanitizeAttributes', (node) => {
      if (node.tagName !== 'A') return;
      node.setAttribute('target', '_blank');
      node.setAttribute('rel', 'noopener noreferrer');
    });
    tools = (text) => purify.sanitize(marked.parse(text), RULES);
  });
  return loading;
}

export function Markdown({ text }) {
  const element = useRef();
  const [ready, setReady] = useState(Boolean(tools));
  useLayoutEffect(() => {
    if (!tools) {
      loadMarkdown().then(() => setReady(true), () => {});
      return;
    }
    element.current.innerHTML = tools(text);
    for (const block of element.current.querySelectorAll('pre')) {
      block.tabIndex = 0;
      block.append(copyButton(block.querySelector('code') ?? block));
    }
    for (const table of element.current.querySelectorAll('table')) {
      const frame = document.createElement('div');
      frame.className = 'table-frame';
      frame.tabIndex = 0;
      table.replaceWith(frame);
      frame.append(table);
    }
  }, [text, ready]);
  if (!ready) return html`<div class="markdown plain-text" key="plain">${text}</div>`;
  return html`<div class="markdown" key="drawn" ref=${element}></div>`;
}

/** Copies a block of code, or selects it where copying fails. */
function copyButton(block) {
  const code = block.textContent;
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'button small code-copy';
  button.textContent = t('common.copy');
  button.addEventListener('click', async () => {
    const done = await copy(code, button);
    button.textContent = t(done ? 'common.copied' : 'common.copy_failed');
    if (!done) select(block);
    setTimeout(() => { button.textContent = t('common.copy'); }, 2000);
  });
  return button;
}
