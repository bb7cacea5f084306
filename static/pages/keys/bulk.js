// What can be done with many keys at once: in one edit, with what was refused said by name.
import { Button } from '../../components/basics.js';
import { Dialog } from '../../components/dialog.js';
import { NumberField, TagInput } from '../../components/fields.js';
import { Menu, MenuEntry } from '../../components/menu.js';
import { api } from '../../lib/api.js';
import { percent } from '../../lib/format.js';
import { t, word } from '../../lib/i18n.js';
import { notify, notifyError } from '../../lib/notices.js';
import { forget } from '../../lib/query.js';
import { html, signal, useState } from '../../lib/ui.js';

const HOUR = 3_600_000;
const INVERSE = { delete: 'restore', disable: 'enable' };
/** So many keys are asked about at once when many are checked. */
const AT_ONCE = 4;

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

export function BulkActions({ ids, keys, all, done }) {
  const [open, setOpen] = useState(null);
  const names = new Map(keys.map((key) => [key.id, key.name]));
  const run = (action, more) => bulk({ ids, action, ...more }, names, done);
  const until = (hours) => ({ until: new Date(Date.now() + hours * HOUR).toISOString() });
  const close = () => setOpen(null);
  return html`
    <${Button} small icon="flask-conical" onClick=${() => setOpen('check')}>${t('keys.check')}<//>
    <${Button} small icon="power" onClick=${() => run('enable')}>${t('keys.enable')}<//>
    <${Menu} small start icon="power-off" label=${t('keys.disable')}>${(shut) => html`
      <${MenuEntry} close=${shut} run=${() => run('disable')}>${t('keys.disable_for_good')}<//>
      <${MenuEntry} close=${shut} run=${() => run('disable', until(1))}>${t('keys.disable_1h')}<//>
      <${MenuEntry} close=${shut} run=${() => run('disable', until(24))}>${t('keys.disable_24h')}<//>`}<//>
    <${Button} small icon="rotate-ccw" onClick=${() => run('reset')}>${t('keys.reset')}<//>
    <${Button} small icon="tag" onClick=${() => setOpen('change')}>${t('keys.change')}<//>
    <${Button} small kind="danger" icon="trash-2" onClick=${() => run('delete')}>${t('common.delete')}<//>
    ${open === 'change' && html`<${Change} ...${{ ids, keys, all, close }} run=${run} />`}
    ${open === 'check' && html`<${CheckAll} keys=${keys} close=${() => { close(); done(); }} />`}`;
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

/** Checks keys a few at a time, counting what came back; can be stopped at any time. */
function CheckAll({ keys, close }) {
  const [state] = useState(() => signal({ done: 0, counts: {}, running: false, stopped: false }));
  const { done, counts, running, stopped } = state.value;
  const start = () => {
    state.value = { ...state.value, running: true };
    const queue = [...keys];
    const worker = async () => {
      while (queue.length && !state.peek().stopped) {
        const verdict = await api.post(`api/keys/${queue.shift().id}/check`).then((report) => report.verdict, () => 'failed');
        const old = state.peek();
        state.value = { ...old, done: old.done + 1, counts: { ...old.counts, [verdict]: (old.counts[verdict] ?? 0) + 1 } };
      }
    };
    Promise.all(Array.from({ length: AT_ONCE }, worker)).then(() => { state.value = { ...state.peek(), running: false }; });
  };
  const stop = () => { state.value = { ...state.value, stopped: true }; };
  return html`
    <${Dialog} title=${t('keys.check_n', { n: keys.length })} subtitle=${t('keys.check_hint')} close=${() => { stop(); close(); }} actions=${html`
      ${running && html`<${Button} onClick=${stop} disabled=${stopped}>${t('keys.stop')}<//>`}
      ${!running && done === 0 && html`<${Button} kind="primary" icon="flask-conical" onClick=${start}>${t('keys.check')}<//>`}
      ${!running && done > 0 && html`<${Button} kind="primary" onClick=${close}>${t('common.close')}<//>`}`}>
      <div class="progress" role="status"><progress max=${keys.length} value=${done} aria-label=${t('keys.check')}></progress><span>${t('keys.import_progress', { done, total: keys.length })}</span></div>
      <dl class="facts">${Object.entries(counts).map(([verdict, count]) => html`<dt key=${verdict}>${word('check', verdict)}</dt><dd>${count}</dd>`)}</dl>
    <//>`;
}
