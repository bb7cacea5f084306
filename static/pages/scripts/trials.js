// Trying what was typed before it is live: on one request, on logged calls, or beside live traffic.
import { Icon, Tag } from '../../components/basics.js';
import { Tabs } from '../../components/tabs.js';
import { t } from '../../lib/i18n.js';
import { href, route, setQuery } from '../../lib/router.js';
import { mayOperate } from '../../lib/session.js';
import { html } from '../../lib/ui.js';
import { draftNames } from './drafts.js';
import { DryRun } from './dry-run.js';
import { Replay } from './replay.js';
import { Shadow } from './shadow.js';

const WAYS = { request: DryRun, replay: Replay, shadow: Shadow };

export function Trials() {
  const way = Object.hasOwn(WAYS, route.value.query.way) ? route.value.query.way : 'request';
  return html`
    <div class="trial-of"><${Icon} name="flask-conical" />${draftNames.value.length
      ? html`<span>${t('scripts.tries')}</span>${draftNames.value.map((name) => html`<a key=${name} href=${href(['scripts', 'files', name])}><${Tag}>${name}<//></a>`)}`
      : html`<span>${t(way === 'request' ? 'scripts.tries_live' : 'scripts.tries_nothing')}</span>`}</div>
    ${!mayOperate.value && html`<p class="hint">${t('scripts.operators_try')}</p>`}
    <${Tabs} label=${t('scripts.tab_try')} chosen=${way} choose=${(name) => setQuery({ way: name === 'request' ? null : name })} tabs=${Object.keys(WAYS).map((name) => [name, t(`scripts.way_${name}`)])}>${(name) => html`
      <p class="hint way-hint">${t(`scripts.way_${name}_hint`)}</p><${WAYS[name]} />`}<//>`;
}
