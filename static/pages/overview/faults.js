// The last calls that failed for a reason that someone may have to remove.
import { Badge } from '../../components/basics.js';
import { Answer } from '../../components/states.js';
import { relative, span } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { useQuery } from '../../lib/query.js';
import { range } from '../../lib/range.js';
import { href } from '../../lib/router.js';
import { html } from '../../lib/ui.js';
import { FAULTS, outcomeName, outcomeTone } from '../../lib/words.js';

export function RecentFaults({ query }) {
  const answer = useQuery('api/calls', { ...query, outcome: FAULTS, limit: 8 }, { every: 15_000 });
  return html`
    <section class="panel" aria-label=${t('overview.faults')}>
      <div class="section-head"><h2>${t('overview.faults')}</h2><a href=${href('calls', { ...range.value, outcome: FAULTS.join(',') })}>${t('overview.all_faults')}</a></div>
      <${Answer} of=${answer} rows=${4}>${({ calls }) => (calls.length ? html`<${Rows} calls=${calls} />` : html`<p class="hint">${t('overview.no_faults')}</p>`)}<//>
    </section>`;
}

const Rows = ({ calls }) => html`
  <ul class="fault-rows">
    ${calls.map((call) => html`<li key=${call.id}><a href=${href(['calls', call.id])}>
      <span class="hint num">${relative(call.started_at)}</span>
      <${Badge} tone=${outcomeTone(call.outcome)}>${outcomeName(call.outcome)}<//>
      <span class="cut">${call.model ?? call.path}</span>
      <span class="cut hint">${[call.provider?.name, call.key?.name].filter(Boolean).join(' / ')}</span>
      <code class="cut">${call.error_code ?? call.status}</code>
      <span class="num hint">${span(call.duration_ms)}</span></a></li>`)}
  </ul>`;
