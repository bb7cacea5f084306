// One script: its text, what is wrong with it as it is typed, and going live.
import { Button, Icon, Tag } from '../../components/basics.js';
import { Confirm } from '../../components/dialog.js';
import { Answer, causeOf } from '../../components/states.js';
import { api, failureOf, send } from '../../lib/api.js';
import { t } from '../../lib/i18n.js';
import { notify } from '../../lib/notices.js';
import { forget, useAnswer, useRested } from '../../lib/query.js';
import { go, href, route } from '../../lib/router.js';
import { mayOperate } from '../../lib/session.js';
import { html, useEffect, useState } from '../../lib/ui.js';
import { attempt } from '../../lib/edit.js';
import { draftBody, drafts, dropDraft, keepDraft, pathOf, saveDraft, tagOf } from './drafts.js';
import { Editor } from './editor.js';
import { StateOf } from './files.js';
import { Problems } from './problems.js';

/** The text on the disk with its version. */
async function read(name, signal) {
  const response = await send('GET', pathOf(name), { signal });
  if (!response.ok) throw await failureOf(response);
  return { ...(await response.json()), tag: tagOf(response) };
}

export function Workspace({ entry, scripts, reload }) {
  const { name } = entry;
  const file = useAnswer(entry.isNew ? null : `${pathOf(name)} ${entry.tag}`, (signal) => read(name, signal));
  const onDisk = entry.isNew ? { data: { name, text: '' } } : file;
  return html`<${Answer} of=${{ reload: file.reload, ...onDisk }} rows=${12} quiet>${(data) => html`<${Desk} entry=${entry} disk=${data} scripts=${scripts} reload=${reload} />`}<//>`;
}

/** What a check of all drafts says, a moment after the last stroke. */
function useCheck(version) {
  const body = JSON.stringify(draftBody(drafts.value));
  const rested = useRested(body, 350);
  const answer = useAnswer(`api/scripts/check ${version} ${rested}`, (signal) => api.post('api/scripts/check', JSON.parse(rested), { signal }));
  return { ...answer, stale: answer.stale || body !== rested };
}

function Desk({ entry, disk, scripts, reload }) {
  const { name } = entry;
  const draft = drafts.value[name];
  const text = draft ? draft.text : disk.text;
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState(null);
  const [jump, setJump] = useState(null);
  const [leaving, setLeaving] = useState(null);
  const checked = useCheck(scripts.version);
  const readOnly = !mayOperate.value || Boolean(scripts.read_only);
  useEffect(() => setFailure(null), [text]);
  const line = Number(route.value.query.line);
  useEffect(() => line > 0 && setJump({ line, column: Number(route.value.query.column) || 1 }), [line]);
  const found = failure?.problems.length ? failure.problems : checked.data?.problems ?? [];
  const problems = found.filter((problem) => problem.script === name);
  const change = (typed) => typed !== text && keepDraft(name, entry.isNew ? { text: typed } : { text: typed, base: draft?.base ?? disk.text, tag: draft?.tag ?? disk.tag });
  const after = () => {
    forget('api/scripts');
    reload();
  };
  const save = async (options) => {
    if (readOnly || busy || !drafts.peek()[name]) return;
    setBusy(true);
    setFailure(null);
    try {
      await saveDraft(name, options);
      notify(t('scripts.saved', { name }));
      after();
    } catch (error) {
      setFailure(error);
      const first = error.problems.find((problem) => problem.script === name && problem.line > 0);
      if (first) setJump({ ...first });
    }
    setBusy(false);
  };
  const discard = () => {
    const kept = drafts.peek()[name];
    dropDraft(name);
    setLeaving(null);
    notify(t('scripts.discarded', { name }), { kind: 'plain', action: { label: t('common.undo'), run: () => keepDraft(name, kept) } });
    if (entry.isNew) go(href(['scripts']));
  };
  const remove = async () => {
    setLeaving(null);
    const removed = await attempt(() => api.delete(pathOf(name), { etag: disk.tag }), { failed: t('edit.not_deleted', { name }) });
    if (!removed) return;
    const undo = () => attempt(() => api.put(pathOf(name), { text: disk.text }, { absent: true }), { done: t('common.restored', { name }), changed: after });
    notify(t('common.deleted', { name }), { action: { label: t('common.undo'), run: undo } });
    dropDraft(name);
    go(href(['scripts']));
    after();
  };
  const visit = (problem) => (problem.script === name ? setJump({ ...problem }) : go(href(['scripts', 'files', problem.script], { line: problem.line, column: problem.column })));
  return html`
    <section class="script-room" aria-label=${name}>
      <header class="script-head">
        <h2 class="cut">${name}</h2><${StateOf} entry=${entry} />${entry.hooks.map((hook) => html`<${Tag} key=${hook}>${hook}<//>`)}
        <span class="grow"></span>
        ${!readOnly && html`
          ${draft && html`<${Button} small kind="quiet" icon="undo-2" onClick=${discard}>${t('scripts.discard')}<//>`}
          ${!entry.isNew && !draft && html`<${Button} small kind="quiet" icon="trash-2" onClick=${() => setLeaving('delete')}>${t('common.delete')}<//>`}
          <${Button} small icon="flask-conical" href=${href(['scripts', 'try'])}>${t('scripts.try_it')}<//>
          <${Button} small kind="primary" busy=${busy} disabled=${!draft} onClick=${() => save()}>${t('scripts.save')}<//>`}
      </header>
      ${failure && html`<div class="form-problem" role="alert"><${Icon} name="circle-alert" /><span class="grow">${failure.status === 412 ? t('scripts.changed_meanwhile', { name }) : failure.problems.length ? t('scripts.refused') : causeOf(failure)}</span>
        ${failure.status === 412 && html`<${Button} small onClick=${() => save({ overwrite: true })}>${t('scripts.overwrite')}<//>`}</div>`}
      <${Editor} name=${name} text=${text} change=${change} problems=${problems} jump=${jump} save=${() => save()} readOnly=${readOnly} />
      <footer class="script-foot" id="script-problems" aria-live="polite">
        ${found.length > 0 ? html`<${Problems} problems=${found} own=${name} go=${visit} />` : html`<${Verdict} checked=${checked} />`}
      </footer>
      <p class="hint script-keys" id="script-keys">${t('scripts.keys')}</p>
      ${leaving && html`<${Confirm} title=${t('scripts.delete_title', { name })} text=${t('scripts.delete_hint')} action=${t('common.delete')} run=${remove} close=${() => setLeaving(null)} />`}
    </section>`;
}

function Verdict({ checked }) {
  if (checked.error) return html`<p class="hint">${causeOf(checked.error)}</p>`;
  if (!checked.data || checked.stale) return html`<p class="hint">${t('scripts.checking')}</p>`;
  const { tests } = checked.data;
  return html`<p class="check-result"><${Icon} name="circle-check" />${t('scripts.no_problems')}${tests.length > 0 && html` <span class="hint">${t('scripts.tests_passed', { n: tests.length })}</span>`}</p>`;
}
