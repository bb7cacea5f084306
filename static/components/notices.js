// The messages at the edge of the page.
import { t } from '../lib/i18n.js';
import { dismiss, hold, notices } from '../lib/notices.js';
import { html } from '../lib/ui.js';
import { Button, Icon, IconButton } from './basics.js';

const ICONS = { good: 'circle-check', bad: 'circle-alert', plain: 'info' };

export const Notices = () => html`
  <div class="notices" role="region" aria-label=${t('common.notices')}>
    <div aria-live="polite">
      ${notices.value.map((notice) => html`
        <div class="notice ${notice.kind}" key=${notice.id} role=${notice.kind === 'bad' ? 'alert' : 'status'}
          onPointerEnter=${() => hold(notice.id, true)} onPointerLeave=${() => hold(notice.id, false)} onFocusIn=${() => hold(notice.id, true)} onFocusOut=${() => hold(notice.id, false)}>
          <${Icon} name=${ICONS[notice.kind]} />
          <div class="grow"><div>${notice.text}</div>${notice.detail && html`<div class="hint">${notice.detail}</div>`}</div>
          ${notice.action && html`<${Button} small kind="quiet" onClick=${() => { dismiss(notice.id); notice.action.run(); }}>${notice.action.label}<//>`}
          <${IconButton} icon="x" label=${t('common.close')} onClick=${() => dismiss(notice.id)} />
        </div>`)}
    </div>
  </div>`;
