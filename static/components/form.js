// A form over one thing: what was typed, the server's objections beside their fields, and saving.
import { t } from '../lib/i18n.js';
import { forget } from '../lib/query.js';
import { html, useState } from '../lib/ui.js';
import { causeOf } from './states.js';
import { Icon } from './basics.js';

/**
 * `values` is what was typed, `bind(name)` what a field needs, `submit` saves through `save(values)`.
 * An error that names a field stands there; any other above the buttons.
 */
export function useForm(initial, save, done) {
  const [values, setValues] = useState(initial);
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  const set = (name, value) => {
    setValues((old) => ({ ...old, [name]: value }));
    if (error?.field === name) setError(null);
  };
  const bind = (name) => ({ value: values[name], change: (value) => set(name, value), error: error?.field === name ? error.message : undefined });
  const submit = async (event) => {
    event?.preventDefault();
    setBusy(true);
    setError(null);
    try {
      const answer = await save(values);
      forget('api/');
      setBusy(false);
      done?.(answer);
    } catch (failure) {
      setBusy(false);
      setError(failure);
    }
  };
  const known = Object.keys(values);
  const problem = error && !known.includes(error.field) && html`
    <p class="form-problem" role="alert"><${Icon} name="circle-alert" /><span>${error.status === 412 ? t('edit.changed_meanwhile') : causeOf(error)}</span></p>`;
  return { values, set, bind, submit, busy, error, problem, setValues };
}
