// Alerts: what is open, what is watched, who is told, and what was told.
import { PageHead } from '../components/shell.js';
import { LinkTabs } from '../components/tabs.js';
import { t } from '../lib/i18n.js';
import { href, route } from '../lib/router.js';
import { html } from '../lib/ui.js';
import { Channels } from './alerts/channels.js';
import { Deliveries } from './alerts/deliveries.js';
import { Happened } from './alerts/happened.js';
import { Rules } from './alerts/rules.js';

const TABS = { open: Happened, rules: Rules, channels: Channels, deliveries: Deliveries };

export default function Alerts() {
  const tab = Object.hasOwn(TABS, route.value.rest[0]) ? route.value.rest[0] : 'open';
  return html`
    <div class="page alerts">
      <${PageHead} title=${t('nav.alerts')} />
      <${LinkTabs} label=${t('nav.alerts')} chosen=${tab} tabs=${Object.keys(TABS).map((name) => [name, t(`alerts.tab_${name}`), href(['alerts', name])])} />
      <${TABS[tab]} />
    </div>`;
}
