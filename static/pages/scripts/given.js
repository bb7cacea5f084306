// What a dry run is given: a request, and what a provider would answer to it.
import { IconButton, Button } from '../../components/basics.js';
import { NumberField, SelectField, TextArea, TextField } from '../../components/fields.js';
import { t } from '../../lib/i18n.js';
import { stored } from '../../lib/stored.js';
import { html, useId } from '../../lib/ui.js';

const SAMPLE = JSON.stringify({ model: 'gpt-4o-mini', stream: false, messages: [{ role: 'user', content: 'Hello' }] }, null, 2);
const ANSWER = JSON.stringify({ choices: [{ index: 0, message: { role: 'assistant', content: 'Hello!' }, finish_reason: 'stop' }], usage: { prompt_tokens: 9, completion_tokens: 2, total_tokens: 11 } }, null, 2);
const EVENTS = `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: 'Hello!' } }] })}\n\ndata: [DONE]\n`;
const PATHS = ['/v1/chat/completions', '/v1/responses', '/v1/messages', '/v1/embeddings'];
const FAILURE = { status: 429, code: '', message: '' };
const NOTHING = { path: PATHS[0], body: SAMPLE, client: '', headers: '', ip: '', provider: 'nothing', status: 200, answer_headers: '', answer: ANSWER, events: EVENTS, failures: [FAILURE] };
const WAYS = ['nothing', 'answer', 'stream', 'failures'];

const kept = stored('script-request', NOTHING, () => sessionStorage);
/** What was typed, kept until the tab is closed. */
export const given = () => ({ ...NOTHING, ...kept.value });
const set = (change) => { kept.value = { ...given(), ...change }; };
const bind = (name) => ({ value: given()[name], change: (value) => set({ [name]: value }) });

/** `name: value` lines as an object. */
export function headersOf(text) {
  const lines = text.split('\n').map((line) => line.trim()).filter(Boolean);
  return Object.fromEntries(lines.map((line) => {
    const at = line.indexOf(':');
    return at < 0 ? [line.toLowerCase(), ''] : [line.slice(0, at).trim().toLowerCase(), line.slice(at + 1).trim()];
  }));
}

/** A pasted event stream, or a line of data for every event. */
export function eventsOf(text) {
  if (!/^(data|event|id|retry)?:/m.test(text)) return text.split('\n').filter((line) => line.trim()).map((data) => ({ data }));
  return text.split(/\r?\n\r?\n/).flatMap((block) => {
    const lines = block.split(/\r?\n/);
    const all = (field) => lines.filter((line) => line.startsWith(`${field}:`)).map((line) => line.slice(field.length + 1).replace(/^ /, ''));
    const [name] = all('event');
    return all('data').length ? [{ ...(name ? { name } : {}), data: all('data').join('\n') }] : [];
  });
}

/** Text that is JSON as what it means; any other as it is. */
const read = (text) => {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
};

/** The request as the API takes it; its body letter by letter. */
export function requestGiven() {
  const { path, body, client, headers, ip } = given();
  return { path, body, headers: headersOf(headers), ...(client ? { client: Number(client) } : {}), ...(ip.trim() ? { ip: ip.trim() } : {}) };
}

/** What the provider answers, as the API takes it. */
export function answerGiven() {
  const { provider, status, answer_headers: headers, answer, events, failures } = given();
  if (provider === 'answer') return { response: { status: status ?? 200, headers: headersOf(headers), body: read(answer) } };
  if (provider === 'stream') return { response: { status: status ?? 200, headers: headersOf(headers) }, events: eventsOf(events) };
  if (provider === 'failures') return { errors: failures.map(({ status: code, ...rest }) => ({ ...(code ? { status: code } : {}), ...Object.fromEntries(Object.entries(rest).filter(([, value]) => value)) })) };
  return {};
}

/** What is wrong with a body that ought to be JSON; a body that is not may still be tried. */
function brokenJson(text) {
  try {
    if (text.trim()) JSON.parse(text);
    return undefined;
  } catch (error) {
    return t('scripts.not_json', { why: error.message });
  }
}

const HEADERS = 'x-team: red\nuser-agent: my-app/1.2';

export function RequestFields({ clients }) {
  const paths = useId();
  return html`
    <div class="form-2"><${TextField} label=${t('scripts.path')} list=${paths} ...${bind('path')} />
      <${SelectField} label=${t('calls.client')} options=${[['', t('common.none')], ...clients.map((one) => [one.id, one.name])]} ...${bind('client')} /></div>
    <datalist id=${paths}>${PATHS.map((path) => html`<option key=${path} value=${path} />`)}</datalist>
    <${TextArea} label=${t('scripts.body')} rows="9" class="mono" error=${brokenJson(given().body)} ...${bind('body')} />
    <details class="more-fields" open=${Boolean(given().headers || given().ip)}><summary>${t('scripts.headers_and_address')}</summary><div class="form">
      <${TextArea} label=${t('scripts.headers')} hint=${t('scripts.headers_hint')} rows="3" class="mono" placeholder=${HEADERS} ...${bind('headers')} />
      <${TextField} label=${t('scripts.address')} optional placeholder="203.0.113.9" ...${bind('ip')} /></div></details>`;
}

/** What the hooks behind the provider look at. */
export function AnswerFields({ logged }) {
  const { provider, failures, answer } = given();
  const edit = (at, change) => set({ failures: failures.map((one, index) => (index === at ? { ...one, ...change } : one)) });
  return html`
    <${SelectField} label=${t('scripts.provider_answers')} hint=${t(`scripts.provider_${provider}_hint`)} options=${WAYS.map((name) => [name, t(name === 'nothing' && logged ? 'scripts.provider_as_logged' : `scripts.provider_${name}`)])} ...${bind('provider')} />
    ${['answer', 'stream'].includes(provider) && html`
      <div class="form-2"><${NumberField} label=${t('calls.status')} min="100" max="599" ...${bind('status')} />
        <${TextArea} label=${t('scripts.headers')} rows="2" class="mono" placeholder="x-ratelimit-remaining-requests: 12" ...${bind('answer_headers')} /></div>`}
    ${provider === 'answer' && html`<${TextArea} label=${t('scripts.body')} rows="7" class="mono" error=${brokenJson(answer)} ...${bind('answer')} />`}
    ${provider === 'stream' && html`<${TextArea} label=${t('scripts.events')} hint=${t('scripts.events_hint')} rows="7" class="mono" ...${bind('events')} />`}
    ${provider === 'failures' && html`<ol class="stack">${failures.map((one, at) => html`
      <li class="failure-given" key=${at}><${NumberField} label=${t('calls.status')} min="100" max="599" optional value=${one.status} change=${(status) => edit(at, { status })} />
        <${TextField} label=${t('calls.error_code')} optional value=${one.code} change=${(code) => edit(at, { code })} />
        <${TextField} label=${t('scripts.message')} optional value=${one.message} change=${(message) => edit(at, { message })} />
        <${IconButton} icon="x" label=${t('common.remove')} disabled=${failures.length < 2} onClick=${() => set({ failures: failures.filter((_, index) => index !== at) })} /></li>`)}</ol>
      <div class="row"><${Button} small icon="plus" onClick=${() => set({ failures: [...failures, FAILURE] })}>${t('scripts.add_failure')}<//></div>`}`;
}
