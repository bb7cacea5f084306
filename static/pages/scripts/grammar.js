// How Rhai is coloured: lines of pieces, each with its kind.
import { languages, tokenizeText } from 'prism-code-editor/prism/index.js';

languages.rhai = {
  comment: /\/\/.*|\/\*[^]*?(?:\*\/|$)/g,
  string: /`[^`]*`|"(?:\\[^]|[^\\"])*"|'(?:\\.|[^\\'\n])'/g,
  'function-definition': { pattern: /(\bfn\s+)\w+/, lookbehind: true, alias: 'function' },
  keyword: /\b(?:as|break|catch|const|continue|do|else|export|fn|for|global|if|import|in|is|let|loop|private|return|switch|this|throw|try|until|while)\b/,
  boolean: /\b(?:false|true)\b/,
  function: /\b[a-z_]\w*(?=\s*\()/i,
  constant: /\b[A-Z][A-Z\d_]+\b/,
  number: /\b0x[\da-f_]+\b|\b\d[\d_]*(?:\.\d+)?(?:e[+-]?\d+)?\b/i,
  operator: /\?\?|\?\.|=>|&&|\|\||\.\.=?|[<>=!*/%+-]=|[<>=!*/%+|&^-]/,
  punctuation: /#\{|[{}[\]();,.:]/,
};

/** Longer texts are shown in one colour, so that typing stays quick. */
const MOST_COLOURED = 120_000;

/** The lines of a text, each as `[kind, text]` pieces. */
export function colour(text) {
  const lines = [[]];
  const tokens = text.length > MOST_COLOURED ? [text] : tokenizeText(text, languages.rhai);
  for (const token of tokens) {
    const [kind, content] = typeof token === 'string' ? ['', token] : [token.alias ?? token.type, token.content];
    content.split('\n').forEach((piece, at) => {
      if (at > 0) lines.push([]);
      if (piece) lines.at(-1).push([kind, piece]);
    });
  }
  return lines;
}
