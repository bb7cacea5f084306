// What an empty overview shows: how to make the first call.
import { Code } from '../../components/code.js';
import { url } from '../../lib/api.js';
import { t } from '../../lib/i18n.js';
import { html } from '../../lib/ui.js';
import { Icon } from '../../components/basics.js';

export const FirstCall = () => html`
  <section class="panel first-call">
    <h2><${Icon} name="loader-circle" size="spin" /> ${t('overview.waiting')}</h2>
    <p class="hint">${t('overview.waiting_hint')}</p>
    <${Code} language="sh" text=${`curl ${url('v1/chat/completions')} \\
  -H 'authorization: Bearer YOUR-CLIENT-TOKEN' \\
  -H 'content-type: application/json' \\
  -d '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Say hello"}]}'`} />
  </section>`;
