// Settings that are fixed while Keywheel runs, and what decided each.
import { Icon } from '../../components/basics.js';
import { Answer } from '../../components/states.js';
import { t } from '../../lib/i18n.js';
import { useQuery } from '../../lib/query.js';
import { html } from '../../lib/ui.js';

export function Fixed() {
  const answer = useQuery('api/settings/fixed');
  return html`<section class="panel stack"><h2>${t('settings.fixed')}</h2><p class="hint">${t('settings.fixed_hint')}</p>
    <${Answer} of=${answer} rows=${6}>${({ settings }) => html`<ul class="plain-rows">${settings.map((one) => html`
      <li key=${one.name}><${Icon} name="lock" label=${t('settings.locked')} /><code class="fixed-name">${one.name}</code><span class="grow cut">${one.value || html`<span class="hint">${t('common.none')}</span>`}</span><span class="hint cut">${one.source}</span></li>`)}</ul>`}<//></section>`;
}
