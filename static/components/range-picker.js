// Chooses the stretch of time: usual ones, or from and to.
import { dateTime } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { RANGES, chooseRange, chooseSpan, range, zoneChoice } from '../lib/range.js';
import { html, useEffect, useRef, useState } from '../lib/ui.js';
import { Button, Icon } from './basics.js';

const asInput = (time) => {
  const at = new Date(time);
  return new Date(at - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
};

/** The name of the stretch in words. */
export const rangeName = ({ range: name, from, to }) => (name ? t(`range.${name}`) : `${dateTime(from)} – ${to ? dateTime(to) : t('range.now')}`);

export function RangePicker() {
  const menu = useRef();
  const [own, setOwn] = useState({ from: asInput(Date.now() - 3_600_000), to: asInput(Date.now()) });
  const { range: name } = range.value;
  useEffect(() => {
    const away = (event) => { if (!menu.current?.contains(event.target)) menu.current?.removeAttribute('open'); };
    const escape = (event) => {
      if (event.key !== 'Escape' || !menu.current?.open) return;
      menu.current.removeAttribute('open');
      menu.current.querySelector('summary').focus();
    };
    document.addEventListener('pointerdown', away);
    document.addEventListener('keydown', escape);
    return () => {
      document.removeEventListener('pointerdown', away);
      document.removeEventListener('keydown', escape);
    };
  }, []);
  const close = () => menu.current.removeAttribute('open');
  const take = (event) => {
    event.preventDefault();
    const [from, to] = [new Date(own.from), new Date(own.to)];
    if (from < to) {
      chooseSpan(from, to);
      close();
    }
  };
  return html`
    <details class="menu-button" ref=${menu}>
      <summary class="button"><${Icon} name="calendar" /><span class="cut">${rangeName(range.value)}</span><${Icon} name="chevron-down" /></summary>
      <div class="menu-panel range-panel">
        <div class="menu-list">
          ${RANGES.map((one) => html`<button type="button" key=${one} class="menu-entry" aria-pressed=${name === one} onClick=${() => { chooseRange(one); close(); }}>
            ${t(`range.${one}`)}${name === one && html`<${Icon} name="check" />`}</button>`)}
        </div>
        <form class="range-own" onSubmit=${take}>
          <label>${t('range.from')}<input type="datetime-local" value=${own.from} onInput=${(event) => setOwn({ ...own, from: event.target.value })} required /></label>
          <label>${t('range.to')}<input type="datetime-local" value=${own.to} onInput=${(event) => setOwn({ ...own, to: event.target.value })} required /></label>
          <${Button} small type="submit" kind="primary" disabled=${!(own.from < own.to)}>${t('range.apply')}<//>
          <label class="zone-choice"><input type="checkbox" checked=${zoneChoice.value === 'UTC'} onChange=${(event) => { zoneChoice.value = event.target.checked ? 'UTC' : 'local'; }} /> ${t('range.utc')}</label>
        </form>
      </div>
    </details>`;
}
