// Form fields: a label, a control, a hint, and the server's objection where there is one.
import { t } from '../lib/i18n.js';
import { classes, html, useEffect, useId, useRef, useState } from '../lib/ui.js';
import { Button, Icon } from './basics.js';

/** A labelled place for a control; `children` is called with what ties the control to its label and messages. */
export function Field({ label, hint, error, optional, children, class: name }) {
  const id = useId();
  const tied = { id, 'aria-describedby': hint || error ? `${id}-more` : undefined, 'aria-invalid': error ? 'true' : undefined };
  return html`
    <div class=${classes('field', error && 'is-wrong', name)}>
      <label for=${id}>${label}${optional && html` <span class="optional">${t('common.optional')}</span>`}</label>
      ${children(tied)}
      ${(hint || error) && html`<div class="hint" id="${id}-more">${error ? html`<${Icon} name="circle-alert" />${error}` : hint}</div>`}
    </div>`;
}

/** A one-line text; `change` gets the text. */
export const TextField = ({ label, hint, error, optional, value, change, class: name, ...rest }) => html`
  <${Field} ...${{ label, hint, error, optional, class: name }}>
    ${(tied) => html`<input type="text" autocomplete="off" spellcheck=${false} ...${tied} ...${rest} value=${value ?? ''} onInput=${(event) => change(event.target.value)} />`}
  <//>`;

/** A number or nothing; `change` gets a number, or null when it is emptied. */
export const NumberField = ({ label, hint, error, optional, value, change, unit, ...rest }) => html`
  <${Field} ...${{ label, hint, error, optional }}>
    ${(tied) => html`<div class="with-unit"><input type="number" inputmode="decimal" ...${tied} ...${rest} value=${value ?? ''}
      onInput=${(event) => change(event.target.value === '' ? null : event.target.valueAsNumber)} />${unit && html`<span>${unit}</span>`}</div>`}
  <//>`;

/** One of `options`: `[value, label]` pairs. */
export const SelectField = ({ label, hint, error, optional, value, change, options, ...rest }) => html`
  <${Field} ...${{ label, hint, error, optional }}>
    ${(tied) => html`<${Select} ...${tied} ...${rest} ...${{ value, change, options }} />`}
  <//>`;

/** `[shown, put]`: a control stays as it was put while `change` is on its way, and goes back if that ends in false. */
function usePut(value, change) {
  const [wanted, setWanted] = useState(null);
  useEffect(() => setWanted(null), [value]);
  const put = async (next) => {
    setWanted(next);
    if (await change(next) === false) setWanted(null);
  };
  return [wanted ?? value, put];
}

export function Select({ value, change, options, ...rest }) {
  const [shown, put] = usePut(value ?? '', change);
  return html`
    <select ...${rest} value=${shown} onChange=${(event) => put(event.target.value)}>
      ${options.map(([name, label]) => html`<option key=${name} value=${name} selected=${String(name) === String(shown)}>${label}</option>`)}
    </select>`;
}

export const TextArea = ({ label, hint, error, optional, value, change, ...rest }) => html`
  <${Field} ...${{ label, hint, error, optional }}>
    ${(tied) => html`<textarea spellcheck=${false} ...${tied} ...${rest} value=${value ?? ''} onInput=${(event) => change(event.target.value)}></textarea>`}
  <//>`;

/** A switch with its label beside it. */
export function Switch({ label, hint, value, change, hideLabel, ...rest }) {
  const id = useId();
  const [shown, put] = usePut(value, change);
  return html`
    <div class="switch-row">
      <input type="checkbox" role="switch" id=${id} class="switch" checked=${shown} aria-label=${hideLabel ? label : undefined}
        aria-describedby=${hint ? `${id}-more` : undefined} ...${rest} onChange=${(event) => put(event.target.checked)} />
      ${!hideLabel && html`<div><label for=${id}>${label}</label>${hint && html`<div class="hint" id="${id}-more">${hint}</div>`}</div>`}
    </div>`;
}

/** A text that is kept from onlookers. */
export const SecretField = ({ label, hint, error, optional, value, change, ...rest }) => {
  const [shown, setShown] = useState(false);
  return html`
    <${Field} ...${{ label, hint, error, optional }}>
      ${(tied) => html`<div class="with-button"><input type=${shown ? 'text' : 'password'} autocomplete="off" spellcheck=${false} ...${tied} ...${rest}
        value=${value ?? ''} onInput=${(event) => change(event.target.value)} />
        <${Button} kind="quiet" icon=${shown ? 'eye-off' : 'eye'} aria-label=${shown ? t('common.hide') : t('common.show')}
          aria-pressed=${shown} onClick=${() => setShown(!shown)} /></div>`}
    <//>`;
};

/** Words that are typed one by one: Enter, comma or a pasted list add, Backspace takes the last away. */
export function TagInput({ label, hint, error, optional, value, change, suggestions = [], placeholder }) {
  const [text, setText] = useState('');
  const input = useRef();
  const list = useId();
  const add = (typed) => {
    const words = typed.split(/[,\n]/).map((word) => word.trim()).filter((word) => word && !value.includes(word));
    if (words.length) change([...value, ...new Set(words)]);
    setText('');
  };
  const key = (event) => {
    if (event.isComposing) return;
    if (event.key === 'Enter' && text.trim()) {
      event.preventDefault();
      add(text);
    } else if (event.key === 'Backspace' && !text) change(value.slice(0, -1));
  };
  return html`
    <${Field} ...${{ label, hint, error, optional }}>
      ${(tied) => html`
        <div class="tag-input" onClick=${(event) => event.target === event.currentTarget && input.current.focus()}>
          ${value.map((tag) => html`<span class="tag" key=${tag}>${tag}<button type="button" aria-label=${t('common.remove_named', { name: tag })}
            onClick=${() => change(value.filter((other) => other !== tag))}><${Icon} name="x" /></button></span>`)}
          <input ref=${input} ...${tied} list=${list} autocomplete="off" placeholder=${value.length ? '' : placeholder} value=${text}
            onInput=${(event) => (/[,\n]/.test(event.target.value) ? add(event.target.value) : setText(event.target.value))}
            onKeyDown=${key} onBlur=${() => add(text)} />
          <datalist id=${list}>${suggestions.filter((word) => !value.includes(word)).map((word) => html`<option key=${word} value=${word} />`)}</datalist>
        </div>`}
    <//>`;
}

/** A list, or everything: null is everything, an empty list nothing. `all` says everything, `only` the list, `none` what an empty one means. */
export function ListOrAll({ label, hint, error, value, change, all, only = t('common.only_these'), none, ...rest }) {
  const isAll = value === null || value === undefined;
  return html`
    <fieldset class="list-or-all"><legend class="field-label">${label}</legend>
      <div class="segments small" role="group" aria-label=${label}>
        <button type="button" aria-pressed=${isAll} onClick=${() => change(null)}>${all}</button>
        <button type="button" aria-pressed=${!isAll} onClick=${() => isAll && change([])}>${only}</button></div>
      ${isAll ? error && html`<p class="tone-bad">${error}</p>`
        : html`<${TagInput} label=${`${label}: ${only}`} hint=${value.length ? hint : html`<span class="tone-warn">${none}</span>`} ...${{ error, value, change }} ...${rest} />`}
    </fieldset>`;
}
