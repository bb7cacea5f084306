// The filters of the list of calls, and what the server is asked for them.
import { Button, Icon } from '../../components/basics.js';
import { SpanFilter, TextFilter } from '../../components/entry-filters.js';
import { Chip, ClearFilters, FilterMenu } from '../../components/filters.js';
import { compact, money, span } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { useQuery } from '../../lib/query.js';
import { rangeQuery } from '../../lib/range.js';
import { go, href, route, setQuery } from '../../lib/router.js';
import { mayOperate } from '../../lib/session.js';
import { html, useState } from '../../lib/ui.js';
import { OUTCOMES, outcomeName } from '../../lib/words.js';

const LISTS = ['outcome', 'tag'];
const PLAIN = ['status', 'error_code', 'api', 'model', 'served_model', 'client', 'key', 'attempted_key', 'provider', 'stream', 'probe', 'min_cost_usd', 'max_cost_usd', 'min_duration_ms', 'max_duration_ms', 'min_tokens', 'max_tokens', 'min_attempts', 'max_attempts', 'request_id', 'text'];
/** Every filter of the list. */
export const FILTERS = [...LISTS, ...PLAIN];
/** Filters that are shown when they are asked for. */
const RARE = ['min_duration_ms', 'max_duration_ms', 'min_tokens', 'max_tokens', 'min_cost_usd', 'max_cost_usd', 'tag', 'text', 'api', 'stream', 'probe'];
const STATUSES = ['2xx', '4xx', '5xx', '401', '429', '503'];
const APIS = ['chat', 'completions', 'responses', 'embeddings', 'images', 'audio', 'moderations', 'messages', 'other'];

/** The members of the address that narrow the list, as the server wants them. */
export const askedFor = (query) => Object.fromEntries(FILTERS.filter((name) => query[name]).map((name) => [name, LISTS.includes(name) ? query[name].split(',') : query[name]]));

const CALL_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Finds a call by its own id, or by the client's or the provider's request id. */
function Find() {
  const [text, setText] = useState('');
  const find = (event) => {
    event.preventDefault();
    const id = text.trim();
    if (!id) return;
    if (CALL_ID.test(id)) go(href(['calls', id.toLowerCase()], route.peek().query));
    else setQuery({ request_id: id });
    setText('');
  };
  return html`
    <form class="search" onSubmit=${find}><${Icon} name="search" />
      <input type="search" data-search aria-label=${t('calls.find')} placeholder=${t('calls.find')} autocomplete="off" spellcheck=${false} value=${text} onInput=${(event) => setText(event.target.value)} />
      ${!text && html`<kbd aria-hidden="true">/</kbd>`}</form>`;
}

/** Names that were seen in the stretch of time, most used first. */
function useSeen(by) {
  const { data } = useQuery('api/stats/totals', { ...rangeQuery.value, by, limit: 100 });
  const members = (data?.members ?? []).filter((member) => !member.is_others && (member.name ?? member.id));
  return members.map((member) => [member.id ?? member.name, member.name ?? String(member.id), member.sums.calls || member.sums.attempts]);
}

export function Filters() {
  const { query } = route.value;
  const [open, setOpen] = useState(false);
  const more = open || RARE.some((name) => query[name]);
  const seen = { model: useSeen('model'), key: useSeen('key'), client: useSeen('client'), provider: useSeen('provider') };
  const nameOf = (by, id) => seen[by].find(([one]) => String(one) === id)?.[1] ?? `#${id}`;
  const chips = [
    ['attempted_key', (id) => nameOf('key', id)], ['served_model'], ['error_code'], ['request_id'], ['max_attempts'],
  ].filter(([name]) => query[name]);
  return html`
    <div class="list-bar">
      <${Find} />
      <${FilterMenu} name="outcome" several label=${t('calls.outcome')} options=${OUTCOMES.map((outcome) => [outcome, outcomeName(outcome)])} />
      <${FilterMenu} name="model" label=${t('calls.model')} options=${seen.model} />
      <${FilterMenu} name="client" label=${t('calls.client')} options=${seen.client} />
      <${FilterMenu} name="key" label=${t('calls.key')} options=${seen.key} />
      <${FilterMenu} name="provider" label=${t('calls.provider')} options=${seen.provider} />
      <${FilterMenu} name="status" label=${t('calls.status')} options=${STATUSES.map((status) => [status, status])} />
      <${FilterMenu} name="min_attempts" label=${t('calls.attempts')} options=${[[2, t('calls.at_least', { n: 2 })], [3, t('calls.at_least', { n: 3 })]]} />
      ${more && html`<${SpanFilter} name="duration_ms" label=${t('calls.duration')} unit=${1000} mark="s" show=${span} />
      <${SpanFilter} name="tokens" label=${t('calls.tokens')} show=${compact} />
      <${SpanFilter} name="cost_usd" label=${t('calls.cost')} mark="$" show=${(dollars) => money(dollars, true)} />
      <${TextFilter} name="tag" label=${t('calls.tag')} hint=${t('calls.tag_hint')} placeholder="team-red" />
      ${mayOperate.value && html`<${TextFilter} name="text" label=${t('calls.text')} hint=${t('calls.text_hint')} />`}
      <${FilterMenu} name="api" label=${t('calls.api')} options=${APIS.map((one) => [one, one])} />
      <${FilterMenu} name="stream" label=${t('calls.stream')} options=${[[true, t('calls.streamed')], [false, t('calls.plain')]]} />
      <${FilterMenu} name="probe" label=${t('calls.probe')} options=${[[true, t('common.yes')], [false, t('common.no')]]} />`}
      ${!more && html`<${Button} small kind="quiet" icon="list-filter" onClick=${() => setOpen(true)}>${t('common.more')}<//>`}
      ${chips.map(([name, show = (text) => text]) => html`<${Chip} key=${name} name=${name} label=${t(`calls.${name}`)} value=${show(query[name])} />`)}
      <${ClearFilters} names=${FILTERS} />
    </div>`;
}
