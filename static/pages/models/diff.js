// What the keys of a provider list now against what is kept: looked at first, then taken over in whole or in part.
import { Badge, Button, Icon } from '../../components/basics.js';
import { Dialog } from '../../components/dialog.js';
import { Switch } from '../../components/fields.js';
import { Failure, Skeleton, causeOf } from '../../components/states.js';
import { api } from '../../lib/api.js';
import { relative } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { notify } from '../../lib/notices.js';
import { forget } from '../../lib/query.js';
import { html, useEffect, useState } from '../../lib/ui.js';

const KINDS = ['added', 'vanished', 'changed'];
const TONES = { added: 'good', vanished: 'warn', changed: 'info' };

/** How many differences a provider's last reading has. */
export const sizeOf = (diff) => KINDS.reduce((sum, kind) => sum + diff[kind].length, 0);

/** Reads the lists of a provider, shows the difference, and takes over what is marked. */
export function DiffDialog({ provider, read = true, changed, close }) {
  const [diff, setDiff] = useState(null);
  const [error, setError] = useState(null);
  const path = `api/providers/${provider.id}/models/diff`;
  const load = (ask) => {
    setError(null);
    ask.then(setDiff, setError);
  };
  const reading = () => load(api.post(path));
  useEffect(() => (read ? reading() : load(api.get(path))), []);
  const taken = (accepted) => {
    forget('api/');
    changed();
    close();
    const parts = KINDS.filter((kind) => accepted[kind].length).map((kind) => t(`models.took_${kind}`, { n: accepted[kind].length }));
    notify(`${provider.name}: ${parts.join(', ') || t('models.no_change')}`);
  };
  const failed = (failure) => {
    setError(failure);
    // Somebody else has read or taken over meanwhile: what is shown is not what would be taken.
    if (failure.status === 409) load(api.get(path));
  };
  return html`
    <${Dialog} wide title=${t('models.diff_of', { name: provider.name })} subtitle=${diff?.read_at && t('models.read_at', { time: relative(diff.read_at), n: diff.asked })} close=${close}
      header=${html`<${Button} small icon="refresh-cw" onClick=${() => { setDiff(null); reading(); }}>${t('models.read_again')}<//>`}>
      ${error && (diff ? html`<p class="form-problem" role="alert"><${Icon} name="circle-alert" />${causeOf(error)}</p>` : html`<${Failure} error=${error} retry=${reading} />`)}
      ${!diff && !error && html`<${Skeleton} rows=${8} />`}
      ${diff && html`<${Difference} key=${`${diff.reading} ${sizeOf(diff)}`} ...${{ diff, path, provider, setDiff, taken, failed, close }} />`}
    <//>`;
}

function Difference({ diff, provider, path, setDiff, taken, failed, close }) {
  const [left, setLeft] = useState(() => new Set());
  const [busy, setBusy] = useState(false);
  const [believe, setBelieve] = useState(false);
  const idOf = (kind, one) => `${kind} ${one.model}`;
  const marked = (kind) => diff[kind].filter((one) => !left.has(idOf(kind, one)));
  const toggle = (ids, on) => setLeft((old) => {
    const next = new Set(old);
    ids.forEach((id) => (on ? next.delete(id) : next.add(id)));
    return next;
  });
  const count = KINDS.reduce((sum, kind) => sum + marked(kind).length, 0);
  const believeEmpty = (on) => {
    setBelieve(on);
    api.get(path, { believe_empty: on }).then((answer) => setDiff({ ...answer, believed: on }), failed);
  };
  const take = async () => {
    setBusy(true);
    try {
      const chosen = Object.fromEntries(KINDS.map((kind) => [kind, marked(kind).map((one) => one.model)]));
      taken(await api.post(`api/providers/${provider.id}/models/accept`, { reading: diff.reading, believe_empty: Boolean(diff.believed), ...chosen }));
    } catch (error) {
      setBusy(false);
      failed(error);
    }
  };
  return html`
    <div class="stack">
      ${diff.failed.length > 0 && html`<div class="verdict"><strong>${t('models.lists_failed', { n: diff.failed.length })}</strong>
        <ul>${diff.failed.slice(0, 5).map((one) => html`<li key=${one.key} class="hint">${one.message}</li>`)}</ul></div>`}
      ${diff.empty.length > 0 && html`<${Switch} label=${t('models.believe_empty')} hint=${t('models.believe_empty_hint', { n: diff.empty.length })} value=${diff.believed ?? believe} change=${believeEmpty} />`}
      ${KINDS.filter((kind) => diff[kind].length).map((kind) => html`<${Kind} key=${kind} ...${{ kind, diff, left, toggle, idOf }} />`)}
      ${diff.taken_out.length > 0 && html`<p class="hint">${t('models.stay_out', { names: diff.taken_out.join(', ') })}</p>`}
      ${!sizeOf(diff) && html`<p class="row"><${Icon} name="circle-check" />${diff.asked ? t('models.no_change') : t('models.nobody_asked')}</p>`}
      <div class="row end"><${Button} onClick=${close}>${t(sizeOf(diff) ? 'common.cancel' : 'common.close')}<//>
        ${sizeOf(diff) > 0 && html`<${Button} kind="primary" busy=${busy} disabled=${!count} onClick=${take}>${t('models.take_over', { n: count })}<//>`}</div>
    </div>`;
}

function Kind({ kind, diff, left, toggle, idOf }) {
  const ids = diff[kind].map((one) => idOf(kind, one));
  const all = ids.every((id) => !left.has(id));
  return html`
    <fieldset class="diff-kind"><legend><label class="row"><input type="checkbox" checked=${all} indeterminate=${!all && ids.some((id) => !left.has(id))} onChange=${(event) => toggle(ids, event.target.checked)} />
      <${Badge} tone=${TONES[kind]}>${t(`models.diff_${kind}`, { n: ids.length })}<//></label></legend>
      <ul class="plain-rows diff-rows">${diff[kind].map((one) => html`<li key=${one.model}><label class="row grow"><input type="checkbox" checked=${!left.has(idOf(kind, one))} onChange=${(event) => toggle([idOf(kind, one)], event.target.checked)} />
        <code class="cut">${one.model}</code></label><span class="hint">${detailOf(kind, one)}</span></li>`)}</ul>
    </fieldset>`;
}

const detailOf = (kind, one) => ({
  added: () => [one.vanished_at && t('models.back'), t('providers.keys_n', { n: one.keys.length })].filter(Boolean).join(' · '),
  vanished: () => (one.routes.length ? t('models.vanished_routes', { names: one.routes.join(', ') }) : t('models.was_listed_by', { n: one.keys.length })),
  changed: () => [one.gained.length && t('models.gained', { n: one.gained.length }), one.lost.length && t('models.lost', { n: one.lost.length })].filter(Boolean).join(' · '),
})[kind]();
