// One strip: how many keys are in which state, and which providers are in trouble.
import { Badge } from '../../components/basics.js';
import { Parts } from '../../components/figures.js';
import { Answer } from '../../components/states.js';
import { t } from '../../lib/i18n.js';
import { useQuery } from '../../lib/query.js';
import { href } from '../../lib/router.js';
import { html } from '../../lib/ui.js';
import { KEY_STATES, stateName, stateTone } from '../../lib/words.js';

export function Health() {
  const providers = useQuery('api/providers', { limit: 1000 }, { every: 10_000 });
  return html`<${Answer} of=${providers} rows=${1} quiet>${(data) => html`<${Strip} providers=${data.providers} />`}<//>`;
}

function Strip({ providers }) {
  const count = (state) => providers.reduce((sum, provider) => sum + (provider.status.keys[state] ?? 0), 0);
  const parts = KEY_STATES.map((state) => ({ state, name: stateName(state), tone: stateTone(state), count: count(state) }));
  const open = providers.filter((provider) => provider.status.breaker_open_since);
  const lost = providers.filter((provider) => provider.status.check_base_url);
  return html`
    <section class="health panel" aria-label=${t('overview.health')}>
      <h2>${t('overview.health')}</h2>
      <${Parts} parts=${parts} />
      <div class="row wrap">
        ${parts.filter((part) => part.count).map((part) => html`<a class="plain-link" key=${part.state} href=${href('keys', { state: part.state })}>
          <${Badge} tone=${part.tone}>${part.name} <strong>${part.count}</strong><//></a>`)}
        ${open.map((provider) => html`<a class="plain-link" key=${provider.id} href=${href(['providers', provider.id])}><${Badge} tone="bad" icon="zap">${t('overview.breaker', { name: provider.name })}<//></a>`)}
        ${lost.map((provider) => html`<a class="plain-link" key=${`u${provider.id}`} href=${href(['providers', provider.id])}><${Badge} tone="warn" icon="link">${t('overview.check_url', { name: provider.name })}<//></a>`)}
      </div>
    </section>`;
}
