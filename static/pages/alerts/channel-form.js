// One channel: how it tells, where to, and when it is silent.
import { Button } from '../../components/basics.js';
import { Dialog } from '../../components/dialog.js';
import { NumberField, SecretField, SelectField, Switch, TagInput, TextField } from '../../components/fields.js';
import { useForm } from '../../components/form.js';
import { api } from '../../lib/api.js';
import { differences, removeThing } from '../../lib/edit.js';
import { t } from '../../lib/i18n.js';
import { mayOperate } from '../../lib/session.js';
import { html } from '../../lib/ui.js';

const KINDS = ['webhook', 'slack', 'feishu', 'dingtalk', 'wecom', 'email'];
const SIGNED = ['webhook', 'feishu', 'dingtalk'];
const PLACEHOLDERS = {
  webhook: 'https://example.org/hooks/keywheel', slack: 'https://hooks.slack.com/services/…', feishu: 'https://open.feishu.cn/open-apis/bot/v2/hook/…',
  dingtalk: 'https://oapi.dingtalk.com/robot/send?access_token=…', wecom: 'https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=…',
};
const ZONES = Intl.supportedValuesOf?.('timeZone') ?? [];
const here = () => Intl.DateTimeFormat().resolvedOptions().timeZone;

/** A channel as flat fields of the form. */
const toForm = ({ mail, quiet, ...channel }) => ({
  name: channel.name ?? '', kind: channel.kind ?? 'webhook', url: '', secret: '', allow_private: channel.allow_private ?? false, least: channel.least ?? 'warning',
  attempts: channel.attempts ?? null, retry_ms: channel.retry_ms ?? null, enabled: channel.enabled ?? true,
  host: mail?.host ?? '', port: mail?.port ?? 587, security: mail?.security ?? 'starttls', user: mail?.user ?? '', from: mail?.from ?? '', to: mail?.to ?? [],
  is_quiet: Boolean(quiet), quiet_from: quiet?.from ?? '22:00', quiet_to: quiet?.to ?? '07:00', zone: quiet?.zone ?? here(), critical_too: quiet?.critical_too ?? false,
});

function toBody({ host, port, security, user, from, to, is_quiet: isQuiet, quiet_from: quietFrom, quiet_to: quietTo, zone, critical_too: criticalToo, url, secret, ...body }) {
  if (url) body.url = url;
  if (secret) body.secret = secret;
  body.mail = body.kind === 'email' ? { host, port, security, user: user || null, from, to } : null;
  body.quiet = isQuiet ? { from: quietFrom, to: quietTo, zone, critical_too: criticalToo } : null;
  return body;
}

/** Where the server's objection to a nested member stands in the flat form. */
const FIELDS = { 'mail.host': 'host', 'mail.port': 'port', 'mail.user': 'user', 'mail.from': 'from', 'mail.to': 'to', 'quiet.from': 'quiet_from', 'quiet.to': 'quiet_to', 'quiet.zone': 'zone' };
const flat = (error) => Object.assign(error, { field: FIELDS[error.field] ?? error.field });

export function ChannelForm({ channel, close, changed }) {
  const isNew = !channel.id;
  const save = (values) => {
    const body = toBody(values);
    const sent = isNew ? api.post('api/alerts/channels', body) : api.patch(`api/alerts/channels/${channel.id}`, differences(channel, body), { etag: channel.version });
    return sent.catch((error) => { throw flat(error); });
  };
  const form = useForm(toForm(channel), save, () => { changed(); close(); });
  const { bind, values } = form;
  const remove = async () => (await removeThing('alerts/channels', channel, changed)) && close();
  const kept = (has) => (!isNew && has ? t('alerts.kept') : undefined);
  return html`
    <${Dialog} drawer title=${isNew ? t('alerts.add_channel') : channel.name} close=${close}>
      <form class="form" onSubmit=${form.submit}><fieldset class="form" disabled=${!mayOperate.value}>
        <${SelectField} label=${t('alerts.via')} options=${KINDS.map((kind) => [kind, t(`alerts.via_${kind}`)])} ...${bind('kind')} disabled=${!isNew} />
        <${TextField} label=${t('common.name')} required ...${bind('name')} />
        ${values.kind === 'email' ? html`<${Mail} bind=${bind} kept=${kept(channel.has_secret)} />` : html`
          <${TextField} type="url" label="URL" required=${isNew} placeholder=${PLACEHOLDERS[values.kind]} hint=${kept(true)} ...${bind('url')} />
          ${SIGNED.includes(values.kind) && html`<${SecretField} label=${t('alerts.secret')} optional hint=${kept(channel.has_secret) ?? t(`alerts.secret_${values.kind}`)} ...${bind('secret')} />`}`}
        <${Switch} label=${t('alerts.allow_private')} hint=${t('alerts.allow_private_hint')} ...${bind('allow_private')} />
        <${SelectField} label=${t('alerts.least')} options=${[['warning', t('alerts.everything')], ['critical', t('alerts.only_critical')]]} ...${bind('least')} />
        <${Switch} label=${t('alerts.quiet')} hint=${t('alerts.quiet_hint')} ...${bind('is_quiet')} />
        ${values.is_quiet && html`<div class="form-3"><${TextField} type="time" label=${t('alerts.quiet_from')} required ...${bind('quiet_from')} /><${TextField} type="time" label=${t('alerts.quiet_to')} required ...${bind('quiet_to')} />
          <${TextField} label=${t('alerts.zone')} required list="alert-zones" ...${bind('zone')} /></div><datalist id="alert-zones">${ZONES.map((zone) => html`<option key=${zone} value=${zone} />`)}</datalist>
          <${Switch} label=${t('alerts.critical_too')} ...${bind('critical_too')} />`}
        <details class="more-fields"><summary>${t('alerts.retries')}</summary><div class="form-2"><${NumberField} label=${t('alerts.attempts')} optional min="1" max="20" ...${bind('attempts')} /><${NumberField} label=${t('alerts.retry')} optional min="100" unit="ms" ...${bind('retry_ms')} /></div></details>
        ${!isNew && html`<${Switch} label=${t('common.enabled')} ...${bind('enabled')} />`}
        ${form.problem}
        ${mayOperate.value && html`<div class="row wrap"><${Button} kind="primary" type="submit" busy=${form.busy}>${isNew ? t('common.add') : t('common.save')}<//><span class="grow"></span>${!isNew && html`<${Button} kind="danger" icon="trash-2" onClick=${remove}>${t('common.delete')}<//>`}</div>`}
      </fieldset></form>
    <//>`;
}

const Mail = ({ bind, kept }) => html`
  <div class="form-3"><${TextField} label=${t('alerts.host')} required placeholder="smtp.example.org" ...${bind('host')} /><${NumberField} label=${t('alerts.port')} required min="1" max="65535" ...${bind('port')} />
    <${SelectField} label=${t('alerts.encryption')} options=${[['starttls', 'STARTTLS'], ['tls', 'TLS'], ['none', t('common.none')]]} ...${bind('security')} /></div>
  <div class="form-2"><${TextField} label=${t('alerts.user')} optional ...${bind('user')} /><${SecretField} label=${t('session.password')} optional hint=${kept} ...${bind('secret')} /></div>
  <${TextField} label=${t('alerts.from')} required placeholder="keywheel@example.org" ...${bind('from')} />
  <${TagInput} label=${t('alerts.to')} placeholder="ops@example.org" ...${bind('to')} />`;
