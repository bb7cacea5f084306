// Scripts to start from.
import { Button } from '../../components/basics.js';
import { Code } from '../../components/code.js';
import { Dialog } from '../../components/dialog.js';
import { TextField } from '../../components/fields.js';
import { Answer } from '../../components/states.js';
import { t, word } from '../../lib/i18n.js';
import { useQuery } from '../../lib/query.js';
import { html, useState } from '../../lib/ui.js';
import { drafts, keepDraft } from './drafts.js';

const EMPTY = { name: 'script', text: 'fn on_request(req) {\n    \n}\n' };
const NAME = /^[\w.-]+(\/[\w.-]+)*\.rhai$/;

/** `10-`, `20-`…: behind every script that there is. */
function nameFor(template, taken) {
  const last = Math.max(0, ...taken.map((name) => Number(/^(\d{1,3})-/.exec(name)?.[1] ?? 0)));
  return `${String(Math.floor(last / 10) * 10 + 10)}-${template}.rhai`;
}

/** `taken` are the names that are in use; `open` is called with the name of the new draft. */
export function Gallery({ taken, close, open }) {
  const answer = useQuery('api/scripts/examples');
  const names = [...taken, ...Object.keys(drafts.value)];
  const [chosen, choose] = useState(EMPTY);
  const [name, setName] = useState(nameFor(EMPTY.name, names));
  const [error, setError] = useState();
  const pick = (one) => {
    choose(one);
    setName(nameFor(one.name, names));
    setError(undefined);
  };
  const start = (event) => {
    event.preventDefault();
    const full = name.trim().endsWith('.rhai') ? name.trim() : `${name.trim()}.rhai`;
    if (!NAME.test(full)) return setError(t('scripts.bad_name'));
    if (names.includes(full)) return setError(t('scripts.name_taken'));
    keepDraft(full, { text: chosen.text });
    return open(full);
  };
  return html`
    <${Dialog} wide title=${t('scripts.new')} subtitle=${t('scripts.gallery_hint')} close=${close}>
      <form class="form" onSubmit=${start}>
        <${Answer} of=${answer} rows=${6} quiet>${({ examples }) => html`
          <div class="gallery">
            <div class="gallery-list" role="group" aria-label=${t('scripts.templates')}>${[EMPTY, ...examples].map((one) => html`
              <button type="button" key=${one.name} class="gallery-entry" aria-pressed=${one.name === chosen.name} onClick=${() => pick(one)}>${word('script_example', one.name)}</button>`)}</div>
            <${Code} title=${word('script_example', chosen.name)} text=${chosen.text} />
          </div>`}<//>
        <div class="row gallery-foot"><div class="grow"><${TextField} label=${t('scripts.name')} hint=${t('scripts.name_hint')} error=${error} value=${name} change=${(value) => { setName(value); setError(undefined); }} required /></div>
          <${Button} kind="primary" type="submit">${t('scripts.start')}<//></div>
      </form>
    <//>`;
}
