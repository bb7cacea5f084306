// The pages. To add one: write `pages/NAME.js` whose default export is a component, add its line here, and its section
// (`nav.NAME` and `NAME.…`) to `i18n/en.js` and `i18n/zh-CN.js`.
import { askAhead } from './lib/query.js';
import { totalsQuestion } from './lib/range.js';
import { styled } from './lib/styles.js';

/** `page` is the first segment of the address; `go` the second key of its `g …` jump; no `group`: not in the navigation;
 * `foot`: in the bar at the foot of a phone; `bare`: without the shell; `ahead` asks for what the page shows first. */
export const ROUTES = [
  { page: 'overview', group: 'watch', icon: 'layout-dashboard', go: 'o', foot: true, load: () => import('./pages/overview.js'), ahead: () => askAhead(...totalsQuestion.value) },
  { page: 'calls', group: 'watch', icon: 'activity', go: 'c', foot: true, load: () => import('./pages/calls.js') },
  { page: 'keys', group: 'route', icon: 'key-round', go: 'k', foot: true, load: () => import('./pages/keys.js') },
  { page: 'providers', group: 'route', icon: 'plug', go: 'p', load: () => import('./pages/providers.js') },
  { page: 'models', group: 'route', icon: 'boxes', go: 'm', foot: true, load: () => import('./pages/models.js') },
  { page: 'clients', group: 'route', icon: 'users', go: 'l', load: () => import('./pages/clients.js') },
  { page: 'scripts', group: 'route', icon: 'file-code', go: 'x', load: () => styled('scripts', import('./pages/scripts.js')) },
  { page: 'chat', group: 'work', icon: 'message-square', go: 'h', load: () => styled('chat', import('./pages/chat.js')) },
  { page: 'alerts', group: 'house', icon: 'bell', go: 'a', load: () => import('./pages/alerts.js') },
  { page: 'settings', group: 'house', icon: 'settings', go: 's', load: () => import('./pages/settings.js') },
  { page: 'sign-in', bare: true, icon: 'lock', load: () => import('./pages/sign-in.js') },
  { page: 'setup', bare: true, icon: 'wand-sparkles', load: () => import('./pages/setup.js') },
  { page: 'ui-kit', icon: 'layers', load: () => import('./pages/ui-kit.js') },
];

/** Groups of the navigation, in order. */
export const GROUPS = ['watch', 'route', 'work', 'house'];

/** Where an address without a page leads. */
export const HOME = 'overview';
