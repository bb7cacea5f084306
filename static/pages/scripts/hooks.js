// How the hooks do: calls, time, failures, and the tests of the last load.
import { Badge, Icon } from '../../components/basics.js';
import { Empty } from '../../components/states.js';
import { Table } from '../../components/table.js';
import { compact, dateTime, number, relative } from '../../lib/format.js';
import { t, word } from '../../lib/i18n.js';
import { href } from '../../lib/router.js';
import { html } from '../../lib/ui.js';

export const micros = (value) => t('scripts.micros', { n: number(value, value < 10 ? 1 : 0) });
const mean = (hook) => (hook.calls ? hook.total_us / hook.calls : 0);
const lineOf = ({ script, line, column }) => href(['scripts', 'files', script], { line, column });

const stateOf = (hook) => (hook.quarantined ? ['bad', t('scripts.quarantined')] : hook.failures ? ['warn', t('scripts.fails')] : ['good', t('scripts.works')]);

const failureOf = ({ last_failure: failure, last_failure_at: at }) => failure && html`<a href=${lineOf(failure)} title="${failure.message} (${dateTime(at)})">${word('script_failure', failure.kind)}, ${failure.script}:${failure.line}</a> <span class="hint">${relative(at)}</span>`;

const columns = () => [
  { name: 'hook', title: t('scripts.hook'), width: '22%', render: (one) => html`<code>${one.hook}</code>` },
  { name: 'state', title: t('common.status'), width: '130px', render: (one) => html`<${Badge} tone=${stateOf(one)[0]}>${stateOf(one)[1]}<//>` },
  { name: 'calls', title: t('scripts.runs'), width: '90px', num: true, render: (one) => compact(one.calls) },
  { name: 'mean', title: t('scripts.mean'), width: '110px', num: true, render: (one) => micros(mean(one)) },
  { name: 'max', title: t('scripts.longest'), width: '110px', num: true, from: 760, render: (one) => micros(one.max_us) },
  { name: 'failures', title: t('scripts.failures'), width: '90px', num: true, render: (one) => html`<span class=${one.failures ? 'tone-bad' : ''}>${compact(one.failures)}</span>` },
  { name: 'last', title: t('scripts.last_failure'), from: 860, render: failureOf },
];

const card = (one) => html`
  <div class="card-line"><code>${one.hook}</code><${Badge} tone=${stateOf(one)[0]}>${stateOf(one)[1]}<//></div>
  <div class="card-line hint"><span>${t('scripts.runs_n', { n: one.calls })}</span><span class="num">${micros(mean(one))} · ${t('scripts.failures_n', { n: one.failures })}</span></div>`;

export function HookTable({ hooks, label }) {
  const known = hooks.filter((hook) => hook.calls || hook.failures || hook.skipped);
  if (!known.length) return html`<p class="hint">${t('scripts.no_runs')}</p>`;
  return html`<${Table} label=${label} columns=${columns()} rows=${known} keyOf=${(one) => one.hook} card=${card} cardHeight=${66} />`;
}

export function Hooks({ scripts }) {
  const { last_reload: last } = scripts;
  const defined = new Set(scripts.files.flatMap((file) => file.hooks));
  if (!defined.size) return html`<${Empty} icon="gauge" title=${t('scripts.no_hooks')}>${t('scripts.no_hooks_hint')}<//>`;
  const idle = [...defined].filter((name) => !scripts.hooks.some((hook) => hook.hook === name && hook.calls));
  return html`
    <section><div class="section-head"><h2>${t('scripts.since_start')}</h2></div>
      <${HookTable} label=${t('scripts.tab_hooks')} hooks=${scripts.hooks} />
      ${idle.length > 0 && html`<p class="hint idle-hooks">${t('scripts.not_run_yet', { names: idle.join(', ') })}</p>`}</section>
    <section class="panel"><div class="section-head"><h2>${t('scripts.last_load')}</h2><span class="hint">${dateTime(last.at)} · ${micros(last.micros)} · ${t('scripts.loads', { n: scripts.reloads })} · ${t('scripts.loads_refused', { n: scripts.failed_reloads })}</span></div>
      ${last.tests.length ? html`<ul class="plain-rows test-rows">${last.tests.map((test) => html`<li key=${test.script + test.name}><span class=${test.passed ? 'tone-good' : 'tone-bad'}><${Icon} name=${test.passed ? 'circle-check' : 'circle-x'} label=${t(test.passed ? 'scripts.passed' : 'scripts.failed')} /></span>
        <a class="grow cut" href=${lineOf(test)}><code>${test.name}</code></a><span class="hint cut">${test.script}</span><span class="num hint">${micros(test.micros)}</span></li>`)}</ul>` : html`<p class="hint">${t('scripts.no_tests')}</p>`}</section>`;
}
