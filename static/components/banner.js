// A word of warning over every page, until it is put away.
import { isNearHost } from '../lib/hosts.js';
import { t } from '../lib/i18n.js';
import { stored } from '../lib/stored.js';
import { html } from '../lib/ui.js';
import { Icon, IconButton } from './basics.js';

/** Passwords and tokens of this page can be read on the way. */
const isOpen = location.protocol === 'http:' && !isNearHost(location.hostname);
const putAway = stored('banner.http', false, () => sessionStorage);

export const Banner = () => isOpen && !putAway.value && html`
  <p class="banner" role="status"><${Icon} name="shield-alert" /><span class="grow">${t('banner.http')}</span><${IconButton} small icon="x" label=${t('common.close')} onClick=${() => { putAway.value = true; }} /></p>`;
