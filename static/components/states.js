// What a place shows while it has nothing to show: loading, empty, failed, stale.
import { causeOf } from '../lib/cause.js';
import { t } from '../lib/i18n.js';
import { shortTime } from '../lib/format.js';
import { html, useEffect, useState } from '../lib/ui.js';
import { Button, Icon } from './basics.js';

export { causeOf };

/** True once a wait has lasted long enough to be worth showing. */
export function useSlow(waiting, ms = 200) {
  const [slow, setSlow] = useState(false);
  useEffect(() => {
    setSlow(false);
    if (!waiting) return undefined;
    const timer = setTimeout(() => setSlow(true), ms);
    return () => clearTimeout(timer);
  }, [waiting, ms]);
  return waiting && slow;
}

/** Grey bars in the shape of what comes, after 200 ms. */
export function Skeleton({ rows = 3, kind = 'line' }) {
  const slow = useSlow(true);
  if (!slow) return html`<div class="skeleton-room" aria-busy="true"></div>`;
  return html`<div class="skeleton ${kind}" role="status" aria-label=${t('common.loading')}>
    ${Array.from({ length: rows }, (_, at) => html`<div key=${at}></div>`)}
  </div>`;
}

/** Nothing here yet: what would be, and what to do. */
export const Empty = ({ icon = 'circle-dashed', title, children, action }) => html`
  <div class="empty">
    <${Icon} name=${icon} />
    <h2>${title}</h2>
    ${children && html`<div class="hint">${children}</div>`}
    ${action && html`<div class="row">${action}</div>`}
  </div>`;

export const Failure = ({ error, retry, title }) => html`
  <div class="failure" role="alert">
    <${Icon} name="circle-alert" />
    <div>
      <strong>${title ?? t('error.title')}</strong>
      <p>${causeOf(error)}</p>
      ${error.requestId && html`<p class="hint">${t('error.request_id')} <code>${error.requestId}</code></p>`}
    </div>
    ${retry && html`<${Button} small icon="rotate-ccw" onClick=${retry}>${t('common.retry')}<//>`}
  </div>`;

/** Says that what is shown is not of now, and why. */
export const StaleNote = ({ at, error, reload }) => html`
  <div class="stale-note" role="status"><${Icon} name="wifi-off" />
    <span>${t('error.stale', { time: shortTime(at) })} ${causeOf(error)}</span>
    <${Button} small kind="quiet" onClick=${reload}>${t('common.retry')}<//></div>`;

/** What lies in a place that a question fills: the answer, dimmed and labelled while it is stale, or what stands for it. */
export function Answer({ of, children, skeleton, rows, quiet }) {
  const { data, error, loading, stale, at, reload } = of;
  const slow = useSlow(loading && stale && !error, 300);
  if (data === undefined) {
    if (error) return html`<${Failure} error=${error} retry=${reload} />`;
    return html`<${Skeleton} kind=${skeleton} rows=${rows} />`;
  }
  return html`
    ${error && html`<${StaleNote} ...${{ at, error, reload }} />`}
    <div class=${!quiet && (slow || error) ? 'is-stale' : 'is-fresh'} aria-busy=${slow ? 'true' : undefined}>${children(data)}</div>`;
}
