// Saves every call that matches, as a table or as lines of JSON.
import { Button } from '../../components/basics.js';
import { Dialog } from '../../components/dialog.js';
import { Menu, MenuEntry } from '../../components/menu.js';
import { causeOf } from '../../components/states.js';
import { api } from '../../lib/api.js';
import { cell } from '../../lib/csv.js';
import { saveAs } from '../../lib/save.js';
import { t } from '../../lib/i18n.js';
import { html, useRef, useState } from '../../lib/ui.js';

const FIELDS = ['id', 'started_at', 'outcome', 'status', 'error_code', 'method', 'path', 'api', 'stream', 'model', 'served_model', 'client', 'provider', 'key', 'attempt_count', 'input', 'output', 'cached_read', 'reasoning', 'usage_quality', 'cost_usd', 'first_token_ms', 'duration_ms', 'probe', 'blank', 'bytes_in', 'bytes_out'];

const FORMATS = {
  csv: { type: 'text/csv', head: `${FIELDS.join(',')}\n`, line: (call) => FIELDS.map((name) => cell(call[name])).join(',') },
  jsonl: { type: 'application/x-ndjson', head: '', line: (call) => JSON.stringify(call) },
};

export function ExportMenu({ asked }) {
  const [state, setState] = useState(null);
  const stop = useRef();
  const run = async (name) => {
    const { type, head, line } = FORMATS[name];
    stop.current = new AbortController();
    const parts = [head];
    let [cursor, count] = [undefined, 0];
    try {
      do {
        const page = await api.get('api/calls', { ...asked, limit: 1000, cursor }, { signal: stop.current.signal });
        if (page.calls.length) parts.push(`${page.calls.map(line).join('\n')}\n`);
        count += page.calls.length;
        cursor = page.next_cursor;
        setState({ count });
      } while (cursor);
      saveAs(new Blob(parts, { type }), `calls.${name}`);
      setState(null);
    } catch (error) {
      setState(error.name === 'AbortError' ? null : { count, error: causeOf(error) });
    }
  };
  return html`
    <${Menu} icon="download" title=${t('common.export')} chevron=${false}>${(close) => html`
      <${MenuEntry} icon="file-text" close=${close} run=${() => run('csv')}>${t('calls.export_csv')}<//>
      <${MenuEntry} icon="braces" close=${close} run=${() => run('jsonl')}>${t('calls.export_jsonl')}<//>`}<//>
    ${state && html`<${Dialog} title=${t('calls.exporting')} close=${() => { stop.current.abort(); setState(null); }} actions=${html`<${Button} onClick=${() => { stop.current.abort(); setState(null); }}>${t('common.cancel')}<//>`}>
      <p role="status">${state.error ?? t('calls.exported', { n: state.count })}</p><//>`}`;
}
