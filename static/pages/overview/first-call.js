// What an overview without calls shows: the way to the first one, or a wider stretch of time.
import { Button, Icon } from '../../components/basics.js';
import { Code } from '../../components/code.js';
import { Empty } from '../../components/states.js';
import { t } from '../../lib/i18n.js';
import { useSomeModel } from '../../lib/model-names.js';
import { useQuery } from '../../lib/query.js';
import { chooseRange, zone } from '../../lib/range.js';
import { href } from '../../lib/router.js';
import { snippet } from '../../lib/snippets.js';
import { html } from '../../lib/ui.js';

export function NoCalls() {
  const ever = useQuery('api/stats/totals', { range: '30d', zone: zone.value });
  if (!ever.data) return null;
  if (ever.data.total.calls === 0) return html`<${FirstCall} />`;
  return html`<${Empty} icon="activity" title=${t('calls.none')} action=${['24h', '7d', '30d'].map((name) => html`<${Button} key=${name} onClick=${() => chooseRange(name)}>${t(`range.${name}`)}<//>`)}>${t('overview.widen')}<//>`;
}

const Step = ({ done, href: link, children }) => html`
  <li class=${done ? 'is-done' : undefined}><${Icon} name=${done ? 'circle-check' : 'circle-dashed'} label=${done ? t('setup.done') : undefined} />${done ? html`<span>${children}</span>` : html`<a href=${link}>${children}</a>`}</li>`;

function FirstCall() {
  const providers = useQuery('api/providers', { limit: 1000 });
  const clients = useQuery('api/clients', { limit: 2 });
  const model = useSomeModel();
  const hasKeys = providers.data?.providers.some((provider) => Object.values(provider.status.keys).some((count) => count > 0));
  const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'Say hello' }] });
  return html`
    <section class="panel first-call">
      <h2><${Icon} name="loader-circle" size="spin" /> ${t('overview.waiting')}</h2>
      <ol class="first-steps">
        <${Step} done=${providers.data?.providers.length > 0} href=${href('providers', { add: 1 })}>${t('keys.add_provider')}<//>
        <${Step} done=${hasKeys} href=${href('keys', { add: 1 })}>${t('overview.add_key')}<//>
        <${Step} done=${clients.data?.clients.length > 0} href=${href('clients', { add: 1 })}>${t('overview.add_client')}<//></ol>
      <p class="hint">${t('overview.waiting_hint')}</p>
      <${Code} language="curl" text=${snippet('curl', { body })} />
    </section>`;
}
