// One request through the draft and through the live scripts.
import { Badge, Button, Icon } from '../../components/basics.js';
import { Code } from '../../components/code.js';
import { TextField } from '../../components/fields.js';
import { Failure } from '../../components/states.js';
import { api, everything } from '../../lib/api.js';
import { t, word } from '../../lib/i18n.js';
import { useAnswer } from '../../lib/query.js';
import { go, href, route, setQuery } from '../../lib/router.js';
import { mayOperate } from '../../lib/session.js';
import { classes, html, useState } from '../../lib/ui.js';
import { draftBody, draftNames } from './drafts.js';
import { endingOf, toneOfEnding } from './decisions.js';
import { AnswerFields, RequestFields, answerGiven, requestGiven } from './given.js';
import { micros } from './hooks.js';
import { Problems } from './problems.js';

export function DryRun() {
  const clients = useAnswer('api/clients all', (signal) => everything('api/clients', 'clients', {}, { signal }));
  const { call } = route.value.query;
  const [from, setFrom] = useState(call ? 'call' : 'request');
  const [result, setResult] = useState(null);
  const [failure, setFailure] = useState(null);
  const [busy, setBusy] = useState(false);
  const run = async (event) => {
    event.preventDefault();
    setBusy(true);
    setFailure(null);
    const what = from === 'call' ? { call: (call ?? '').trim() } : { request: requestGiven() };
    try {
      setResult(await api.post('api/scripts/dry-run', { draft: draftBody(), ...what, ...answerGiven() }));
    } catch (error) {
      setResult(null);
      setFailure(error);
    }
    setBusy(false);
  };
  return html`
    <div class="trial">
      <form class="form panel trial-form" onSubmit=${run}>
        <div class="segments small" role="group" aria-label=${t('scripts.from')}>${['request', 'call'].map((name) => html`<button type="button" key=${name} aria-pressed=${from === name} onClick=${() => setFrom(name)}>${t(`scripts.from_${name}`)}</button>`)}</div>
        ${from === 'request' ? html`<${RequestFields} clients=${clients.data ?? []} />`
          : html`<${TextField} label=${t('scripts.call_id')} hint=${t('scripts.call_hint')} required value=${call ?? ''} change=${(value) => setQuery({ call: value.trim() || null })} />`}
        <${AnswerFields} logged=${from === 'call'} />
        <div class="row"><${Button} kind="primary" type="submit" icon="play" busy=${busy} disabled=${!mayOperate.value}>${t('scripts.run')}<//></div>
      </form>
      <div class="trial-result" aria-live="polite">
        ${failure && (failure.problems.length ? html`<div class="failure" role="alert"><${Icon} name="circle-alert" /><div><strong>${t('scripts.cannot_be_tried')}</strong>
          <${Problems} problems=${failure.problems} go=${(problem) => go(href(['scripts', 'files', problem.script], { line: problem.line, column: problem.column }))} /></div></div>` : html`<${Failure} error=${failure} />`)}
        ${result && html`<${Result} result=${result} />`}
        ${!result && !failure && html`<p class="hint trial-empty">${t('scripts.run_hint')}</p>`}
      </div>
    </div>`;
}

const FACTS = ['model', 'provider', 'key', 'fallbacks'];
const factOf = {
  model: (one) => one.model && (one.provider_model && one.provider_model !== one.model ? `${one.model} → ${one.provider_model}` : one.model),
  provider: (one) => one.provider,
  key: (one) => one.ending === 'sent' && (one.key_name ?? t('scripts.by_strategy', { n: one.keys })),
  fallbacks: (one) => one.fallbacks.join(', '),
};

function Result({ result }) {
  const { decision, live, steps } = result;
  const isSame = JSON.stringify(decision) === JSON.stringify(live);
  const hasDraft = draftNames.value.length > 0;
  return html`
    <div class="stack">
      <p class="outcome-line"><${Badge} tone=${toneOfEnding(decision.ending)}>${endingOf(decision)}<//>
        ${hasDraft && html`<span>${isSame ? t('scripts.same_as_live') : t('scripts.unlike_live')}</span>`}</p>
      <div class="decisions">${(hasDraft ? [['draft', decision], ['live', live]] : [['live', decision]]).map(([name, one]) => html`
        <section class="panel" key=${name}><h2>${t(`scripts.decision_${name}`)}</h2>
          <dl class="facts"><dt>${t('scripts.ending')}</dt><dd class=${classes(endingOf(one) !== endingOf(name === 'draft' ? live : decision) && 'is-different')}>${endingOf(one)}</dd>
            ${FACTS.filter((fact) => factOf[fact](one)).map((fact) => html`<dt key=${fact}>${t(`scripts.fact_${fact}`)}</dt><dd class=${classes(factOf[fact](one) !== factOf[fact](name === 'draft' ? live : decision) && 'is-different')}>${factOf[fact](one)}</dd>`)}</dl>
          ${one.body && html`<${Code} title=${t('scripts.changed_body')} text=${pretty(one.body)} />`}
          ${(one.needs_body || one.needs_headers) && html`<p class="hint">${t('scripts.looked_at_missing')}</p>`}
        </section>`)}</div>
      ${result.problems.length > 0 && html`<${Problems} problems=${result.problems} go=${(problem) => go(href(['scripts', 'files', problem.script], { line: problem.line }))} />`}
      <section><h2 class="steps-title">${t('scripts.hooks_ran')}</h2>
        ${steps.length ? html`<ol class="trial-steps">${steps.map((step, at) => html`<${Step} key=${at} step=${step} />`)}</ol>` : html`<p class="hint">${t('scripts.no_hook_ran')}</p>`}</section>
    </div>`;
}

const pretty = (text) => {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
};
const isEmpty = (value) => value === null || value === undefined || (typeof value === 'object' && !Object.keys(value).length);

const Step = ({ step }) => html`
  <li class="panel">
    <div class="row wrap"><code class="step-hook">${step.hook}</code><span class="hint">${micros(step.micros)} · ${t('scripts.operations', { n: step.operations })}</span></div>
    ${step.failure && html`<p class="form-problem"><${Icon} name="circle-x" /><span class="grow">${word('script_failure', step.failure.kind)}: ${step.failure.message}</span><a href=${href(['scripts', 'files', step.failure.script], { line: step.failure.line, column: step.failure.column })}>${step.failure.script}:${step.failure.line}</a></p>`}
    <dl class="facts">
      ${step.stand_in && html`<dt>${t('scripts.stand_in')}</dt><dd><code class="hint">${JSON.stringify(step.stand_in)}</code></dd>`}
      ${!step.failure && html`<dt>${t('scripts.answer')}</dt><dd>${isEmpty(step.answer) && step.answer !== false ? html`<span class="hint">${t('scripts.as_built_in')}</span>` : html`<code>${JSON.stringify(step.answer)}</code>`}</dd>`}
      ${!isEmpty(step.changes) && Object.entries(step.changes).filter(([, value]) => !isEmpty(value)).map(([name, value]) => html`<dt key=${name}>${t('scripts.changes', { name })}</dt><dd><code>${typeof value === 'string' ? value : JSON.stringify(value)}</code></dd>`)}
      ${step.log.map((line, at) => html`<dt key=${at}>${t('scripts.logs', { level: line.level })}</dt><dd>${line.text}</dd>`)}
    </dl>
  </li>`;
