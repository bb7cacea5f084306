// The settings of a key.
import { Button } from '../../components/basics.js';
import { ListOrAll, NumberField, SecretField, TagInput, TextField } from '../../components/fields.js';
import { useForm } from '../../components/form.js';
import { api } from '../../lib/api.js';
import { differences } from '../../lib/edit.js';
import { t } from '../../lib/i18n.js';
import { notify } from '../../lib/notices.js';
import { html } from '../../lib/ui.js';

const MEMBERS = ['name', 'tags', 'weight', 'priority', 'models', 'account', 'rpm', 'tpm', 'rpd', 'concurrency', 'budget_usd_month'];

/** The fields that every key has. */
export const KeyFields = ({ bind, tags }) => html`
  <div class="form-2">
    <${TagInput} label=${t('keys.tags')} optional hint=${t('keys.tags_hint')} suggestions=${tags} ...${bind('tags')} />
    <${TextField} label=${t('keys.account')} optional hint=${t('keys.account_hint')} ...${bind('account')} />
    <${NumberField} label=${t('keys.weight')} min="0" max="1000" step="1" hint=${t('keys.weight_hint')} ...${bind('weight')} />
    <${NumberField} label=${t('keys.priority')} step="1" hint=${t('keys.priority_hint')} ...${bind('priority')} />
  </div>
  <${ListOrAll} label=${t('keys.models')} all=${t('clients.every_model')} hint=${t('keys.models_hint')} none=${t('keys.no_model')} ...${bind('models')} placeholder="gpt-4o*" />
  <div class="form-2">
    <${NumberField} label=${t('keys.rpm')} optional min="0" unit=${t('keys.per_minute')} ...${bind('rpm')} />
    <${NumberField} label=${t('keys.tpm')} optional min="0" unit=${t('keys.per_minute')} ...${bind('tpm')} />
    <${NumberField} label=${t('keys.rpd')} optional min="0" unit=${t('keys.per_day')} ...${bind('rpd')} />
    <${NumberField} label=${t('keys.concurrency')} optional min="0" ...${bind('concurrency')} />
    <${NumberField} label=${t('keys.budget')} optional min="0" step="any" unit="USD" ...${bind('budget_usd_month')} />
  </div>`;

const toForm = (key) => ({ ...Object.fromEntries(MEMBERS.map((name) => [name, key[name]])), secret: '' });
const toBody = (values) => ({ ...values, account: values.account || null });

export function KeyForm({ item, done }) {
  const form = useForm(toForm(item), (values) => {
    const { secret, ...rest } = toBody(values);
    const changes = differences(item, rest);
    if (secret) changes.secret = secret;
    return api.patch(`api/keys/${item.id}`, changes, { etag: item.version });
  }, (key) => {
    notify(t('common.saved', { name: key.name }));
    done(key);
  });
  return html`
    <form class="form" onSubmit=${form.submit}>
      <div class="form-2">
        <${TextField} label=${t('common.name')} required ...${form.bind('name')} />
        <${SecretField} label=${t('keys.secret')} optional hint=${t('keys.secret_hint', { hint: item.secret_hint })} ...${form.bind('secret')} />
      </div>
      <${KeyFields} bind=${form.bind} />
      ${form.problem}
      <div class="row"><${Button} kind="primary" type="submit" busy=${form.busy}>${t('common.save')}<//></div>
    </form>`;
}
