// Keys of another gateway: rows of its tables as a file or pasted, what would become of each, then the import.
import { Button, Icon } from '../../components/basics.js';
import { SelectField, Switch, TagInput, TextArea } from '../../components/fields.js';
import { Answer, causeOf } from '../../components/states.js';
import { api } from '../../lib/api.js';
import { number } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { useAnswer, useRested } from '../../lib/query.js';
import { html, useRef, useState } from '../../lib/ui.js';
import { Counts, LINE_ICONS, LINE_TONES, MOST_LINES, importKeys } from './paste.js';

const GATEWAYS = [['gpt-load', 'GPT-Load'], ['one-api', 'One API'], ['new-api', 'New API']];

/** `imported` gets the ids of the new keys. */
export function ForeignBox({ providers, tags: known, close, imported }) {
  const [from, setFrom] = useState('gpt-load');
  const [provider, setProvider] = useState('');
  const [tags, setTags] = useState([]);
  const [text, setText] = useState('');
  const [withDisabled, setWithDisabled] = useState(false);
  const [skip, setSkip] = useState(false);
  const [progress, setProgress] = useState(null);
  const [error, setError] = useState(null);
  const file = useRef();
  const body = { from, text, tags, provider: provider ? Number(provider) : undefined, with_disabled: withDisabled, skip_malformed: skip };
  const asked = JSON.stringify(body);
  const rested = useRested(asked, 300);
  const isEmpty = !text.trim();
  const isAsked = !isEmpty && JSON.parse(rested).text.trim();
  const answer = useAnswer(isAsked ? `foreign ${rested}` : null, (signal) => api.post('api/keys/foreign/preview', JSON.parse(rested), { signal }));
  const read = isEmpty ? null : answer.data;
  const fits = read?.valid > 0 && asked === rested && !answer.loading && !answer.stale && (read.malformed === 0 || skip);
  const run = async (event) => {
    event.preventDefault();
    if (!fits) return;
    setError(null);
    setProgress({ done: 0, total: read.valid });
    try {
      imported(await importKeys(body, setProgress, 'api/keys/foreign/import'));
    } catch (failure) {
      setProgress(null);
      setError(causeOf(failure));
    }
  };
  return html`
    <form class="form" onSubmit=${run}>
      <div class="form-2">
        <${SelectField} label=${t('keys.gateway')} value=${from} change=${setFrom} options=${GATEWAYS} />
        <${SelectField} label=${t('keys.foreign_to')} value=${provider} change=${setProvider} options=${[['', t('keys.foreign_by_url')], ...providers.map((one) => [one.id, one.name])]} />
      </div>
      <${TagInput} label=${t('keys.foreign_tags')} optional value=${tags} change=${setTags} suggestions=${known} />
      <${TextArea} label=${t('keys.foreign_rows')} hint=${t(`keys.foreign_hint_${from.replace('-', '_')}`)} value=${text} change=${setText} rows="6" class="mono" />
      <div class="row"><${Button} small icon="upload" onClick=${() => file.current.click()}>${t('keys.open_file')}<//>
        <input ref=${file} type="file" hidden accept=".json,.csv,.txt" aria-label=${t('keys.open_file')} onChange=${async (event) => { setText(await event.target.files[0]?.text() ?? text); event.target.value = ''; }} /></div>
      <${Switch} label=${t('keys.with_disabled')} hint=${t('keys.with_disabled_hint')} value=${withDisabled} change=${setWithDisabled} />
      ${!isEmpty && html`<${Answer} of=${answer} rows=${3}>${(data) => html`<${Preview} data=${data} skip=${skip} setSkip=${setSkip} />`}<//>`}
      ${error && html`<p class="form-problem" role="alert"><${Icon} name="circle-alert" />${error}</p>`}
      ${progress ? html`
        <div class="progress" role="status"><progress max=${progress.total} value=${progress.done} aria-label=${t('keys.importing')}></progress><span>${t('keys.import_progress', { done: progress.done, total: progress.total })}</span></div>`
        : html`<div class="row end"><${Button} onClick=${close}>${t('common.cancel')}<//><${Button} kind="primary" type="submit" icon="upload" disabled=${!fits}>${read?.valid ? t('keys.import_n', { n: read.valid }) : t('keys.import')}<//></div>`}
    </form>`;
}

function Preview({ data, skip, setSkip }) {
  const entries = [...data.entries].sort((a, b) => (b.state === 'malformed') - (a.state === 'malformed')).slice(0, MOST_LINES);
  return html`
    <div class="paste-preview">
      <${Counts} of=${data} />
      ${data.providers.length > 0 && html`<ul class="plain-rows" aria-label=${t('nav.providers')}>${data.providers.map((one) => html`<li key=${one.name}><${Icon} name=${one.id === null ? 'plus' : 'plug'} />
        <strong>${one.name}</strong><code class="hint cut grow">${one.base_url}</code><span class="hint">${one.id === null ? t('keys.provider_new', { n: one.keys }) : t('keys.provider_gets', { n: one.keys })}</span></li>`)}</ul>`}
      ${data.malformed > 0 && html`<${Switch} label=${t('keys.skip_malformed')} value=${skip} change=${setSkip} />`}
      <div class="paste-lines" tabindex="0" role="region" aria-label=${t('keys.preview')}>
        <table><thead class="sr-only"><tr><th>${t('keys.row')}</th><th>${t('common.status')}</th><th>${t('common.name')}</th><th>${t('common.details')}</th></tr></thead>
          <tbody>${entries.map((entry, at) => html`<tr key=${at} class="tone-${LINE_TONES[entry.state]}">
            <td class="hint">${entry.place}</td><td><${Icon} name=${LINE_ICONS[entry.state]} label=${t(`keys.line_word_${entry.state}`)} /></td>
            <td>${entry.name ?? ''} <code class="hint">${entry.secret_hint ?? ''}</code></td>
            <td>${[entry.message, entry.provider, entry.tags.join(', ')].filter(Boolean).join(' · ')}</td></tr>`)}</tbody></table>
      </div>
      ${data.entries.length > MOST_LINES && html`<p class="hint">${t('keys.more_lines', { n: number(data.entries.length - MOST_LINES) })}</p>`}
    </div>`;
}
