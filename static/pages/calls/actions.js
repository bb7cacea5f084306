// What is done with every call that matches: saved as the server writes it, a table or lines of JSON, or deleted.
import { Button } from '../../components/basics.js';
import { Dialog } from '../../components/dialog.js';
import { Menu, MenuEntry } from '../../components/menu.js';
import { causeOf } from '../../components/states.js';
import { bytes } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { fetchFile } from '../../lib/save.js';
import { mayOwn } from '../../lib/session.js';
import { html, useEffect, useRef, useState } from '../../lib/ui.js';
import { DeleteCalls } from './delete.js';

/** So often is the progress shown. */
const BEAT = 200;

export function ActionMenu({ asked, deleted }) {
  const [state, setState] = useState(null);
  const [deleting, setDeleting] = useState(null);
  const stop = useRef();
  useEffect(() => () => stop.current?.abort(), []);
  const run = async (format) => {
    const mine = new AbortController();
    stop.current = mine;
    let [received, shownAt] = [0, 0];
    const onProgress = (count) => {
      received = count;
      if (Date.now() - shownAt < BEAT) return;
      shownAt = Date.now();
      setState({ received });
    };
    setState({ received });
    try {
      await fetchFile('api/calls', { ...asked, format }, `calls.${format}`, { signal: mine.signal, onProgress });
      setState(null);
    } catch (error) {
      if (error.name !== 'AbortError') setState({ received, error: causeOf(error) });
    }
  };
  const cancel = () => {
    stop.current.abort();
    setState(null);
  };
  return html`
    <${Menu} icon="ellipsis" title=${t('calls.actions')} chevron=${false}>${(close) => html`
      <${MenuEntry} icon="file-text" close=${close} run=${() => run('csv')}>${t('calls.export_csv')}<//>
      <${MenuEntry} icon="braces" close=${close} run=${() => run('jsonl')}>${t('calls.export_jsonl')}<//>
      ${mayOwn.value && html`<${MenuEntry} icon="trash-2" danger close=${close} run=${() => setDeleting(asked)}>${t('calls.delete')}<//>`}`}<//>
    ${state && html`<${Dialog} title=${t('calls.exporting')} close=${cancel} actions=${html`<${Button} onClick=${cancel}>${t(state.error ? 'common.close' : 'common.cancel')}<//>`}>
      <p role="status">${state.error ?? t('calls.exported', { size: bytes(state.received) })}</p><//>`}
    ${deleting && html`<${DeleteCalls} asked=${deleting} close=${() => setDeleting(null)} deleted=${deleted} />`}`;
}
