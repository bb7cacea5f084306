// What narrows a list. Every filter is a member of the address, so that a list can be sent as a link.
import { t } from '../lib/i18n.js';
import { route, setQuery } from '../lib/router.js';
import { html, useEffect, useRef, useState } from '../lib/ui.js';
import { Icon, IconButton } from './basics.js';
import { Menu, MenuEntry } from './menu.js';

/** A search box bound to a member of the address; `/` jumps into it. */
export function Search({ name = 'search', label }) {
  const given = route.value.query[name] ?? '';
  const [text, setText] = useState(given);
  const typed = useRef(given);
  useEffect(() => {
    if (given !== typed.current) setText(typed.current = given);
  }, [given]);
  useEffect(() => {
    if (text === typed.current) return undefined;
    const timer = setTimeout(() => {
      typed.current = text;
      setQuery({ [name]: text.trim() });
    }, 180);
    return () => clearTimeout(timer);
  }, [text]);
  return html`
    <div class="search">
      <${Icon} name="search" />
      <input type="search" data-search aria-label=${label ?? t('common.search')} placeholder=${label ?? t('common.search')} autocomplete="off" spellcheck=${false} value=${text}
        onInput=${(event) => setText(event.target.value)} onKeyDown=${(event) => event.key === 'Escape' && event.target.blur()} />
      ${!text && html`<kbd aria-hidden="true">/</kbd>`}
    </div>`;
}

/** Chooses one of `options` (`[value, label, count]`), or several, for a member of the address. */
export function FilterMenu({ name, label, options, several }) {
  const given = route.value.query[name];
  const values = given ? (several ? given.split(',') : [given]) : [];
  const shown = values.map((value) => options.find(([one]) => String(one) === value)?.[1] ?? value);
  const toggle = (value) => {
    if (!several) return setQuery({ [name]: values.includes(String(value)) ? null : value });
    const next = values.includes(String(value)) ? values.filter((one) => one !== String(value)) : [...values, value];
    return setQuery({ [name]: next.join(',') });
  };
  return html`
    <${Menu} small start active=${values.length > 0} title=${label} label=${html`${label}${shown.length > 0 && html`<span class="chosen">: ${shown.length > 2 ? shown.length : shown.join(', ')}</span>`}`}>
      ${(close) => html`<div class="menu-scroll">
        ${values.length > 0 && html`<${MenuEntry} icon="x" close=${close} run=${() => setQuery({ [name]: null })}>${t('common.any')}<//>`}
        ${options.map(([value, text, count]) => html`<${MenuEntry} key=${value} close=${several ? () => {} : close} run=${() => toggle(value)} chosen=${values.includes(String(value))}>
          ${text}${count !== undefined && html` <span class="hint">${count}</span>`}<//>`)}
        ${!options.length && html`<p class="hint menu-none">${t('common.none')}</p>`}
      </div>`}
    <//>`;
}

/** A filter that is set, with a way out of it. */
export const Chip = ({ label, value, name }) => html`
  <span class="chip">${label}: <strong>${value}</strong><${IconButton} small icon="x" label=${t('common.remove_named', { name: label })} onClick=${() => setQuery({ [name]: null })} /></span>`;

/** Takes all these members out of the address, if any is set. */
export function ClearFilters({ names }) {
  const { query } = route.value;
  if (!names.some((name) => query[name])) return null;
  return html`<button type="button" class="link" onClick=${() => setQuery(Object.fromEntries(names.map((name) => [name, null])))}>${t('common.clear')}</button>`;
}
