// Alerts that are open, and those that were.
import { Badge, Button } from '../../components/basics.js';
import { Answer, Empty } from '../../components/states.js';
import { api } from '../../lib/api.js';
import { attempt } from '../../lib/edit.js';
import { dateTime, relative, span } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { useQuery } from '../../lib/query.js';
import { href } from '../../lib/router.js';
import { linkOf, ruleName, textOf } from './texts.js';
import { mayOperate } from '../../lib/session.js';
import { html } from '../../lib/ui.js';

const HISTORY = 50;

export const toneOf = (severity) => (severity === 'critical' ? 'bad' : 'warn');

export function Happened() {
  const open = useQuery('api/alerts/open', {}, { every: 5000 });
  const history = useQuery('api/alerts/history', { limit: HISTORY }, { every: 10_000 });
  const acknowledge = (alert) => attempt(() => api.post(`api/alerts/open/${alert.id}/acknowledge`), { changed: open.reload });
  return html`
    <${Answer} of=${open} rows=${3} quiet>${({ alerts }) => html`
      ${alerts.length ? html`<ul class="alert-rows panel">${alerts.map((alert) => html`<${Open} key=${alert.id} alert=${alert} acknowledge=${() => acknowledge(alert)} />`)}</ul>`
        : html`<${Empty} icon="circle-check" title=${t('alerts.none_open')} action=${html`<${Button} href=${href(['alerts', 'channels'])}>${t('alerts.see_channels')}<//>`}>${t('alerts.none_open_hint')}<//>`}`}<//>
    <${Answer} of=${history} rows=${4} quiet>${({ alerts }) => {
      const over = alerts.filter((alert) => alert.resolved_at);
      return over.length > 0 && html`<section class="panel"><h3>${t('alerts.over')}</h3><ul class="alert-rows">${over.map((alert) => html`<${Over} key=${alert.id} alert=${alert} />`)}</ul></section>`;
    }}<//>`;
}

const Open = ({ alert, acknowledge }) => html`
  <li><${Badge} tone=${toneOf(alert.severity)}>${t(`alerts.${alert.severity}`)}<//>
    <div class="grow"><strong>${textOf(alert.title)}</strong><div class="hint">${textOf(alert.detail)}</div><div class="hint">${ruleName(alert.rule_name)} · <span title=${dateTime(alert.opened_at)}>${relative(alert.opened_at)}</span>${alert.acknowledged_by && ` · ${t('alerts.seen_by', { name: alert.acknowledged_by })}`}</div></div>
    ${linkOf(alert) && html`<${Button} small href=${linkOf(alert)}>${t('alerts.look')}<//>`}
    ${mayOperate.value && !alert.acknowledged_by && html`<${Button} small icon="check" onClick=${acknowledge}>${t('alerts.acknowledge')}<//>`}</li>`;

const Over = ({ alert }) => html`
  <li><${Badge} tone="good">${t('alerts.resolved')}<//>
    <div class="grow"><span>${textOf(alert.title)}</span><div class="hint">${ruleName(alert.rule_name)} · ${dateTime(alert.opened_at)} · ${span(new Date(alert.resolved_at) - new Date(alert.opened_at))}</div></div></li>`;
