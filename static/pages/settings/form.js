// The settings that calls go by: one list says what each is, the form draws it.
import { Button } from '../../components/basics.js';
import { NumberField, SelectField, Switch, TagInput } from '../../components/fields.js';
import { useForm } from '../../components/form.js';
import { api } from '../../lib/api.js';
import { differences } from '../../lib/edit.js';
import { dateTime } from '../../lib/format.js';
import { t, word } from '../../lib/i18n.js';
import { notify } from '../../lib/notices.js';
import { STRATEGIES } from '../../lib/presets.js';
import { mayOwn } from '../../lib/session.js';
import { html } from '../../lib/ui.js';

/** Parts of the form: groups of `[member, kind, attributes]`. */
const PARTS = {
  routing: [
    ['choice', [['strategy', 'strategy'], ['attempts', 'number', { min: 1, max: 10 }], ['retry_share', 'percent', { min: 0, max: 100 }], ['retry_burst', 'number', { min: 0, unit: '/s' }], ['retry_sent_timeouts', 'switch'], ['owner_wait_ms', 'number', { min: 0, unit: 'ms' }]]],
    ['streams', [['commit_ms', 'number', { min: 0, unit: 'ms' }], ['commit_bytes', 'number', { min: 0, unit: 'B' }], ['keepalive_ms', 'number', { min: 0, unit: 'ms' }]]],
    ['access', [['refuse_unpriced', 'switch'], ['model_sync_s', 'number', { min: 0, unit: 's' }], ['model_sync_review', 'switch'], ['cors_origins', 'list', { placeholder: 'https://app.example.com' }]]],
  ],
  logging: [
    ['records', [['retention_days', 'number', { min: 1, unit: 'd' }], ['retention_mib', 'number', { min: 0, unit: 'MiB' }], ['recorded_headers', 'list', { placeholder: 'x-team' }]]],
    ['bodies', [['store_bodies', 'switch'], ['body_cap_bytes', 'number', { min: 0, unit: 'B' }], ['body_retention_days', 'number', { min: 1, unit: 'd' }]]],
  ],
};

function Setting({ name, kind, rest = {}, bind }) {
  const shared = { label: t(`settings.${name}`), hint: t(`settings.${name}_hint`), ...bind(name) };
  if (kind === 'switch') return html`<${Switch} ...${shared} ...${rest} />`;
  if (kind === 'list') return html`<${TagInput} ...${shared} ...${rest} />`;
  if (kind === 'strategy') return html`<${SelectField} ...${shared} options=${STRATEGIES.map((one) => [one, word('strategy', one)])} />`;
  if (kind === 'percent') {
    const value = shared.value === null || shared.value === undefined ? null : Math.round(shared.value * 1000) / 10;
    return html`<${NumberField} ...${shared} ...${rest} value=${value} unit="%" step="any" change=${(percent) => shared.change(percent === null ? null : percent / 100)} />`;
  }
  return html`<${NumberField} ...${shared} ...${rest} />`;
}

export function SettingsForm({ part, settings, done }) {
  const groups = PARTS[part].map(([group, members]) => [group, members.filter(([name]) => name in settings)]);
  const names = groups.flatMap(([, members]) => members.map(([name]) => name));
  const form = useForm(Object.fromEntries(names.map((name) => [name, settings[name]])), (values) => api.patch('api/settings', differences(settings, values), { etag: settings.version }), () => {
    notify(t('settings.saved'));
    done();
  });
  const changed = Object.keys(differences(settings, form.values)).length;
  return html`
    <form class="settings-form" onSubmit=${form.submit}>
      <fieldset disabled=${!mayOwn.value} class="stack">
        ${groups.map(([group, members]) => html`
          <section class="panel settings-group" key=${group}><div><h2>${t(`settings.group_${group}`)}</h2><p class="hint">${t(`settings.group_${group}_hint`)}</p></div>
            <div class="form">${members.map(([name, kind, rest]) => html`<${Setting} key=${name} name=${name} kind=${kind} rest=${rest} bind=${form.bind} />`)}</div></section>`)}
        ${form.problem}
        <div class="row save-bar"><${Button} kind="primary" type="submit" busy=${form.busy} disabled=${!changed}>${t('common.save')}<//>
          <span class="hint">${changed ? t('settings.unsaved', { n: changed }) : settings.updated_at && t('settings.updated', { time: dateTime(settings.updated_at) })}</span></div>
      </fieldset>
    </form>`;
}
