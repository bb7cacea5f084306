// One message of a chat: what was said, what an answer took, and what can be done with it.
import { Badge, Button, Icon, IconButton } from '../../components/basics.js';
import { CopyButton } from '../../components/code.js';
import { failureOf, send } from '../../lib/api.js';
import { compact, money, span } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { href } from '../../lib/router.js';
import { mayOperate } from '../../lib/session.js';
import { classes, html, useEffect, useState } from '../../lib/ui.js';
import { readFile } from './composer.js';
import { Markdown } from './markdown.js';
import { newestLeaf, siblingsOf } from './tree.js';

/** Switches between what stands at one place of the tree. */
function Siblings({ messages, message, show }) {
  const all = siblingsOf(messages, message);
  const at = all.findIndex((other) => other.id === message.id);
  if (all.length < 2) return null;
  const to = (other) => show(newestLeaf(messages, other).id);
  return html`
    <span class="siblings">
      <${IconButton} small icon="chevron-left" label=${t('chat.branch_before')} disabled=${at === 0} onClick=${() => to(all[at - 1])} />
      <span class="num" aria-label=${t('chat.branch', { at: at + 1, n: all.length })}>${at + 1}/${all.length}</span>
      <${IconButton} small icon="chevron-right" label=${t('chat.branch_after')} disabled=${at === all.length - 1} onClick=${() => to(all[at + 1])} />
    </span>`;
}

export function Question({ chat, messages, message, show, edit }) {
  const [text, setText] = useState(null);
  const submit = (event) => {
    event?.preventDefault();
    if (!text.trim()) return;
    edit(message, text);
    setText(null);
  };
  const key = (event) => {
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === 'Escape') setText(null);
    if (event.key === 'Enter' && !event.shiftKey) submit(event);
  };
  return html`
    <article class="message question" aria-label=${t('chat.you')}>
      ${message.images.length > 0 && html`<div class="pictures">${message.images.map((_, at) => html`<${Picture} key=${at} path=${pathOf(chat, message, at)} />`)}</div>`}
      ${text === null ? message.text && html`<div class="bubble">${message.text}</div>` : html`
        <form class="edit-message" onSubmit=${submit}>
          <textarea aria-label=${t('chat.edit')} value=${text} onInput=${(event) => setText(event.target.value)} onKeyDown=${key} ref=${(element) => element && !element.dataset.focused && (element.dataset.focused = '1', element.focus())}></textarea>
          <div class="row end"><${Button} small onClick=${() => setText(null)}>${t('common.cancel')}<//><${Button} small kind="primary" onClick=${submit}>${t('chat.send')}<//></div>
        </form>`}
      <div class="message-foot">
        <${Siblings} ...${{ messages, message, show }} />
        ${mayOperate.value && text === null && html`<${IconButton} small icon="pencil" label=${t('chat.edit')} onClick=${() => setText(message.text)} />`}
        <${CopyButton} text=${message.text} />
      </div>
    </article>`;
}

export function Answer({ messages, message, show, again, stop, chosen, choose }) {
  const { answer } = message;
  const isRunning = message.state === 'running';
  const retry = () => again(message);
  return html`
    <article class=${classes('message', 'answer', choose && 'compared', choose && chosen && 'is-chosen')} aria-label=${answer.model} aria-busy=${isRunning ? 'true' : undefined}>
      <header><${Icon} name="bot" /><strong class="cut">${answer.model}</strong>
        ${message.state === 'stopped' && html`<${Badge}>${t('chat.stopped')}<//>`}
        ${answer.finish === 'length' && html`<${Badge} tone="warn">${t('chat.cut')}<//>`}</header>
      ${message.reasoning && html`<details class="reasoning"><summary>${t(isRunning && !message.text ? 'chat.thinking' : 'chat.thought')}</summary><div class="plain-text">${message.reasoning}</div></details>`}
      ${message.text && html`<${Markdown} text=${message.text} />`}
      ${isRunning && html`<p class="writing" role="status"><${Icon} name="loader-circle" size="spin" />${t(message.text ? 'chat.writing' : 'chat.waiting')}</p>`}
      ${message.state === 'failed' && html`<div class="form-problem" role="alert"><${Icon} name="circle-alert" /><span class="grow">${answer.error?.message}</span>
        ${mayOperate.value && html`<${Button} small icon="rotate-ccw" onClick=${retry}>${t('common.retry')}<//>`}</div>`}
      <div class="message-foot">
        ${!choose && html`<${Siblings} ...${{ messages, message, show }} />`}
        ${choose && !chosen && html`<${Button} small onClick=${choose}>${t('chat.go_on')}<//>`}
        ${isRunning ? mayOperate.value && html`<${Button} small icon="square" onClick=${() => stop(message)}>${t('chat.stop')}<//>` : html`
          ${mayOperate.value && html`<${IconButton} small icon="refresh-cw" label=${t('chat.again')} onClick=${retry} />`}
          ${message.text && html`<${CopyButton} text=${message.text} />`}
          <${Figures} answer=${answer} />`}
      </div>
    </article>`;
}

function Figures({ answer }) {
  const tokens = answer.input_tokens !== null && t('chat.tokens', { input: compact(answer.input_tokens), output: compact(answer.output_tokens) });
  const figures = [
    tokens, answer.cost_usd !== null && money(answer.cost_usd, true), answer.first_token_ms !== null && t('chat.first_token', { time: span(answer.first_token_ms) }),
    answer.key && t('chat.key', { name: answer.key }),
  ].filter(Boolean);
  return html`<span class="figures-line">${figures.map((figure) => html`<span key=${figure}>${figure}</span>`)}
    ${answer.call && html`<a href=${href(['calls', answer.call])}>${t('chat.call')}</a>`}</span>`;
}

const pathOf = (chat, message, at) => `api/chats/${chat.id}/messages/${message.id}/images/${at}`;

async function fetchPicture(path, signal) {
  const response = await send('GET', path, { accept: 'image/*', signal });
  if (!response.ok) throw await failureOf(response);
  return response.blob();
}

/** The pictures of a message as `data:` URLs, to be sent once more. */
export const picturesOf = (chat, message) => Promise.all(message.images.map(async (_, at) => readFile(await fetchPicture(pathOf(chat, message, at)))));

/** A picture of the server, fetched with whatever lets us in. */
function Picture({ path }) {
  const [source, setSource] = useState(null);
  useEffect(() => {
    let address;
    const stop = new AbortController();
    const show = async () => {
      address = URL.createObjectURL(await fetchPicture(path, stop.signal));
      setSource(address);
    };
    show().catch(() => {});
    return () => {
      stop.abort();
      if (address) URL.revokeObjectURL(address);
    };
  }, [path]);
  return source ? html`<img src=${source} alt=${t('chat.picture')} />` : html`<span class="picture-room"></span>`;
}
