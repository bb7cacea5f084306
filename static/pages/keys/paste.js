// Pasted keys: how every line is read, before anything is stored, and the import.
import { Icon } from '../../components/basics.js';
import { SelectField, Switch } from '../../components/fields.js';
import { Answer } from '../../components/states.js';
import { ApiError, api, follow } from '../../lib/api.js';
import { number } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { useAnswer, useRested } from '../../lib/query.js';
import { html, useState } from '../../lib/ui.js';

/** So many lines are shown; the counts are of all. */
export const MOST_LINES = 200;
export const LINE_ICONS = { valid: 'circle-check', duplicate: 'copy', exists: 'database', malformed: 'circle-alert', skipped: 'minus' };
export const LINE_TONES = { valid: 'good', duplicate: 'plain', exists: 'plain', malformed: 'bad', skipped: 'plain' };
const STATES = Object.keys(LINE_ICONS);

/**
 * What becomes of a paste: `read` is the reading of now, `fits` whether it can be imported as it stands, `body` what an import
 * sends. `more` are further members, such as the provider and tags.
 */
export function usePaste(text, more) {
  const [commas, setCommas] = useState('');
  const [skip, setSkip] = useState(false);
  const body = { ...more, text, commas: commas || undefined, skip_malformed: skip };
  const asked = JSON.stringify(body);
  const rested = useRested(asked, 300);
  const isEmpty = !text.trim();
  const answer = useAnswer(isEmpty ? null : `paste ${rested}`, (signal) => api.post('api/keys/preview', JSON.parse(rested), { signal }));
  const read = isEmpty ? null : answer.data;
  const fits = Boolean(read) && asked === rested && !answer.loading && !answer.stale && (read.malformed === 0 || skip);
  return { answer, read, fits, body, isEmpty, commas, setCommas, skip, setSkip };
}

/** Imports a paste, or what `path` takes; `told` gets `{done, total}`. Gives back the ids of the new keys. */
export async function importKeys(body, told, path = 'api/keys/import') {
  let ids = [];
  let refused = null;
  await follow('POST', path, { body }, (event) => {
    if (event.error) refused = event.error;
    else if (event.result) ids = event.result.ids;
    else told?.(event);
  });
  if (refused) throw new ApiError(refused.message, { status: 400, ...refused });
  return ids;
}

/** How the lines of a paste are read, those at fault first, and what has to be decided about them. */
export const PastePreview = ({ paste }) => !paste.isEmpty && html`<${Answer} of=${paste.answer} rows=${3}>${(data) => html`<${Lines} data=${data} paste=${paste} />`}<//>`;

/** How many lines were read how. */
export const Counts = ({ of }) => html`
  <div class="row wrap" role="status">${STATES.filter((state) => of[state] > 0).map((state) => html`<span key=${state} class="row tone-${LINE_TONES[state]}"><${Icon} name=${LINE_ICONS[state]} />${t(`keys.line_${state}`, { n: of[state] })}</span>`)}</div>`;

function Lines({ data, paste: { commas, setCommas, skip, setSkip } }) {
  const lines = [...data.lines].sort((a, b) => (b.state === 'malformed') - (a.state === 'malformed') || a.line - b.line).slice(0, MOST_LINES);
  const asksCommas = commas || data.lines.some((line) => line.state === 'malformed' && /comma/i.test(line.message ?? ''));
  return html`
    <div class="paste-preview">
      <${Counts} of=${data} />
      ${asksCommas && html`<${SelectField} label=${t('keys.commas')} value=${commas} change=${setCommas} options=${[['', t('keys.commas_ask')], ['part', t('keys.commas_part')], ['belong', t('keys.commas_belong')]]} />`}
      ${data.malformed > 0 && html`<${Switch} label=${t('keys.skip_malformed')} value=${skip} change=${setSkip} />`}
      <div class="paste-lines" tabindex="0" role="region" aria-label=${t('keys.preview')}>
        <table><thead class="sr-only"><tr><th>${t('keys.line')}</th><th>${t('common.status')}</th><th>${t('common.name')}</th><th>${t('common.details')}</th></tr></thead>
          <tbody>${lines.map((line, at) => html`<tr key=${at} class="tone-${LINE_TONES[line.state]}">
            <td class="num hint">${line.line}</td><td><${Icon} name=${LINE_ICONS[line.state]} label=${t(`keys.line_word_${line.state}`)} /></td>
            <td>${line.name ?? ''} <code class="hint">${line.secret_hint ?? ''}</code></td>
            <td>${[line.message, line.tags.join(', '), line.weight > 1 && t('keys.line_weight', { n: line.weight })].filter(Boolean).join(' · ')}</td></tr>`)}</tbody></table>
      </div>
      ${data.lines.length > MOST_LINES && html`<p class="hint">${t('keys.more_lines', { n: number(data.lines.length - MOST_LINES) })}</p>`}
    </div>`;
}
