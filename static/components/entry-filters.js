// Filters that are typed: words, and figures from and to. Each is a member of the address, or a pair of them.
import { t } from '../lib/i18n.js';
import { route, setQuery } from '../lib/router.js';
import { html, useState } from '../lib/ui.js';
import { Button } from './basics.js';
import { Menu } from './menu.js';

const labelWith = (label, chosen) => html`${label}${chosen && html`<span class="chosen">: ${chosen}</span>`}`;

/** A panel whose fields hold what is typed until it is applied. `shown` are the texts of the fields; `read` makes members of the address of them. */
function Entry({ shown, label, chosen, children, read, fields }) {
  const [typed, setTyped] = useState({});
  const values = { ...shown, ...typed };
  const apply = (changes, close) => {
    setTyped({});
    setQuery(changes);
    close();
  };
  const submit = (close) => (event) => {
    event.preventDefault();
    apply(read(values), close);
  };
  const none = Object.fromEntries(Object.keys(shown).map((name) => [name, null]));
  return html`
    <${Menu} small start active=${Boolean(chosen)} title=${label} label=${html`${label}${chosen && html`<span class="chosen">: ${chosen}</span>`}`}>${(close) => html`
      <form class="entry-filter" onSubmit=${submit(close)}>
        ${fields(values, (name) => (event) => setTyped({ ...typed, [name]: event.target.value }))}
        ${children}
        <div class="row"><${Button} small kind="primary" type="submit">${t('common.apply')}<//>
          ${chosen && html`<${Button} small kind="quiet" onClick=${() => apply(none, close)}>${t('common.any')}<//>`}</div>
      </form>`}<//>`;
}

/** A text for a member of the address. */
export function TextFilter({ name, label, hint, placeholder }) {
  const given = route.value.query[name] ?? '';
  const fields = (values, change) => html`<label>${label}<input type="text" autocomplete="off" spellcheck="false" placeholder=${placeholder} value=${values[name]} onInput=${change(name)} /></label>`;
  return html`<${Entry} shown=${{ [name]: given }} label=${label} chosen=${given} fields=${fields} read=${(values) => ({ [name]: values[name].trim() || null })}>
    ${hint && html`<p class="hint">${hint}</p>`}<//>`;
}

/** Figures from and to, for the members `min_NAME` and `max_NAME`: typed in steps of `unit`, and written by `show`. */
export function SpanFilter({ name, label, show, unit = 1, mark }) {
  const [least, most] = [`min_${name}`, `max_${name}`];
  const { [least]: from, [most]: to } = route.value.query;
  const chosen = from && to ? `${show(Number(from))} – ${show(Number(to))}` : from ? `≥ ${show(Number(from))}` : to ? `≤ ${show(Number(to))}` : '';
  const asTyped = (value) => (value ? String(Number(value) / unit) : '');
  const asKept = (text) => (text === '' ? null : String(Number((Number(text) * unit).toPrecision(12))));
  const field = (values, change, one, text) => html`
    <label>${text}<span class="with-unit"><input type="number" min="0" step="any" value=${values[one]} onInput=${change(one)} />${mark && html`<span>${mark}</span>`}</span></label>`;
  const fields = (values, change) => html`<div class="entry-span">${field(values, change, least, t('common.at_least'))}${field(values, change, most, t('common.at_most'))}</div>`;
  return html`<${Entry} shown=${{ [least]: asTyped(from), [most]: asTyped(to) }} label=${label} chosen=${chosen} fields=${fields} read=${(values) => ({ [least]: asKept(values[least]), [most]: asKept(values[most]) })} />`;
}
