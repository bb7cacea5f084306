// The frame around every page: navigation, the bar above, and what lies over everything.
import { request } from '../lib/api.js';
import { t } from '../lib/i18n.js';
import { bind } from '../lib/keyboard.js';
import { liveState } from '../lib/live.js';
import { useQuery } from '../lib/query.js';
import { go, href, route } from '../lib/router.js';
import { passwordNeeded, signInNeeded, signedOut, user } from '../lib/session.js';
import { isNarrow } from '../lib/theme.js';
import { classes, html, signal, useEffect, useLayoutEffect } from '../lib/ui.js';
import { GROUPS, HOME, ROUTES } from '../routes.js';
import { Banner } from './banner.js';
import { Brand, Icon, IconButton } from './basics.js';
import { Dialog } from './dialog.js';
import { later } from './later.js';
import { Notices } from './notices.js';
import { Palette, helpOpen, paletteOpen } from './palette.js';

const Help = later(() => import('./help.js'), 'Help');
const NewPassword = later(() => import('./account.js'), 'NewPassword');
const Preferences = later(() => import('./preferences.js'), 'Preferences');
const SignInOverlay = later(() => import('./sign-in.js'), 'SignInOverlay');

const menuOpen = signal(false);
const preferencesOpen = signal(false);
/** Pages in the bar at the foot of a phone; the others are behind "more". */
const FOOT = 4;

/** How many alerts are open. */
function OpenAlerts() {
  const { data } = useQuery('api/alerts/open', {}, { every: 20_000 });
  const count = data?.alerts.length ?? 0;
  return count > 0 && html`<span class="nav-count" title=${t('alerts.open_n', { n: count })}>${count}</span>`;
}

const NavLink = ({ item }) => {
  const here = (route.value.page || HOME) === item.page;
  return html`<a href=${href(item.page)} class=${classes('nav-link', here && 'is-here')} aria-current=${here ? 'page' : undefined}
    onClick=${() => { menuOpen.value = false; }}><${Icon} name=${item.icon} /><span>${t(`nav.${item.page}`)}</span>${item.page === 'alerts' && html`<${OpenAlerts} />`}</a>`;
};

const NavGroups = () => GROUPS.map((group) => {
  const items = ROUTES.filter((item) => item.group === group);
  return items.length > 0 && html`
    <div class="nav-group" key=${group}><h2>${t(`nav.groups.${group}`)}</h2>${items.map((item) => html`<${NavLink} key=${item.page} item=${item} />`)}</div>`;
});

const LIVE_TONES = { live: 'good', connecting: 'plain', waiting: 'warn', resting: 'plain', off: 'plain' };

const Live = () => liveState.value !== 'off' && html`
  <span class="live ${LIVE_TONES[liveState.value]}" title=${t(`live.${liveState.value}_hint`)}><i aria-hidden="true"></i>${t(`live.${liveState.value}`)}</span>`;

async function leave() {
  await request('DELETE', 'api/session', { patient: false }).catch(() => null);
  signedOut();
}

const Account = () => html`
  <div class="account">
    <span class="avatar" aria-hidden="true">${(user.value?.name ?? '?').slice(0, 1).toUpperCase()}</span>
    <span class="grow"><span class="cut">${user.value?.name}</span><span class="hint">${user.value && t(`role.${user.value.role}`)}</span></span>
    <${IconButton} icon="sliders-horizontal" label=${t('preferences.title')} onClick=${() => { preferencesOpen.value = true; }} />
    <${IconButton} icon="log-out" label=${t('session.sign_out')} onClick=${leave} />
  </div>`;

const Side = () => html`
  <aside class="side">
    <a class="brand-link" href=${href(HOME)} aria-label="Keywheel"><${Brand} /></a>
    <button type="button" class="search-button" onClick=${() => { paletteOpen.value = true; }}>
      <${Icon} name="search" /><span class="grow">${t('palette.short')}</span><kbd>Ctrl K</kbd></button>
    <nav aria-label=${t('nav.label')}><${NavGroups} /></nav>
    <div class="side-foot"><${Live} /><${Account} /></div>
  </aside>`;

const Foot = () => {
  const items = ROUTES.filter((item) => item.group);
  return html`
    <nav class="foot-bar" aria-label=${t('nav.label')}>
      ${items.filter((item) => item.foot).slice(0, FOOT).map((item) => html`<${NavLink} key=${item.page} item=${item} />`)}
      <button type="button" class="nav-link" aria-haspopup="dialog" onClick=${() => { menuOpen.value = true; }}><${Icon} name="menu" /><span>${t('nav.more')}</span></button>
    </nav>
    ${menuOpen.value && html`<${Dialog} title="Keywheel" drawer close=${() => { menuOpen.value = false; }} class="menu">
      <button type="button" class="search-button" onClick=${() => { menuOpen.value = false; paletteOpen.value = true; }}>
        <${Icon} name="search" /><span class="grow">${t('palette.open')}</span></button>
      <nav aria-label=${t('nav.label')}><${NavGroups} /></nav>
      <div class="side-foot"><${Live} /><${Account} /></div>
    <//>`}`;
};

/** What is opened over the page now and then. */
const Overlays = () => html`
  ${preferencesOpen.value && html`<${Preferences} close=${() => { preferencesOpen.value = false; }} />`}
  ${user.value && passwordNeeded.value && html`<${NewPassword} />`}
  ${helpOpen.value && html`<${Help} close=${() => { helpOpen.value = false; }} />`}
  ${signInNeeded.value && html`<${SignInOverlay} />`}`;

/** The head of a page: its title, what stands beside it, and its actions. */
export function PageHead({ title, count, children, actions }) {
  useEffect(() => {
    document.title = `${title} · Keywheel`;
  }, [title]);
  return html`
    <header class="page-head">
      <h1 tabindex="-1" id="page-title">${title}${count !== undefined && html` <span class="count">${count}</span>`}</h1>
      <div class="page-tools">${children}</div>
      ${actions && html`<div class="page-actions">${actions}</div>`}
    </header>`;
}

export function Shell({ children }) {
  useLayoutEffect(() => {
    const ends = [
      bind('ctrl+k', () => { paletteOpen.value = true; }),
      bind('?', () => { helpOpen.value = true; }),
      bind('/', () => document.querySelector('[data-search]')?.focus()),
      ...ROUTES.filter((item) => item.go).map((item) => bind(`g ${item.go}`, () => go(href(item.page)))),
    ];
    return () => ends.forEach((end) => end());
  }, []);
  return html`
    <a class="skip" href="#page-title" onClick=${(event) => { event.preventDefault(); document.getElementById('page-title')?.focus(); }}>${t('nav.skip')}</a>
    <div class="frame">
      ${!isNarrow.value && html`<${Side} />`}
      <main id="main"><${Banner} />${children}</main>
      ${isNarrow.value && html`<${Foot} />`}
    </div>
    <${Overlays} /><${Palette} /><${Notices} />`;
}
