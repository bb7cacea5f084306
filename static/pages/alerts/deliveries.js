// What was told, to whom, and what became of it.
import { Badge } from '../../components/basics.js';
import { Answer, Empty } from '../../components/states.js';
import { dateTime, relative } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { useQuery } from '../../lib/query.js';
import { html } from '../../lib/ui.js';
import { textOf } from './texts.js';

const TONES = { waiting: 'info', delivered: 'good', failed: 'bad', withdrawn: 'plain' };

export const StateBadge = ({ state }) => html`<${Badge} tone=${TONES[state]}>${t(`alerts.state_${state}`)}<//>`;

export function Deliveries() {
  const deliveries = useQuery('api/alerts/deliveries', { limit: 200 }, { every: 5000 });
  return html`
    <${Answer} of=${deliveries} rows=${6} quiet>${({ deliveries: all }) => html`
      ${all.length ? html`<ul class="alert-rows panel">${all.map((one) => html`<${Delivery} key=${one.id} one=${one} />`)}</ul>`
        : html`<${Empty} icon="send" title=${t('alerts.no_deliveries')}>${t('alerts.no_deliveries_hint')}<//>`}`}<//>`;
}

const Delivery = ({ one }) => html`
  <li><${StateBadge} state=${one.state} />
    <div class="grow"><span>${t(`alerts.event_${one.event}`)}: ${textOf(one.title)}</span>
      <div class="hint">${one.channel_name} · <span title=${dateTime(one.created_at)}>${relative(one.created_at)}</span> · ${t('alerts.attempts_n', { n: one.attempts })}${one.next_at && one.attempts > 0 && ` · ${t('alerts.again', { time: dateTime(one.next_at) })}`}</div>
      ${one.error && html`<div class="hint tone-bad">${one.error}</div>`}</div></li>`;
