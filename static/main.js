// The route's page inside the shell.
import { Icon } from './components/basics.js';
import { Shell } from './components/shell.js';
import { Empty, Failure, Skeleton } from './components/states.js';
import { t } from './lib/i18n.js';
import { href, route } from './lib/router.js';
import { signInNeeded, user } from './lib/session.js';
import { Component, html, useEffect, useLayoutEffect, useState } from './lib/ui.js';
import './lib/theme.js';
import { HOME, ROUTES } from './routes.js';

/** A fault inside a page leaves the navigation alone. */
class Guard extends Component {
  state = { error: null };

  static getDerivedStateFromError(error) {
    return { error };
  }

  componentDidCatch(error) {
    console.error(error);
  }

  componentDidUpdate(before) {
    if (before.page !== this.props.page && this.state.error) this.setState({ error: null });
  }

  render({ children }, { error }) {
    if (!error) return children;
    return html`<div class="page"><${Failure} error=${error} title=${t('error.broken')} retry=${() => this.setState({ error: null })} /></div>`;
  }
}

const loaded = new Map();

/** Loads a page: what is loaded before it is drawn is seen at once. */
export const load = async (entry) => loaded.set(entry.page, (await entry.load()).default);

export { loadWhenAtRest } from './components/later.js';

/** The page of the route, loaded when it is first opened. */
function Page({ entry }) {
  const [state, setState] = useState({});
  useEffect(() => {
    if (loaded.has(entry.page)) return;
    load(entry).then(
      () => setState({}),
      (error) => {
        console.error(error);
        setState({ error });
      },
    );
  }, [entry]);
  // Before anything is painted, so that no field that somebody has just gone into loses the focus again.
  useLayoutEffect(() => {
    document.getElementById('main')?.scrollTo(0, 0);
    const title = document.getElementById('page-title');
    if (title && !document.querySelector('dialog[open]')) title.focus({ preventScroll: true });
  }, [entry, loaded.has(entry.page)]);
  const Content = loaded.get(entry.page);
  if (Content) return html`<${Content} />`;
  if (state.error) return html`<div class="page"><${Failure} error=${state.error} title=${t('error.load')} retry=${() => location.reload()} /></div>`;
  return html`<div class="page"><${Skeleton} rows=${6} /></div>`;
}

const Missing = () => html`<div class="page"><${Empty} icon="route" title=${t('error.no_page')} action=${html`<a class="button primary" href=${href(HOME)}>${t(`nav.${HOME}`)}</a>`} /></div>`;

export function App() {
  const name = route.value.page || HOME;
  const entry = ROUTES.find((item) => item.page === name);
  useEffect(() => {
    if (!entry?.bare && !user.value) signInNeeded.value = true;
  }, [entry]);
  if (entry?.bare) return html`<${Guard} page=${name}><${Page} entry=${entry} key=${name} /><//>`;
  return html`
    <${Shell} key="shell">
      ${user.value && html`<${Guard} page=${name}>${entry ? html`<${Page} entry=${entry} key=${name} />` : html`<${Missing} />`}<//>`}
      ${!user.value && html`<div class="page waiting-room"><${Icon} name="lock" /></div>`}
    <//>`;
}
