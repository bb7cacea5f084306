// `#/setup?token=…`: from an empty Keywheel to the first call in four steps.
import { Brand, Icon } from '../components/basics.js';
import { t } from '../lib/i18n.js';
import { route } from '../lib/router.js';
import { user } from '../lib/session.js';
import { classes, html, useEffect, useState } from '../lib/ui.js';
import { Keys } from './setup/keys.js';
import { Owner } from './setup/owner.js';
import { FirstCall, Token } from './setup/token.js';

const STEPS = ['owner', 'keys', 'token', 'call'];

export default function Setup() {
  const [step, setStep] = useState(user.peek() ? 'keys' : 'owner');
  const [client, setClient] = useState(null);
  const at = STEPS.indexOf(step);
  useEffect(() => {
    document.title = `${t('nav.setup')} · Keywheel`;
    document.getElementById('page-title')?.focus();
  }, [step]);
  return html`
    <main class="entry" id="main"><div class="entry-box wide"><${Brand} />
      <ol class="steps" aria-label=${t('setup.steps')}>${STEPS.map((name, index) => html`
        <li key=${name} class=${classes(index < at && 'is-done', index === at && 'is-here')} aria-current=${index === at ? 'step' : undefined}>
          <span>${index < at ? html`<${Icon} name="check" label=${t('setup.done')} />` : index + 1}</span>${t(`setup.step_${name}`)}</li>`)}</ol>
      ${step === 'owner' && html`<${Owner} token=${route.peek().query.token} next=${() => setStep('keys')} />`}
      ${step === 'keys' && html`<${Keys} next=${() => setStep('token')} />`}
      ${step === 'token' && html`<${Token} next=${(made) => { setClient(made); setStep('call'); }} />`}
      ${step === 'call' && html`<${FirstCall} made=${client} />`}
    </div></main>`;
}
