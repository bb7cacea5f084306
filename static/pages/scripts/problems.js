// What is wrong with scripts, each with a way to its line.
import { Icon } from '../../components/basics.js';
import { t } from '../../lib/i18n.js';
import { html } from '../../lib/ui.js';

const placeOf = ({ script, line, column }, own) => [script !== own && script, line > 0 && (column > 0 ? `${line}:${column}` : line)].filter(Boolean).join(':');

/** `go` is called with a problem; `own` is the file whose name need not be said. */
export const Problems = ({ problems, own, go }) => html`
  <ul class="script-problems">${problems.map((problem) => html`
    <li key=${`${problem.script}:${problem.line}:${problem.column}:${problem.message}`} class=${problem.severity}>
      <${Icon} name=${problem.severity === 'error' ? 'circle-x' : 'triangle-alert'} label=${t(`scripts.${problem.severity}`)} />
      <span class="grow">${problem.message}${problem.value && html` <code>${problem.value}</code>`}</span>
      ${placeOf(problem, own) && html`<button type="button" class="link" onClick=${() => go(problem)}>${t('scripts.at', { place: placeOf(problem, own) })}</button>`}
    </li>`)}</ul>`;
