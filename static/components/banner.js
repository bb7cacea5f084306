// A word of warning over every page, until it is put away.
import { t } from '../lib/i18n.js';
import { stored } from '../lib/stored.js';
import { html } from '../lib/ui.js';
import { Icon, IconButton } from './basics.js';

const NEAR = /^(localhost|127\.|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|169\.254\.|\[(::1|f[cd]|fe80))|\.(local|lan|home|internal|localhost)$|^[^.:]+$/i;

/** Passwords and tokens of this page can be read on the way. */
const isOpen = location.protocol === 'http:' && !NEAR.test(location.hostname);
const putAway = stored('banner.http', false, () => sessionStorage);

export const Banner = () => isOpen && !putAway.value && html`
  <p class="banner" role="status"><${Icon} name="shield-alert" /><span class="grow">${t('banner.http')}</span><${IconButton} small icon="x" label=${t('common.close')} onClick=${() => { putAway.value = true; }} /></p>`;
