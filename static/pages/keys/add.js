// Adding keys: paste any number, see how every line was read, then import them in one go.
import { Button, Icon } from '../../components/basics.js';
import { Dialog } from '../../components/dialog.js';
import { SelectField, Switch, TagInput, TextArea } from '../../components/fields.js';
import { Answer, Empty, causeOf } from '../../components/states.js';
import { Tabs } from '../../components/tabs.js';
import { api } from '../../lib/api.js';
import { t } from '../../lib/i18n.js';
import { notify, notifyError } from '../../lib/notices.js';
import { forget, useQuery } from '../../lib/query.js';
import { href, route } from '../../lib/router.js';
import { html, useState } from '../../lib/ui.js';
import { ForeignBox } from './foreign.js';
import { PastePreview, importKeys, usePaste } from './paste.js';

/** What a key is called where the provider asks for none: something has to carry its calls. */
export const NO_KEY = 'no-key-needed';

/** So many keys are checked after an import without being asked. */
const CHECKED_UNASKED = 100;

export function AddKeys({ reload, tags, close, check }) {
  const [way, setWay] = useState('paste');
  return html`
    <${Dialog} wide title=${t('keys.add')} subtitle=${t(way === 'paste' ? 'keys.add_hint' : 'keys.foreign_hint')} close=${close}>
      <${Tabs} tabs=${[['paste', t('keys.paste_tab')], ['foreign', t('keys.foreign_tab')]]} chosen=${way} choose=${setWay} label=${t('keys.add')}>
        ${(name) => (name === 'paste' ? html`<${PasteBox} ...${{ reload, tags, close, check }} />` : html`<${Foreign} ...${{ reload, tags, close }} />`)}
      <//>
    <//>`;
}

function Foreign({ reload, tags, close }) {
  const providers = useQuery('api/providers', { limit: 1000 });
  const imported = (ids) => {
    forget('api/');
    reload();
    close();
    notify(t('keys.imported', { n: ids.length }), { action: { label: t('common.undo'), run: () => undo(ids, reload) } });
  };
  return html`<${Answer} of=${providers} rows=${5} quiet>${({ providers: list }) => html`<${ForeignBox} providers=${list} ...${{ tags, close, imported }} />`}<//>`;
}

/** The box to paste into; `check` gets the ids of what was imported and is to be checked. Without `close` it lies in a page, not in a dialog. */
export function PasteBox(props) {
  const providers = useQuery('api/providers', { limit: 1000 });
  return html`<${Answer} of=${providers} rows=${5} quiet>${({ providers: list }) => (list.length
    ? html`<${Paste} providers=${list} ...${props} />`
    : html`<${Empty} icon="plug" title=${t('keys.no_provider')} action=${html`<${Button} kind="primary" href=${href('providers', { add: 1 })}>${t('keys.add_provider')}<//>`}>${t('keys.no_provider_hint')}<//>`)}<//>`;
}

function Paste({ providers, reload, tags: known, close, check }) {
  const wanted = Number(route.value.query.provider);
  const [provider, setProvider] = useState(providers.some((one) => one.id === wanted) ? wanted : (providers.find((one) => one.default) ?? providers[0]).id);
  const needsNone = providers.find((one) => one.id === provider)?.auth === 'none';
  const [text, setText] = useState('');
  const [tags, setTags] = useState([]);
  const [checked, setChecked] = useState(null);
  const [progress, setProgress] = useState(null);
  const [error, setError] = useState(null);
  const paste = usePaste(text, { provider, tags });
  const fits = paste.fits && paste.read.valid > 0;
  const checks = checked ?? (paste.read?.valid ?? 0) <= CHECKED_UNASKED;
  const run = async () => {
    setError(null);
    setProgress({ done: 0, total: paste.read.valid });
    try {
      const ids = await importKeys(paste.body, setProgress);
      forget('api/');
      reload();
      close?.();
      notify(t('keys.imported', { n: ids.length }), { action: { label: t('common.undo'), run: () => undo(ids, reload) } });
      if (checks && ids.length) check(ids);
    } catch (failure) {
      setProgress(null);
      setError(causeOf(failure));
    }
  };
  return html`
    <form class="form" onSubmit=${(event) => { event.preventDefault(); if (fits) run(); }}>
      <div class="form-2">
        <${SelectField} label=${t('keys.provider')} value=${provider} change=${(id) => setProvider(Number(id))} options=${providers.map((one) => [one.id, one.name])} />
        <${TagInput} label=${t('keys.tags')} optional value=${tags} change=${setTags} suggestions=${known} />
      </div>
      ${needsNone && html`<p class="verdict">${t('keys.needs_none')} <button type="button" class="link" onClick=${() => setText(NO_KEY)}>${t('keys.take_none', { text: NO_KEY })}</button></p>`}
      <${TextArea} label=${t('keys.paste')} hint=${t('keys.paste_hint')} value=${text} change=${setText} rows="6" class="mono" autofocus placeholder=${'sk-…\nsk-…,team-a,paid|eu,2'} />
      <${PastePreview} paste=${paste} />
      ${paste.read?.valid > 0 && html`<${Switch} label=${t('keys.check_after')} hint=${t('keys.check_after_hint')} value=${checks} change=${setChecked} />`}
      ${error && html`<p class="form-problem" role="alert"><${Icon} name="circle-alert" />${error}</p>`}
      ${progress ? html`
        <div class="progress" role="status"><progress max=${progress.total} value=${progress.done} aria-label=${t('keys.importing')}></progress><span>${t('keys.import_progress', { done: progress.done, total: progress.total })}</span></div>`
        : html`<div class="row end">${close && html`<${Button} onClick=${close}>${t('common.cancel')}<//>`}<${Button} kind="primary" type="submit" icon="upload" disabled=${!fits}>${paste.read?.valid ? t('keys.import_n', { n: paste.read.valid }) : t('keys.import')}<//></div>`}
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
