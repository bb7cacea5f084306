// Starts the page. Words, session, shell and the page of the address are fetched side by side; then all is drawn at once.
import { currentSession } from './lib/api.js';
import { useLanguage } from './lib/i18n.js';
import { go, href, route } from './lib/router.js';
import { maybeSignedIn, signedIn, signInNeeded } from './lib/session.js';
import { html, render } from './lib/ui.js';
import { HOME, ROUTES } from './routes.js';

if (!location.hash || location.hash === '#/') go(href(HOME), { replace: true });
const entry = ROUTES.find((item) => item.page === route.value.page);
if (maybeSignedIn()) entry?.ahead?.();
// A page that cannot be loaded is the shell's to tell of.
const [{ App, load, loadWhenAtRest }, session] = await Promise.all([import('./main.js'), currentSession(), useLanguage(), entry?.load().catch(() => null)]);
if (session) signedIn(session);
else if (!entry?.bare) signInNeeded.value = true;
if (entry && (session || entry.bare)) await load(entry).catch(() => null);
render(html`<${App} />`, document.getElementById('app'));
loadWhenAtRest();
