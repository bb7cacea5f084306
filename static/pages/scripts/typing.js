// What keys do in the editor beyond what a text field does by itself. Every change can be undone.

const INDENT = '    ';

/** Puts text in place of a stretch, as if it had been typed. */
function replace(area, start, end, text) {
  area.setSelectionRange(start, end);
  // Only this keeps the browser's own undo; where it is gone, the text is still set.
  const done = text ? document.execCommand('insertText', false, text) : document.execCommand('delete');
  if (!done) {
    area.setRangeText(text, start, end, 'end');
    area.dispatchEvent(new Event('input', { bubbles: true }));
  }
}

const lineStart = (text, at) => text.lastIndexOf('\n', at - 1) + 1;
const lineEnd = (text, at) => (text.indexOf('\n', at) < 0 ? text.length : text.indexOf('\n', at));

/** Changes each line of the selection, which then holds these lines. */
function changeLines(area, change) {
  const { value, selectionStart, selectionEnd } = area;
  const start = lineStart(value, selectionStart);
  const end = lineEnd(value, Math.max(selectionStart, selectionEnd - 1));
  const before = value.slice(start, end);
  const after = change(before.split('\n')).join('\n');
  if (after === before) return;
  const fromEnd = value.length - selectionEnd;
  replace(area, start, end, after);
  if (selectionStart === selectionEnd) area.setSelectionRange(Math.max(start, area.value.length - fromEnd), Math.max(start, area.value.length - fromEnd));
  else area.setSelectionRange(start, start + after.length);
}

function indent(area) {
  const { value, selectionStart, selectionEnd } = area;
  if (selectionStart !== selectionEnd) return changeLines(area, (lines) => lines.map((line) => (line ? INDENT + line : line)));
  const column = selectionStart - lineStart(value, selectionStart);
  return replace(area, selectionStart, selectionEnd, ' '.repeat(INDENT.length - (column % INDENT.length)));
}

const outdent = (area) => changeLines(area, (lines) => lines.map((line) => line.replace(/^( {1,4}|\t)/, '')));

function comment(area) {
  changeLines(area, (lines) => {
    const full = lines.filter((line) => line.trim());
    if (!full.length) return lines;
    if (full.every((line) => /^\s*\/\//.test(line))) return lines.map((line) => line.replace(/^(\s*)\/\/ ?/, '$1'));
    const space = Math.min(...full.map((line) => /^\s*/.exec(line)[0].length));
    return lines.map((line) => (line.trim() ? `${line.slice(0, space)}// ${line.slice(space)}` : line));
  });
}

/** A new line begins where the one before did, one step further in behind an opening bracket. */
function breakLine(area) {
  const { value, selectionStart, selectionEnd } = area;
  const before = value.slice(lineStart(value, selectionStart), selectionStart);
  const [space] = /^\s*/.exec(before);
  const opens = /[{[(]\s*$/.test(before);
  const closes = /^\s*[}\])]/.test(value.slice(selectionEnd));
  replace(area, selectionStart, selectionEnd, `\n${space}${opens ? INDENT : ''}${opens && closes ? `\n${space}` : ''}`);
  if (opens && closes) area.setSelectionRange(area.selectionStart - space.length - 1, area.selectionStart - space.length - 1);
}

/** A closing bracket that opens its line steps back. */
function closeBracket(area, bracket) {
  const { value, selectionStart, selectionEnd } = area;
  const start = lineStart(value, selectionStart);
  const before = value.slice(start, selectionStart);
  const room = /^ {4,}$/.test(before) ? INDENT.length : 0;
  replace(area, selectionStart - room, selectionEnd, bracket);
}

/** Does what a key asks for; true if it did something. `leaves` says that Tab goes on to the next control. */
export function press(event, leaves) {
  const area = event.currentTarget;
  const command = event.ctrlKey || event.metaKey;
  if (event.isComposing || event.altKey) return false;
  if (event.key === 'Tab' && !command && !leaves) (event.shiftKey ? outdent : indent)(area);
  else if (event.key === '/' && command) comment(area);
  else if (event.key === 'Enter' && !command && !event.shiftKey) breakLine(area);
  else if (['}', ']', ')'].includes(event.key) && !command) closeBracket(area, event.key);
  else return false;
  return true;
}
