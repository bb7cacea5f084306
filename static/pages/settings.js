// Settings of the installation, who changed what, and how it fares.
import { PageHead } from '../components/shell.js';
import { Answer } from '../components/states.js';
import { LinkTabs } from '../components/tabs.js';
import { t } from '../lib/i18n.js';
import { useQuery } from '../lib/query.js';
import { href, route } from '../lib/router.js';
import { mayOwn } from '../lib/session.js';
import { html } from '../lib/ui.js';
import { Audit } from './settings/audit.js';
import { KeyBanner } from './settings/backup.js';
import { SettingsForm } from './settings/form.js';
import { People } from './settings/people.js';
import { Rules } from './settings/rules.js';
import { System } from './settings/system.js';

const TABS = ['routing', 'logging', 'rules', 'users', 'audit', 'system'];

export default function Settings() {
  const tab = TABS.includes(route.value.rest[0]) ? route.value.rest[0] : 'routing';
  const settings = useQuery('api/settings');
  return html`
    <div class="page settings">
      <${PageHead} title=${t('nav.settings')} />
      <${LinkTabs} label=${t('nav.settings')} chosen=${tab} tabs=${TABS.map((name) => [name, t(`settings.tab_${name}`), href(['settings', name])])} />
      <${KeyBanner} />
      ${tab === 'users' && html`<${People} />`}
      ${tab === 'audit' && html`<${Audit} />`}
      ${tab === 'system' && html`<${System} />`}
      ${['routing', 'logging', 'rules'].includes(tab) && html`<${Answer} of=${settings} rows=${8}>${(data) => html`
        ${!mayOwn.value && html`<p class="verdict">${t('settings.look_only')}</p>`}
        ${tab === 'rules' ? html`<${Rules} settings=${data} key=${data.version} done=${settings.reload} />` : html`<${SettingsForm} part=${tab} settings=${data} key=${`${tab} ${data.version}`} done=${settings.reload} />`}`}<//>`}
    </div>`;
}
