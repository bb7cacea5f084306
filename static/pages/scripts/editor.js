// The editor: a text field over the same text in colours. Problems stand at the end of their lines.
import { t } from '../../lib/i18n.js';
import { classes, html, useEffect, useMemo, useRef, useState } from '../../lib/ui.js';
import { colour } from './grammar.js';
import { press } from './typing.js';

/**
 * `text` is what it shows; `change` is called with what was typed. `problems` are `{line, column, severity, message}`; `jump` puts the
 * cursor at its line and column whenever it is another object; `save` is called by Ctrl-S.
 */
export function Editor({ name, text, change, problems, jump, save, readOnly }) {
  const area = useRef();
  const backdrop = useRef();
  const [leaves, setLeaves] = useState(false);
  const lines = useMemo(() => colour(text), [text]);
  const byLine = useMemo(() => new Map([...problems].reverse().map((problem) => [problem.line, problem])), [problems]);
  useEffect(() => {
    if (jump) reveal(area.current, jump);
  }, [jump]);
  const scroll = () => {
    backdrop.current.scrollTop = area.current.scrollTop;
    backdrop.current.scrollLeft = area.current.scrollLeft;
  };
  const key = (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 's') {
      event.preventDefault();
      save();
    } else if (event.key === 'Escape') setLeaves(true);
    else if (!readOnly && press(event, leaves)) event.preventDefault();
  };
  return html`
    <div class="editor">
      <div class="editor-backdrop" aria-hidden="true" ref=${backdrop}><div class="editor-lines">${lines.map((line, at) => html`<${Line} key=${at} pieces=${line} problem=${byLine.get(at + 1)} />`)}</div></div>
      <textarea ref=${area} class="editor-text" wrap="off" spellcheck=${false} autocomplete="off" autocapitalize="off" autocorrect="off" aria-label=${t('scripts.editor_of', { name })} aria-describedby="script-keys script-problems"
        aria-invalid=${problems.some((problem) => problem.severity === 'error') ? 'true' : undefined} readonly=${readOnly} value=${text} onInput=${(event) => change(event.target.value)} onKeyDown=${key} onScroll=${scroll} onBlur=${() => setLeaves(false)}></textarea>
    </div>`;
}

const Line = ({ pieces, problem }) => html`
  <div class=${classes('editor-line', problem && `has-${problem.severity}`)}><span class="editor-code">${pieces.map(([kind, piece], at) => (kind ? html`<span key=${at} class=${kind}>${piece}</span>` : piece))}</span>${problem && html`<span class="line-problem">${problem.message}</span>`}</div>`;

/** Puts the cursor at a line and column, which are counted from 1, the column in characters. */
function reveal(area, { line, column }) {
  const lines = area.value.split('\n');
  const start = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  const at = start + [...(lines[line - 1] ?? '')].slice(0, Math.max(0, column - 1)).join('').length;
  area.setSelectionRange(at, at);
  area.focus({ preventScroll: true });
  const height = parseFloat(getComputedStyle(area).lineHeight);
  area.scrollTop = Math.max(0, (line - 1) * height - area.clientHeight / 2);
}
