// Adding keys: paste any number, see how every line was read, then import them in one go.
import { Button, Icon } from '../../components/basics.js';
import { Dialog } from '../../components/dialog.js';
import { SelectField, Switch, TagInput, TextArea } from '../../components/fields.js';
import { Answer, Empty, causeOf } from '../../components/states.js';
import { api, follow } from '../../lib/api.js';
import { number } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { notify, notifyError } from '../../lib/notices.js';
import { forget, useAnswer, useQuery, useRested } from '../../lib/query.js';
import { href, route } from '../../lib/router.js';
import { html, useRef, useState } from '../../lib/ui.js';

/** So many lines are shown; the counts are of all. */
const MOST_LINES = 200;
const LINE_ICONS = { valid: 'circle-check', duplicate: 'copy', exists: 'database', malformed: 'circle-alert', skipped: 'minus' };
const LINE_TONES = { valid: 'good', duplicate: 'plain', exists: 'plain', malformed: 'bad', skipped: 'plain' };

export function AddKeys({ reload, tags, close }) {
  const providers = useQuery('api/providers', { limit: 1000 });
  return html`
    <${Dialog} wide title=${t('keys.add')} subtitle=${t('keys.add_hint')} close=${close}>
      <${Answer} of=${providers} rows=${5} quiet>${({ providers: list }) => (list.length
        ? html`<${Paste} providers=${list} ...${{ reload, tags, close }} />`
        : html`<${Empty} icon="plug" title=${t('keys.no_provider')} action=${html`<${Button} kind="primary" href=${href('providers', { add: 1 })}>${t('keys.add_provider')}<//>`} />`)}<//>
    <//>`;
}

function Paste({ providers, reload, tags: known, close }) {
  const wanted = Number(route.value.query.provider);
  const [provider, setProvider] = useState(providers.some((one) => one.id === wanted) ? wanted : (providers.find((one) => one.default) ?? providers[0]).id);
  const [text, setText] = useState('');
  const [tags, setTags] = useState([]);
  const [commas, setCommas] = useState('');
  const [skip, setSkip] = useState(false);
  const [progress, setProgress] = useState(null);
  const [error, setError] = useState(null);
  const stop = useRef();
  const body = { provider, text, tags, commas: commas || undefined, skip_malformed: skip };
  const rested = useRested(JSON.stringify(body), 300);
  const isEmpty = !text.trim();
  const preview = useAnswer(isEmpty ? null : `paste ${rested}`, (signal) => api.post('api/keys/preview', JSON.parse(rested), { signal }));
  const read = isEmpty ? null : preview.data;
  const fits = read && read.valid > 0 && (read.malformed === 0 || skip) && JSON.stringify(body) === rested && !preview.loading;
  const run = async () => {
    stop.current = new AbortController();
    setError(null);
    setProgress({ done: 0, total: read.valid });
    try {
      let result;
      await follow('POST', 'api/keys/import', { body, signal: stop.current.signal }, (event) => {
        if (event.error) setError(event.error.message);
        else if (event.result) result = event.result;
        else setProgress(event);
      });
      if (!result) return setProgress(null);
      forget('api/');
      reload();
      close();
      notify(t('keys.imported', { n: result.ids.length }), { action: { label: t('common.undo'), run: () => undo(result.ids, reload) } });
    } catch (failure) {
      setProgress(null);
      if (failure.name !== 'AbortError') setError(causeOf(failure));
    }
    return undefined;
  };
  return html`
    <form class="form" onSubmit=${(event) => { event.preventDefault(); if (fits) run(); }}>
      <div class="form-2">
        <${SelectField} label=${t('keys.provider')} value=${provider} change=${(id) => setProvider(Number(id))} options=${providers.map((one) => [one.id, one.name])} />
        <${TagInput} label=${t('keys.tags')} optional value=${tags} change=${setTags} suggestions=${known} />
      </div>
      <${TextArea} label=${t('keys.paste')} hint=${t('keys.paste_hint')} value=${text} change=${setText} rows="6" class="mono" autofocus placeholder=${'sk-…\nsk-…,team-a,paid|eu,2'} />
      ${!isEmpty && html`<${Answer} of=${preview} rows=${3}>${(data) => html`<${Preview} data=${data} commas=${commas} setCommas=${setCommas} skip=${skip} setSkip=${setSkip} />`}<//>`}
      ${error && html`<p class="form-problem" role="alert"><${Icon} name="circle-alert" />${error}</p>`}
      ${progress ? html`
        <div class="progress" role="status"><progress max=${progress.total} value=${progress.done} aria-label=${t('keys.importing')}></progress>
          <div class="row"><span class="grow">${t('keys.import_progress', { done: progress.done, total: progress.total })}</span><${Button} small onClick=${() => stop.current.abort()}>${t('common.cancel')}<//></div></div>`
        : html`<div class="row end"><${Button} onClick=${close}>${t('common.cancel')}<//><${Button} kind="primary" type="submit" icon="upload" disabled=${!fits}>${read?.valid ? t('keys.import_n', { n: read.valid }) : t('keys.import')}<//></div>`}
    </form>`;
}

async function undo(ids, reload) {
  try {
    await api.post('api/keys/bulk', { ids, action: 'delete' });
    forget('api/');
    reload();
  } catch (error) {
    notifyError(error, t('error.title'));
  }
}

function Preview({ data, commas, setCommas, skip, setSkip }) {
  const counts = ['valid', 'duplicate', 'exists', 'malformed', 'skipped'].filter((state) => data[state] > 0);
  const lines = [...data.lines].sort((a, b) => (b.state === 'malformed') - (a.state === 'malformed') || a.line - b.line).slice(0, MOST_LINES);
  const asksCommas = commas || data.lines.some((line) => line.state === 'malformed' && /comma/i.test(line.message ?? ''));
  return html`
    <div class="paste-preview">
      <div class="row wrap" role="status">${counts.map((state) => html`<span key=${state} class="row tone-${LINE_TONES[state]}"><${Icon} name=${LINE_ICONS[state]} />${t(`keys.line_${state}`, { n: data[state] })}</span>`)}</div>
      ${asksCommas && html`<${SelectField} label=${t('keys.commas')} value=${commas} change=${setCommas} options=${[['', t('keys.commas_ask')], ['part', t('keys.commas_part')], ['belong', t('keys.commas_belong')]]} />`}
      ${data.malformed > 0 && html`<${Switch} label=${t('keys.skip_malformed')} value=${skip} change=${setSkip} />`}
      <div class="paste-lines" tabindex="0" role="region" aria-label=${t('keys.preview')}>
        <table><thead class="sr-only"><tr><th>${t('keys.line')}</th><th>${t('common.status')}</th><th>${t('common.name')}</th><th>${t('common.details')}</th></tr></thead>
          <tbody>${lines.map((line) => html`<tr key=${line.line} class="tone-${LINE_TONES[line.state]}">
            <td class="num hint">${line.line}</td><td><${Icon} name=${LINE_ICONS[line.state]} label=${t(`keys.line_word_${line.state}`)} /></td>
            <td>${line.name ?? ''} <code class="hint">${line.secret_hint ?? ''}</code></td>
            <td>${line.message ?? line.tags.join(', ')}</td></tr>`)}</tbody></table>
      </div>
      ${data.lines.length > MOST_LINES && html`<p class="hint">${t('keys.more_lines', { n: number(data.lines.length - MOST_LINES) })}</p>`}
    </div>`;
}
