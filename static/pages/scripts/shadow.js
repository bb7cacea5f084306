// The draft beside live traffic: it decides, and nobody obeys.
import { Badge, Button } from '../../components/basics.js';
import { NumberField } from '../../components/fields.js';
import { useForm } from '../../components/form.js';
import { Answer } from '../../components/states.js';
import { api } from '../../lib/api.js';
import { attempt } from '../../lib/edit.js';
import { percent, relative } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { useInterval, useQuery } from '../../lib/query.js';
import { mayOperate } from '../../lib/session.js';
import { html } from '../../lib/ui.js';
import { Comparison } from './comparison.js';
import { draftBody, draftNames } from './drafts.js';

export function Shadow() {
  const answer = useQuery('api/scripts/shadow');
  const running = answer.data?.running === true;
  useInterval(answer.refresh, running ? 2000 : null);
  const form = useForm({ minutes: 60, share: 100 }, ({ minutes, share }) => api.post('api/scripts/shadow', { draft: draftBody(), minutes: minutes ?? 60, share: (share ?? 100) / 100 }), answer.reload);
  const stop = () => attempt(() => api.delete('api/scripts/shadow'), { changed: answer.reload });
  return html`
    <form class="panel trial-bar" onSubmit=${form.submit}>
      <${NumberField} label=${t('scripts.minutes')} unit="min" min="1" max="10080" ...${form.bind('minutes')} />
      <${NumberField} label=${t('scripts.share')} unit="%" min="1" max="100" ...${form.bind('share')} />
      <${Button} kind="primary" type="submit" icon="eye" busy=${form.busy} disabled=${!mayOperate.value || !draftNames.value.length}>${t(running ? 'scripts.shadow_anew' : 'scripts.shadow')}<//>
      ${running && mayOperate.value && html`<${Button} icon="square" onClick=${stop}>${t('scripts.stop')}<//>`}
    </form>
    ${form.problem}
    <${Answer} of=${answer} rows=${5} quiet>${(shadow) => shadow.began_at && html`
      <section class="stack">
        <div class="row wrap"><${Badge} tone=${shadow.running ? 'info' : 'plain'}>${t(shadow.running ? 'scripts.shadow_runs' : 'scripts.shadow_ended')}<//>
          <span class="hint">${t(shadow.running ? 'scripts.until' : 'scripts.ended', { time: relative(shadow.until) })} · ${t('scripts.sees', { share: percent(shadow.share) })}${shadow.missed ? ` · ${t('scripts.missed', { n: shadow.missed })}` : ''}</span></div>
        <${Comparison} comparison=${shadow.comparison} />
      </section>`}<//>`;
}
