// The draft on calls of the log.
import { Badge, Button } from '../../components/basics.js';
import { NumberField, SelectField } from '../../components/fields.js';
import { useForm } from '../../components/form.js';
import { Answer } from '../../components/states.js';
import { api } from '../../lib/api.js';
import { attempt } from '../../lib/edit.js';
import { number, relative } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { useInterval, useQuery } from '../../lib/query.js';
import { RANGES } from '../../lib/range.js';
import { mayOperate } from '../../lib/session.js';
import { html } from '../../lib/ui.js';
import { Comparison } from './comparison.js';
import { draftBody, draftNames } from './drafts.js';

const TONES = { running: 'info', done: 'good', cancelled: 'plain', failed: 'bad' };

export function Replay() {
  const answer = useQuery('api/scripts/replay');
  const running = answer.data?.state === 'running';
  useInterval(answer.refresh, running ? 700 : null);
  const form = useForm({ calls: 1000, range: '' }, ({ calls, range }) => api.post('api/scripts/replay', { draft: draftBody(), calls: calls ?? 1000, ...(range ? { range } : {}) }), answer.reload);
  const cancel = () => attempt(() => api.delete('api/scripts/replay'), { changed: answer.reload });
  return html`
    <form class="panel trial-bar" onSubmit=${form.submit}>
      <${NumberField} label=${t('scripts.newest_calls')} min="1" max="100000" ...${form.bind('calls')} />
      <${SelectField} label=${t('scripts.within')} options=${[['', t('scripts.whole_log')], ...RANGES.map((name) => [name, t(`range.${name}`)])]} ...${form.bind('range')} />
      <${Button} kind="primary" type="submit" icon="play" busy=${form.busy} disabled=${!mayOperate.value || !draftNames.value.length || running}>${t('scripts.replay')}<//>
      ${running && mayOperate.value && html`<${Button} icon="square" onClick=${cancel}>${t('common.cancel')}<//>`}
    </form>
    ${form.problem}
    <${Answer} of=${answer} rows=${5} quiet>${(replay) => replay.state !== 'none' && html`
      <section class="stack">
        <div class="row wrap"><${Badge} tone=${TONES[replay.state]}>${t(`scripts.state_${replay.state}`)}<//><span class="hint">${t('scripts.looked_at', { done: number(replay.looked_at), total: replay.total === null ? '…' : number(replay.total) })} · ${relative(replay.began_at)}${replay.skipped ? ` · ${t('scripts.skipped', { n: replay.skipped })}` : ''}</span></div>
        ${replay.state === 'running' && html`<div class="progress"><progress max=${replay.total ?? undefined} value=${replay.total ? replay.looked_at : undefined} aria-label=${t('scripts.state_running')}></progress></div>`}
        <${Comparison} comparison=${replay.comparison} />
      </section>`}<//>`;
}
