// The command palette: pages, things by name, and commands, from the keyboard.
import { everything } from '../lib/api.js';
import { LANGUAGES, t, useLanguage } from '../lib/i18n.js';
import { useAnswer } from '../lib/query.js';
import { go, href } from '../lib/router.js';
import { THEMES, theme } from '../lib/theme.js';
import { classes, html, signal, useEffect, useLayoutEffect, useRef, useState } from '../lib/ui.js';
import { ROUTES } from '../routes.js';
import { Icon } from './basics.js';

export const paletteOpen = signal(false);
export const helpOpen = signal(false);

const MOST = 40;

const fixed = () => [
  ...ROUTES.filter((item) => !item.bare).map((item) => ({ icon: item.icon, label: t(`nav.${item.page}`), kind: t('palette.page'), run: () => go(href(item.page)) })),
  ...THEMES.map((name) => ({ icon: 'sun', label: `${t('preferences.theme')}: ${t(`preferences.${name}`)}`, kind: t('palette.command'), run: () => { theme.value = name; } })),
  ...Object.entries(LANGUAGES).map(([tag, name]) => ({ icon: 'languages', label: `${t('preferences.language')}: ${name}`, kind: t('palette.command'), run: () => useLanguage(tag) })),
  { icon: 'keyboard', label: t('help.title'), kind: t('palette.command'), run: () => { helpOpen.value = true; } },
];

/** Things of the catalog by name, for a jump. */
async function things(signal) {
  const nouns = [['keys', 'key-round'], ['models', 'boxes'], ['clients', 'users'], ['providers', 'plug']];
  const lists = await Promise.all(nouns.map(([noun]) => everything(`api/${noun}`, noun, {}, { signal })));
  return nouns.flatMap(([noun, icon], at) => lists[at].map((thing) => ({
    icon, label: thing.name, more: thing.provider_name, kind: t(`nav.${noun}`), run: () => go(href([noun, thing.id])),
  })));
}

const matches = (entry, words) => {
  const text = `${entry.label} ${entry.more ?? ''} ${entry.kind}`.toLowerCase();
  return words.every((word) => text.includes(word));
};

const CALL_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f-]{18,}$/i;

export function Palette() {
  return paletteOpen.value ? html`<${Open} close=${() => { paletteOpen.value = false; }} />` : null;
}

function Open({ close }) {
  const [text, setText] = useState('');
  const [at, setAt] = useState(0);
  const element = useRef();
  const list = useRef();
  const { data = [] } = useAnswer('palette', things);
  const words = text.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const call = CALL_ID.test(text.trim()) ? [{ icon: 'activity', label: text.trim(), kind: t('nav.calls'), run: () => go(href(['calls', text.trim()])) }] : [];
  const found = [...call, ...[...fixed(), ...(words.length ? data : [])].filter((entry) => matches(entry, words))].slice(0, MOST);
  useLayoutEffect(() => {
    const before = document.activeElement;
    element.current.showModal();
    return () => {
      element.current?.close();
      before?.isConnected && before.focus({ preventScroll: true });
    };
  }, []);
  useEffect(() => list.current?.querySelector('.is-here')?.scrollIntoView({ block: 'nearest' }), [at]);
  const choose = (entry) => {
    close();
    entry.run();
  };
  const key = (event) => {
    if (event.isComposing) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      setAt((old) => (old + step + found.length) % Math.max(1, found.length));
    } else if (event.key === 'Enter' && found[at]) {
      event.preventDefault();
      choose(found[at]);
    }
  };
  return html`
    <dialog ref=${element} class="palette" aria-label=${t('palette.open')} onCancel=${(event) => { event.preventDefault(); close(); }}
      onClick=${(event) => event.target === element.current && close()}>
      <div class="palette-box">
        <div class="palette-input"><${Icon} name="search" />
          <input type="text" role="combobox" aria-expanded="true" aria-controls="palette-list" aria-autocomplete="list"
            aria-activedescendant=${found[at] ? `palette-${at}` : undefined} aria-label=${t('palette.open')} placeholder=${t('palette.hint')}
            autocomplete="off" spellcheck=${false} autofocus value=${text} onInput=${(event) => { setText(event.target.value); setAt(0); }} onKeyDown=${key} /></div>
        <div class="palette-list" role="listbox" id="palette-list" aria-label=${t('palette.open')} ref=${list}>
          ${found.map((entry, index) => html`
            <div role="option" id="palette-${index}" key=${index} aria-selected=${index === at} class=${classes('palette-entry', index === at && 'is-here')}
              onClick=${() => choose(entry)} onPointerMove=${() => setAt(index)}>
              <${Icon} name=${entry.icon} /><span class="grow cut">${entry.label}${entry.more && html` <span class="hint">${entry.more}</span>`}</span><span class="hint">${entry.kind}</span></div>`)}
        </div>
        ${!found.length && html`<p class="palette-none hint">${t('palette.nothing', { text })}</p>`}
      </div>
    </dialog>`;
}
