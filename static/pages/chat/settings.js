// What a chat asks with: the system prompt and the parameters.
import { Button } from '../../components/basics.js';
import { Dialog } from '../../components/dialog.js';
import { NumberField, SelectField, TextArea } from '../../components/fields.js';
import { t } from '../../lib/i18n.js';
import { html, useState } from '../../lib/ui.js';

const EFFORTS = ['minimal', 'low', 'medium', 'high'];
const MEMBERS = ['system', 'temperature', 'top_p', 'max_tokens', 'reasoning_effort'];

/** The members of a chat that this form changes. */
export const settingsOf = (chat) => Object.fromEntries(MEMBERS.map((name) => [name, chat?.[name] ?? (name === 'system' ? '' : null)]));

export const differs = (settings) => MEMBERS.some((name) => settings[name] !== null && settings[name] !== '');

export function ChatSettings({ settings, save, close }) {
  const [form, setForm] = useState(settings);
  const [error, setError] = useState(null);
  const change = (name) => (value) => setForm({ ...form, [name]: value });
  const submit = async (event) => {
    event.preventDefault();
    try {
      await save(form);
      close();
    } catch (failure) {
      setError(failure);
    }
  };
  const wrong = (name) => (error?.field === name ? error.message : undefined);
  return html`
    <${Dialog} drawer title=${t('chat.settings')} close=${close} actions=${html`<${Button} onClick=${close}>${t('common.cancel')}<//><${Button} kind="primary" onClick=${submit}>${t('common.save')}<//>`}>
      <form class="form" onSubmit=${submit}>
        ${error && !MEMBERS.includes(error.field) && html`<p class="form-problem" role="alert">${error.message}</p>`}
        <${TextArea} label=${t('chat.system')} hint=${t('chat.system_hint')} rows="6" error=${wrong('system')} value=${form.system} change=${change('system')} />
        <div class="form-2">
          <${NumberField} label=${t('chat.temperature')} optional min="0" max="2" step="0.1" error=${wrong('temperature')} value=${form.temperature} change=${change('temperature')} />
          <${NumberField} label="top_p" optional min="0" max="1" step="0.05" error=${wrong('top_p')} value=${form.top_p} change=${change('top_p')} />
          <${NumberField} label=${t('chat.max_tokens')} optional min="1" step="1" error=${wrong('max_tokens')} value=${form.max_tokens} change=${change('max_tokens')} />
          <${SelectField} label=${t('chat.effort')} optional error=${wrong('reasoning_effort')} value=${form.reasoning_effort ?? ''} change=${(value) => change('reasoning_effort')(value || null)}
            options=${[['', t('chat.as_model')], ...EFFORTS.map((name) => [name, t(`chat.effort_${name}`)])]} />
        </div>
        <button type="submit" hidden></button>
      </form>
    <//>`;
}
