// What scripts can use, beside the editor.
import { Icon, Tag } from '../../components/basics.js';
import { Answer } from '../../components/states.js';
import { language, t } from '../../lib/i18n.js';
import { useAnswer, useQuery } from '../../lib/query.js';
import { html, useState } from '../../lib/ui.js';
import { Prose } from './prose.js';

const PARTS = ['hook', 'object', 'functions', 'rules'];

/** The topics that speak of `text`, each with the entries that do; a topic whose title fits keeps all of them. */
function matching(topics, text) {
  if (!text) return topics;
  const fits = (...words) => words.some((word) => word.toLowerCase().includes(text));
  return topics.flatMap((topic) => {
    if (fits(topic.title)) return [topic];
    const entries = topic.entries.filter((entry) => fits(entry.signature, entry.text));
    return entries.length || fits(topic.text) ? [{ ...topic, entries }] : [];
  });
}

const TRANSLATED = ['zh-CN'];
const wordsOf = async (tag) => (TRANSLATED.includes(tag) ? (await import(`../../i18n/reference.${tag}.js`)).default : {});

/** The topics in the reader's language. */
const translated = (topics, words) => topics.map((topic) => ({
  ...topic, title: words[topic.title] ?? topic.title, text: words[topic.text] ?? topic.text, entries: topic.entries.map((entry) => ({ ...entry, text: words[entry.text] ?? entry.text })),
}));

export function Reference() {
  const answer = useQuery('api/scripts/reference');
  const words = useAnswer(`reference in ${language.value}`, () => wordsOf(language.value));
  const [text, setText] = useState('');
  const wanted = text.trim().toLowerCase();
  return html`
    <section class="script-reference" aria-labelledby="reference-title">
      <h2 id="reference-title">${t('scripts.reference')}</h2>
      <div class="search"><${Icon} name="search" /><input type="search" data-search autocomplete="off" spellcheck=${false} aria-label=${t('scripts.search_reference')} placeholder=${t('scripts.search_reference')} value=${text} onInput=${(event) => setText(event.target.value)} /></div>
      <${Answer} of=${answer} rows=${8} quiet>${({ topics }) => {
        const found = matching(translated(topics, words.data ?? {}), wanted);
        if (!found.length) return html`<p class="hint">${t('scripts.nothing_found')}</p>`;
        return html`<div class="reference-topics" tabindex="0" role="group" aria-labelledby="reference-title">${PARTS.map((part) => {
          const own = found.filter((topic) => topic.part === part);
          return own.length > 0 && html`<div key=${part}><h3>${t(`scripts.part_${part}`)}</h3>${own.map((topic) => html`<${Topic} key=${topic.title} topic=${topic} open=${wanted.length > 1} />`)}</div>`;
        })}</div>`;
      }}<//>
    </section>`;
}

const Topic = ({ topic, open }) => html`
  <details class="topic" open=${open}>
    <summary><${Icon} name="chevron-right" />${topic.part === 'hook' ? html`<code>${topic.title}</code>` : topic.title}</summary>
    <div class="topic-body">
      <${Prose} text=${topic.text} />
      ${topic.entries.length > 0 && html`<dl>${topic.entries.map((entry) => html`
        <div key=${entry.signature}><dt><code>${entry.signature}</code>${entry.assignable && html`<${Tag}>${t('scripts.assignable')}<//>`}</dt><dd><${Prose} text=${entry.text} /></dd></div>`)}</dl>`}
    </div>
  </details>`;
