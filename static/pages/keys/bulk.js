// What can be done with many keys at once: in one edit, with what was refused said by name.
import { Button } from '../../components/basics.js';
import { Dialog } from '../../components/dialog.js';
import { NumberField, TagInput } from '../../components/fields.js';
import { Menu } from '../../components/menu.js';
import { api } from '../../lib/api.js';
import { percent } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { notify, notifyError } from '../../lib/notices.js';
import { forget } from '../../lib/query.js';
import { html, useEffect, useMemo, useState } from '../../lib/ui.js';
import { CheckProgress, useChecks } from './checks.js';
import { DisableEntries, DisableUntil } from './disable.js';

const INVERSE = { delete: 'restore', disable: 'enable' };

async function bulk(body, names, done) {
  try {
    const { ids, refused } = await api.post('api/keys/bulk', body);
    forget('api/');
    done();
    const inverse = INVERSE[body.action];
    const undo = inverse && ids.length > 0 && { label: t('common.undo'), run: () => bulk({ ids, action: inverse }, names, done) };
    const detail = refused.slice(0, 3).map(({ id, message }) => `${names.get(id) ?? id}: ${message}`).join(' · ');
    notify(t(`keys.bulk_${body.action}`, { n: ids.length }), { kind: refused.length ? 'bad' : 'good', detail: detail || undefined, action: undo || undefined });
  } catch (error) {
    notifyError(error, t('error.title'));
  }
}

/** `done` follows an edit; `check` opens the checks, which outlive the marks. */
export function BulkActions({ ids, keys, all, done, check }) {
  const [open, setOpen] = useState(null);
  const names = new Map(keys.map((key) => [key.id, key.name]));
  const run = (action, more) => bulk({ ids, action, ...more }, names, done);
  const disable = (until, reason) => run('disable', { until: until ?? undefined, reason });
  const close = () => setOpen(null);
  return html`
    <${Button} small icon="flask-conical" onClick=${check}>${t('keys.check')}<//>
    <${Button} small icon="power" onClick=${() => run('enable')}>${t('keys.enable')}<//>
    <${Menu} small start icon="power-off" label=${t('keys.disable')}>${(shut) => html`<${DisableEntries} close=${shut} disable=${disable} ask=${() => setOpen('disable')} />`}<//>
    <${Button} small icon="rotate-ccw" onClick=${() => run('reset')}>${t('keys.reset')}<//>
    <${Button} small icon="tag" onClick=${() => setOpen('change')}>${t('keys.change')}<//>
    <${Button} small kind="danger" icon="trash-2" onClick=${() => run('delete')}>${t('common.delete')}<//>
    ${open === 'change' && html`<${Change} ...${{ ids, keys, all, close }} run=${run} />`}
    ${open === 'disable' && html`<${DisableUntil} title=${t('keys.disable_n', { n: keys.length })} ...${{ disable, close }} />`}`;
}

function Change({ keys, all, close, run }) {
  const [add, setAdd] = useState([]);
  const [remove, setRemove] = useState([]);
  const [weight, setWeight] = useState(null);
  const ids = new Set(keys.map((key) => key.id));
  const share = (weigh) => {
    const peers = all.filter((key) => keys.some((one) => one.provider === key.provider));
    const sum = (list) => list.reduce((total, key) => total + (ids.has(key.id) ? weigh(key) : key.weight), 0);
    const whole = sum(peers);
    return whole ? sum(peers.filter((key) => ids.has(key.id))) / whole : null;
  };
  const submit = (event) => {
    event.preventDefault();
    close();
    run('change', { add_tags: add, remove_tags: remove, weight: weight ?? undefined });
  };
  return html`
    <${Dialog} title=${t('keys.change_n', { n: keys.length })} close=${close}>
      <form class="form" onSubmit=${submit}>
        <${TagInput} label=${t('keys.add_tags')} value=${add} change=${setAdd} suggestions=${[...new Set(all.flatMap((key) => key.tags))]} />
        <${TagInput} label=${t('keys.remove_tags')} value=${remove} change=${setRemove} suggestions=${[...new Set(keys.flatMap((key) => key.tags))]} />
        <${NumberField} label=${t('keys.weight')} optional min="0" max="1000" value=${weight} change=${setWeight}
          hint=${t('keys.share', { before: percent(share((key) => key.weight), 0), after: percent(share((key) => weight ?? key.weight), 0) })} />
        <div class="row end"><${Button} onClick=${close}>${t('common.cancel')}<//><${Button} kind="primary" type="submit" disabled=${!add.length && !remove.length && weight === null}>${t('common.save')}<//></div>
      </form>
    <//>`;
}

/** Checks keys at once, a few together; can be stopped at any time. Those that failed can be marked for what comes next. */
export function CheckAll({ ids, keys, close, mark, reload }) {
  const checks = useChecks(() => {
    forget('api/');
    reload();
  });
  useEffect(() => void checks.start(ids), []);
  const named = useMemo(() => new Map(keys.map((key) => [key.id, key])), [keys]);
  const failed = checks.checks.filter(({ verdict }) => verdict !== 'valid').map(({ key }) => key);
  return html`
    <${Dialog} wide title=${t('keys.check_n', { n: ids.length })} subtitle=${t('keys.check_hint')} close=${close} actions=${checks.state === 'running'
      ? html`<${Button} onClick=${checks.stop}>${t('keys.stop')}<//>` : html`
        ${failed.length > 0 && html`<${Button} onClick=${() => { mark(failed); close(); }}>${t('keys.mark_failed', { n: failed.length })}<//>`}
        <${Button} kind="primary" onClick=${close}>${t('common.close')}<//>`}>
      <${CheckProgress} checks=${checks} keys=${named} />
    <//>`;
}
