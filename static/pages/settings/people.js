// Who may come in: people with a password or a link, and programs with an admin token.
import { Badge, Button, IconButton } from '../../components/basics.js';
import { Code } from '../../components/code.js';
import { Confirm, Dialog } from '../../components/dialog.js';
import { Select, SelectField, TextField } from '../../components/fields.js';
import { useForm } from '../../components/form.js';
import { Answer, Empty } from '../../components/states.js';
import { api, everything, url } from '../../lib/api.js';
import { attempt } from '../../lib/edit.js';
import { dateTime, relative } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { useAnswer } from '../../lib/query.js';
import { mayOperate, mayOwn, user as self } from '../../lib/session.js';
import { html, useState } from '../../lib/ui.js';

const ROLES = ['viewer', 'operator', 'owner'];
const roles = () => ROLES.map((role) => [role, t(`role.${role}`)]);
const seen = (time) => (time ? relative(time) : t('common.never'));

export function People() {
  const users = useAnswer(mayOperate.value ? 'api/users all' : null, (signal) => everything('api/users', 'users', {}, { signal }));
  const tokens = useAnswer(mayOwn.value ? 'api/tokens all' : null, (signal) => everything('api/tokens', 'tokens', {}, { signal }));
  const [dialog, setDialog] = useState(null);
  const close = () => setDialog(null);
  const again = () => {
    users.reload();
    tokens.reload();
  };
  const show = (secret) => {
    again();
    setDialog(secret ? { secret } : null);
  };
  if (!mayOperate.value) return html`<p class="verdict">${t('people.operators_see')}</p>`;
  return html`
    <section class="panel people"><div class="section-head"><div><h2>${t('people.users')}</h2><p class="hint">${t('people.roles_hint')}</p></div>
      ${mayOwn.value && html`<${Button} small icon="user-plus" onClick=${() => setDialog({ add: 'user' })}>${t('people.add_user')}<//>`}</div>
      <${Answer} of=${users} rows=${3} quiet>${(list) => html`<ul class="plain-rows">${list.map((one) => html`<${User} key=${one.id} user=${one} again=${again} show=${show} ask=${setDialog} />`)}</ul>
        ${!list.length && html`<${Empty} icon="users" title=${t('people.no_users')} />`}`}<//></section>
    ${mayOwn.value && html`<section class="panel people"><div class="section-head"><div><h2>${t('people.tokens')}</h2><p class="hint">${t('people.tokens_hint')}</p></div>
      <${Button} small icon="plus" onClick=${() => setDialog({ add: 'token' })}>${t('people.add_token')}<//></div>
      <${Answer} of=${tokens} rows=${2} quiet>${(list) => html`<ul class="plain-rows">${list.map((one) => html`<${Token} key=${one.id} token=${one} ask=${setDialog} />`)}</ul>
        ${!list.length && html`<p class="hint">${t('people.no_tokens')}</p>`}`}<//></section>`}
    ${dialog?.add === 'user' && html`<${AddUser} close=${close} first=${users.data?.length === 0} done=${(made) => show(made.link && { ...made.link, name: made.user.name })} />`}
    ${dialog?.add === 'token' && html`<${AddToken} close=${close} done=${(made) => show({ token: made.token, name: made.admin_token.name })} />`}
    ${dialog?.secret && html`<${Once} ...${dialog.secret} close=${close} />`}
    ${dialog?.remove && html`<${Confirm} title=${t('common.remove_named', { name: dialog.remove.name })} text=${t(`people.remove_${dialog.noun}`)} action=${t('common.delete')} close=${close}
      run=${() => { close(); attempt(() => api.delete(`api/${dialog.noun}/${dialog.remove.id}`, { etag: dialog.remove.version }), { done: t('common.deleted', { name: dialog.remove.name }), changed: again }); }} />`}`;
}

function User({ user, again, show, ask }) {
  const isSelf = user.id === self.value?.id;
  const change = (changes) => attempt(() => api.patch(`api/users/${user.id}`, changes, { etag: user.version }), { done: t('common.saved', { name: user.name }), changed: again });
  const link = async () => {
    const made = await api.post(`api/users/${user.id}/link`);
    show({ ...made, name: user.name });
  };
  return html`
    <li><span class="avatar" aria-hidden="true">${user.name.slice(0, 1).toUpperCase()}</span>
      <span class="grow"><strong>${user.name}</strong> ${isSelf && html`<span class="tag">${t('people.you')}</span>`}<br /><span class="hint">${t('people.last_seen', { time: seen(user.last_used_at) })}</span></span>
      ${user.disabled && html`<${Badge}>${t('common.disabled')}<//>`}${!user.has_password && html`<${Badge} tone="warn">${t('people.no_password')}<//>`}
      ${mayOwn.value && !isSelf ? html`
        <${Select} class="role-choice" aria-label=${t('people.role_of', { name: user.name })} value=${user.role} change=${(role) => change({ role })} options=${roles()} />
        <${Button} small onClick=${() => attempt(link)}>${t('people.new_link')}<//>
        <${Button} small onClick=${() => change({ disabled: !user.disabled })}>${t(user.disabled ? 'keys.enable' : 'keys.disable')}<//>
        <${IconButton} icon="trash-2" label=${t('common.remove_named', { name: user.name })} onClick=${() => ask({ remove: user, noun: 'users' })} />` : html`<span class="hint">${t(`role.${user.role}`)}</span>`}</li>`;
}

const Token = ({ token, ask }) => html`
  <li><span class="grow"><strong>${token.name}</strong> <code class="hint">${token.token_hint}</code><br />
    <span class="hint">${t('common.last_used', { time: seen(token.last_used_at) })}${token.expires_at ? ` · ${t('people.expires', { time: dateTime(token.expires_at) })}` : ''}</span></span>
    <span class="hint">${t(`role.${token.role}`)}</span><${IconButton} icon="trash-2" label=${t('common.remove_named', { name: token.name })} onClick=${() => ask({ remove: token, noun: 'tokens' })} /></li>`;

/** The first one has to be an owner. */
function AddUser({ close, done, first }) {
  const form = useForm({ name: '', role: first ? 'owner' : 'operator' }, (values) => api.post('api/users', values), done);
  return html`<${Adding} title=${t('people.add_user')} hint=${t('people.add_user_hint')} form=${form} close=${close} />`;
}

function AddToken({ close, done }) {
  const form = useForm({ name: '', role: 'operator', expires_at: '' }, ({ expires_at: expires, ...values }) => api.post('api/tokens', { ...values, expires_at: expires ? new Date(expires).toISOString() : null }), done);
  return html`<${Adding} title=${t('people.add_token')} form=${form} close=${close}><${TextField} type="datetime-local" label=${t('clients.expires')} optional ...${form.bind('expires_at')} /><//>`;
}

const Adding = ({ title, hint, form, close, children }) => html`
  <${Dialog} title=${title} subtitle=${hint} close=${close}>
    <form class="form" onSubmit=${form.submit}><${TextField} label=${t('common.name')} required ...${form.bind('name')} />
      <${SelectField} label=${t('people.role')} hint=${t('people.roles_hint')} ...${form.bind('role')} options=${roles()} />${children}${form.problem}
      <div class="row end"><${Button} onClick=${close}>${t('common.cancel')}<//><${Button} kind="primary" type="submit" busy=${form.busy}>${t('common.add')}<//></div></form>
  <//>`;

/** A link or a token, which is shown only now. */
const Once = ({ name, path, token, expires_at: expires, close }) => html`
  <${Dialog} wide keep title=${name} subtitle=${token ? t('clients.token_once') : t('people.link_hint', { time: dateTime(expires) })} close=${close} actions=${html`<${Button} kind="primary" onClick=${close}>${t('clients.token_kept')}<//>`}>
    <${Code} title=${token ? t('clients.token') : t('people.link')} text=${token ?? new URL(path, url('/')).href} /><//>`;
