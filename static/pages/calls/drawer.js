// One call: how it ended, every attempt in time, why each key was taken, what it used, and its bodies.
import { Badge, Icon, IconButton, Tag } from '../../components/basics.js';
import { Code, CopyButton } from '../../components/code.js';
import { Dialog } from '../../components/dialog.js';
import { Answer } from '../../components/states.js';
import { Tabs } from '../../components/tabs.js';
import { bytes, compact, dateTime, money, NOTHING, number, span } from '../../lib/format.js';
import { t, word } from '../../lib/i18n.js';
import { useQuery } from '../../lib/query.js';
import { go, href, route } from '../../lib/router.js';
import { mayOperate } from '../../lib/session.js';
import { html, useState } from '../../lib/ui.js';
import { outcomeName, outcomeTone } from '../../lib/words.js';
import { Bodies } from './bodies.js';
import { Story } from './story.js';
import { Waterfall } from './waterfall.js';

export function CallDrawer({ id, back, step }) {
  const asked = useQuery(`api/calls/${id}`);
  // What was asked before is another call.
  const answer = asked.data?.id === id.toLowerCase() ? asked : { ...asked, data: undefined };
  const [tab, setTab] = useState('attempts');
  const jump = (by) => {
    const next = step(by);
    if (next) go(href(['calls', next], route.peek().query), { replace: true });
  };
  const key = (event) => {
    if (event.target.closest('input, textarea, select') || event.ctrlKey || event.metaKey) return;
    if (event.key === 'j') jump(1);
    if (event.key === 'k') jump(-1);
  };
  const tabs = ['attempts', 'usage', 'bodies', 'raw'].map((name) => [name, t(`calls.tab_${name}`)]);
  return html`
    <${Dialog} drawer wide onKey=${key} title=${answer.data ? answer.data.model ?? answer.data.path : t('common.loading')} close=${() => go(back)}
      subtitle=${html`<code>${id}</code>`} header=${html`<span class="row">
        <${IconButton} icon="chevron-up" label=${t('calls.before')} disabled=${!step(-1)} onClick=${() => jump(-1)} />
        <${IconButton} icon="chevron-down" label=${t('calls.after')} disabled=${!step(1)} onClick=${() => jump(1)} />
        <${CopyButton} text=${() => location.href} label=${t('calls.copy_link')} /></span>`}>
      <${Answer} of=${answer} rows=${10}>${(call) => html`
        <${Head} call=${call} />
        <${Tabs} tabs=${tabs} chosen=${tab} choose=${setTab} label=${t('common.details')}>${(name) => ({
          attempts: () => html`<${Waterfall} key=${call.id} call=${call} />`,
          usage: () => html`<${Used} call=${call} />`,
          bodies: () => html`<${Bodies} key=${call.id} call=${call} />`,
          raw: () => html`<${Code} language="json" tall text=${JSON.stringify(call, null, 2)} />`,
        })[name]()}<//>`}<//>
    <//>`;
}

const Figure = ({ label, value, hint }) => html`<div><dt>${label}</dt><dd>${value}${hint && html` <span class="hint">${hint}</span>`}</dd></div>`;

