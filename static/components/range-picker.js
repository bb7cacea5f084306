// Chooses the stretch of time: usual ones, or from and to.
import { dateTime, inputTime, readTime } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { RANGES, chooseRange, chooseSpan, range, usualRange, zoneChoice } from '../lib/range.js';
import { html, useState } from '../lib/ui.js';
import { Button, IconButton } from './basics.js';
import { Menu, MenuEntry } from './menu.js';

/** The name of the stretch in words. */
export const rangeName = ({ range: name, from, to }) => (name ? t(`range.${name}`) : `${dateTime(from)} – ${to ? dateTime(to) : t('range.now')}`);

export function RangePicker() {
  const [own, setOwn] = useState({ from: inputTime(Date.now() - 3_600_000), to: inputTime(Date.now()) });
  const { range: name } = range.value;
  return html`
    <${Menu} icon="calendar" label=${rangeName(range.value)} panel="range-panel">${(close) => html`
      <div class="menu-list">
        ${RANGES.map((one) => html`<${MenuEntry} key=${one} close=${close} chosen=${name === one} run=${() => chooseRange(one)}>${t(`range.${one}`)}<//>`)}
      </div>
      <${Own} own=${own} change=${setOwn} close=${close} />`}
    <//>
    ${!name && html`<${IconButton} icon="x" label=${t('range.back', { range: t(`range.${usualRange.value}`) })} onClick=${() => chooseRange(usualRange.value)} />`}`;
}

function Own({ own, change, close }) {
  const take = (event) => {
    event.preventDefault();
    if (!(own.from < own.to)) return;
    chooseSpan(readTime(own.from), readTime(own.to));
    close();
  };
  return html`
    <form class="range-own" onSubmit=${take}>
      <label>${t('range.from')}<input type="datetime-local" value=${own.from} onInput=${(event) => change({ ...own, from: event.target.value })} required /></label>
      <label>${t('range.to')}<input type="datetime-local" value=${own.to} onInput=${(event) => change({ ...own, to: event.target.value })} required /></label>
      <${Button} small type="submit" kind="primary" disabled=${!(own.from < own.to)}>${t('range.apply')}<//>
      <label class="zone-choice"><input type="checkbox" checked=${zoneChoice.value === 'UTC'} onChange=${(event) => { zoneChoice.value = event.target.checked ? 'UTC' : 'local'; }} /> ${t('range.utc')}</label>
    </form>`;
}
