// Disabling until a moment that is chosen, with a word why.
import { Button } from '../../components/basics.js';
import { Dialog } from '../../components/dialog.js';
import { TextField } from '../../components/fields.js';
import { MenuEntry } from '../../components/menu.js';
import { inputTime, readTime } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { html, useState } from '../../lib/ui.js';

const HOUR = 3_600_000;
const fromNow = (ms) => new Date(Date.now() + ms).toISOString();

/** The ways to disable, for a menu: `disable(until, reason)` is called with what was chosen, `ask` opens the dialog. */
export const DisableEntries = ({ close, disable, ask, icon }) => html`
  <${MenuEntry} icon=${icon && 'power-off'} close=${close} run=${() => disable(null)}>${t(icon ? 'keys.disable' : 'keys.disable_for_good')}<//>
  <${MenuEntry} icon=${icon && 'timer'} close=${close} run=${() => disable(fromNow(HOUR))}>${t('keys.disable_1h')}<//>
  <${MenuEntry} icon=${icon && 'timer'} close=${close} run=${() => disable(fromNow(24 * HOUR))}>${t('keys.disable_24h')}<//>
  <${MenuEntry} icon=${icon && 'calendar'} close=${close} run=${ask}>${t('keys.disable_until')}<//>`;

/** Asks until when, and why. */
export function DisableUntil({ title, disable, close }) {
  const [until, setUntil] = useState(() => inputTime(Date.now() + 24 * HOUR));
  const [reason, setReason] = useState('');
  const isLater = readTime(until) > Date.now();
  const submit = (event) => {
    event.preventDefault();
    close();
    disable(readTime(until).toISOString(), reason.trim() || undefined);
  };
  return html`
    <${Dialog} title=${title} close=${close}>
      <form class="form" onSubmit=${submit}>
        <${TextField} type="datetime-local" label=${t('keys.disable_end')} required value=${until} change=${setUntil} error=${until && !isLater ? t('keys.disable_past') : undefined} />
        <${TextField} label=${t('keys.disable_reason')} optional maxlength="200" hint=${t('keys.disable_reason_hint')} value=${reason} change=${setReason} />
        <div class="row end"><${Button} onClick=${close}>${t('common.cancel')}<//><${Button} kind="primary" type="submit" disabled=${!isLater}>${t('keys.disable')}<//></div>
      </form>
    <//>`;
}