function Head({ call }) {
  const served = call.served_model && call.served_model !== call.model;
  return html`
    <div class="row wrap">
      <${Badge} tone=${outcomeTone(call.outcome)}>${outcomeName(call.outcome)}<//><code>${call.status}</code>
      ${call.error_code && html`<code class="tone-bad">${call.error_code}</code>`}
      ${call.probe && html`<${Tag}>${t('calls.probe')}<//>`}${call.blank && html`<${Tag}>${t('calls.blank')}<//>`}
      <span class="hint">${call.method} ${call.path}${call.stream ? ` · ${t('calls.streamed')}` : ''}</span>
      ${mayOperate.value && html`<a href=${href(['scripts', 'try'], { call: call.id })}>${t('calls.try_scripts')}</a>`}
      ${call.tags.map((tag) => html`<${Tag} key=${tag}>${tag}<//>`)}
    </div>
    <${Story} call=${call} />
    ${call.error_message && html`<p class="form-problem"><${Icon} name="circle-alert" />${call.error_message}</p>`}
    <dl class="limits call-figures">
      <${Figure} label=${t('calls.time')} value=${dateTime(call.started_at)} />
      <${Figure} label=${t('calls.client')} value=${call.client ? html`<a href=${href(['clients', call.client.id])}>${call.client.name}</a>` : NOTHING} hint=${call.client_ip} />
      <${Figure} label=${t('calls.key')} value=${call.key ? html`<a href=${href(['keys', call.key.id])}>${call.key.name}</a>` : NOTHING} hint=${call.provider?.name} />
      ${served && html`<${Figure} label=${t('calls.served_model')} value=${html`<code>${call.served_model}</code>`} />`}
      <${Figure} label=${t('calls.duration')} value=${span(call.duration_ms)} hint=${call.first_token_ms === null ? '' : t('calls.first_after', { time: span(call.first_token_ms) })} />
      <${Figure} label=${t('calls.tokens')} value="${compact(call.input)} → ${compact(call.output)}" hint=${speed(call)} />
      <${Figure} label=${t('calls.cost')} value=${call.cost_usd === null ? html`<span class="hint">${t('calls.no_price')}</span>` : money(call.cost_usd)} />
    </dl>`;
}

/** Tokens a second after the first one. */
function speed(call) {
  const ms = call.first_token_ms === null ? 0 : call.duration_ms - call.first_token_ms;
  return ms > 50 && call.output > 1 ? t('calls.per_second', { n: Math.round((call.output * 1000) / ms) }) : '';
}

const UNITS = ['input', 'cached_read', 'cache_write', 'output', 'reasoning', 'audio_input', 'audio_output', 'image_input', 'image_output', 'pictures', 'characters'];

function Used({ call }) {
  const { usage } = call;
  const kept = Object.entries(call.request_headers).filter(([, value]) => value !== null);
  return html`
    <div class="stack">
      <dl class="facts">
        ${UNITS.filter((unit) => usage[unit] !== null && usage[unit] !== undefined).map((unit) => html`<dt key=${unit}>${t(`usage.${unit}`)}</dt><dd class="start">${number(usage[unit])}</dd>`)}
        ${usage.audio_ms !== null && usage.audio_ms !== undefined && html`<dt>${t('usage.audio_ms')}</dt><dd>${span(usage.audio_ms)}</dd>`}
        <dt>${t('usage.quality')}</dt><dd>${word('quality', usage.quality)}${usage.partial ? ` · ${t('usage.partial')}` : ''}</dd>
        <dt>${t('calls.cost')}</dt><dd>${call.cost_usd === null ? t('calls.no_price') : money(call.cost_usd)}</dd>
        <dt>${t('calls.bytes')}</dt><dd>${bytes(call.bytes_in)} → ${bytes(call.bytes_out)}</dd>
        ${call.client_request_id && html`<dt>${t('calls.client_id')}</dt><dd><code>${call.client_request_id}</code></dd>`}
        ${call.upstream_request_id && html`<dt>${t('calls.provider_id')}</dt><dd><code>${call.upstream_request_id}</code></dd>`}
        ${kept.length > 0 && html`<dt>${t('calls.kept_headers')}</dt><dd>${kept.map(([name, value]) => html`<div key=${name}><code>${name}: ${value}</code></div>`)}</dd>`}
        ${call.dropped_headers.length > 0 && html`<dt>${t('calls.dropped')}</dt><dd><code>${call.dropped_headers.join(', ')}</code></dd>`}
      </dl>
      ${usage.raw && html`<${Code} title=${t('usage.raw')} text=${JSON.stringify(usage.raw, null, 2)} />`}
      ${call.attributes && html`<${Code} title=${t('calls.attributes')} text=${JSON.stringify(call.attributes, null, 2)} />`}
    </div>`;
}
