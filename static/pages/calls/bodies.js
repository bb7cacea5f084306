// What the client sent and got, where bodies are kept, and the call as code.
import { Button, Icon } from '../../components/basics.js';
import { Code } from '../../components/code.js';
import { Answer } from '../../components/states.js';
import { bytes } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { useQuery } from '../../lib/query.js';
import { href } from '../../lib/router.js';
import { html, useMemo, useState } from '../../lib/ui.js';
import { streamText } from './stream-text.js';
import { SNIPPETS, snippet } from '../../lib/snippets.js';
import { ROUTES } from '../../routes.js';

export function Bodies({ call }) {
  const answer = useQuery(call.has_bodies ? `api/calls/${call.id}/bodies` : null);
  const hasChat = ROUTES.some((item) => item.page === 'chat');
  if (!call.has_bodies) {
    return html`<div class="stack"><p class="verdict"><span><${Icon} name="info" /> ${t('calls.no_bodies')} <a href=${href(['settings', 'logging'])}>${t('calls.no_bodies_setting')}</a></span></p><${AsCode} call=${call} /></div>`;
  }
  return html`<${Answer} of=${answer} rows=${6}>${(bodies) => html`
    <div class="stack">
      ${hasChat && bodies.request?.text && html`<div><${Button} small icon="message-square" href=${href('chat', { call: call.id })}>${t('calls.replay')}<//></div>`}
      <${Body} title=${t('calls.request')} body=${bodies.request} /><${Body} title=${t('calls.response')} body=${bodies.response} />
      <p class="hint">${t('calls.headers_not_kept')}${call.dropped_headers.length > 0 ? html` ${t('calls.dropped')}: <code>${call.dropped_headers.join(', ')}</code>` : ''}</p>
      <${AsCode} call=${call} body=${bodies.request?.text} />
    </div>`}<//>`;
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function Body({ title, body }) {
  const said = useMemo(() => (body?.text ? streamText(body.text) : null), [body]);
  const [asSent, setAsSent] = useState(false);
  if (!body) return html`<p class="hint">${title}: ${t('calls.not_kept')}</p>`;
  const size = `${title} · ${bytes(body.bytes)}${body.truncated ? ` · ${t('calls.truncated')}` : ''}`;
  const text = body.text === null || body.text === undefined ? body.base64 : pretty(body.text);
  return html`
    ${said && html`<div class="segments small" role="group" aria-label=${title}>${[false, true].map((sent) => html`<button type="button" key=${sent} aria-pressed=${asSent === sent} onClick=${() => setAsSent(sent)}>${t(sent ? 'calls.as_sent' : 'calls.as_text')}</button>`)}</div>`}
    <${Code} title=${size} text=${said && !asSent ? said : text} wrap=${Boolean(said) && !asSent} />`;
}

/** The call as curl, Python and Node; without its kept body, with a body of the same model. */
function AsCode({ call, body }) {
  const [language, setLanguage] = useState('curl');
  const text = body && !body.includes('\0') ? body : JSON.stringify({ model: call.model ?? 'gpt-4o-mini', messages: [{ role: 'user', content: 'Say hello' }], stream: call.stream });
  return html`
    <div class="segments small" role="group" aria-label=${t('calls.as_code')}>${SNIPPETS.map((name) => html`<button type="button" key=${name} aria-pressed=${language === name} onClick=${() => setLanguage(name)}>${name}</button>`)}</div>
    <${Code} title=${t('calls.as_code')} language=${language} text=${snippet(language, { path: call.path, body: text })} />`;
}
