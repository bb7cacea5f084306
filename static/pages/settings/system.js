// The installation: version, records, disk, and the libraries of this page.
import { Badge, Button } from '../../components/basics.js';
import { Tile } from '../../components/figures.js';
import { Answer } from '../../components/states.js';
import { url } from '../../lib/api.js';
import { bytes, compact, dateTime, number, span } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { useQuery } from '../../lib/query.js';
import { href } from '../../lib/router.js';
import { mayOperate } from '../../lib/session.js';
import { Backup } from './backup.js';
import { Fixed } from './fixed.js';
import { html } from '../../lib/ui.js';


export function System() {
  const system = useQuery('api/system', {}, { every: 5000 });
  return html`<${Answer} of=${system} rows=${8} quiet>${(data) => html`<${About} data=${data} />`}<//>`;
}

function About({ data }) {
  const { recorder, log } = data;
  const dropped = recorder.dropped_queue + recorder.dropped_disk;
  const most = Math.max(1, ...log.days.map((day) => day.calls_bytes + day.bodies_bytes));
  return html`
    <div class="tiles tiles-plain">
      <${Tile} label=${t('settings.version')} value=${data.version} hint=${t('settings.up', { time: span(data.uptime_seconds * 1000) })} href=${href(['settings', 'system'])} />
      <${Tile} label=${t('providers.in_flight')} value=${number(data.calls_in_flight)} href=${href('calls')} />
      <${Tile} label=${t('settings.recorded')} value=${compact(recorder.written)} hint=${t('settings.queued', { n: recorder.queued })} href=${href('calls')} />
      <${Tile} label=${t('settings.dropped')} value=${number(dropped)} tone=${dropped ? 'bad' : undefined} href=${href(['settings', 'system'])} />
      <${Tile} label=${t('settings.log_size')} value=${bytes(log.bytes)} hint=${t('settings.statistics', { size: bytes(log.statistics_bytes) })} href=${href(['settings', 'logging'])} />
      <${Tile} label=${t('settings.disk_free')} value=${bytes(log.disk_free_bytes)} href=${href(['settings', 'logging'])} />
    </div>
    ${recorder.trouble && html`<p class="form-problem" role="alert">${t('settings.trouble')} ${recorder.trouble}</p>`}
    <section class="panel stack"><h2>${t('settings.days')}</h2>
      <div class="day-rows">${log.days.map((day) => html`<div key=${day.day}><span>${day.day}</span><progress max=${most} value=${day.calls_bytes + day.bodies_bytes} aria-label=${day.day}></progress>
        <span class="num">${bytes(day.calls_bytes)}${day.bodies_bytes ? html` <span class="hint">+ ${bytes(day.bodies_bytes)}</span>` : ''}</span></div>`)}</div></section>
    ${mayOperate.value && html`<${Backup} /><${Fixed} />`}
    <section class="panel stack"><h2>${t('settings.about')}</h2>
      <p>${t('settings.started', { time: dateTime(data.started_at) })} <${Badge} tone="good">${t('settings.running')}<//></p>
      <div class="row wrap"><${Button} small icon="file-code" href=${url('docs').href}>${t('settings.docs')}<//><${Button} small icon="scale" href=${new URL('../../vendor/LICENSES.md', import.meta.url).href}>${t('settings.licences')}<//></div></section>`;
}
