// The files beside the editor and the reference.
import { Badge, Button, Icon } from '../../components/basics.js';
import { Empty } from '../../components/states.js';
import { t } from '../../lib/i18n.js';
import { go, href, route, setQuery } from '../../lib/router.js';
import { mayOperate } from '../../lib/session.js';
import { html } from '../../lib/ui.js';
import { draftNames, drafts } from './drafts.js';
import { Gallery } from './gallery.js';
import { Reference } from './reference.js';
import { Workspace } from './workspace.js';

const fileLink = (name, query) => href(['scripts', 'files', name], query);

/** The files of the disk and the new ones that are only drafts, in the order in which they are called. */
function entriesOf(files) {
  const known = new Set(files.map((file) => file.name));
  const added = draftNames.value.filter((name) => !known.has(name)).map((name) => ({ name, hooks: [], isNew: true }));
  return [...files, ...added].sort((one, other) => (one.name < other.name ? -1 : 1));
}

export function Files({ scripts, reload }) {
  const { rest, query } = route.value;
  const entries = entriesOf(scripts.files);
  const name = rest[1] ?? entries[0]?.name;
  const entry = entries.find((one) => one.name === name);
  const add = mayOperate.value && !scripts.read_only && html`<${Button} icon="plus" onClick=${() => setQuery({ new: 1 })}>${t('scripts.new')}<//>`;
  return html`
    <div class="script-desk">
      <section class="script-files" aria-label=${t('scripts.files')}>
        ${entries.length > 0 && html`<nav aria-label=${t('scripts.files')}>${entries.map((one) => html`<${File} key=${one.name} entry=${one} here=${one.name === name} />`)}</nav>`}
        ${entries.length > 0 && add}
      </section>
      <div class="script-main">
        ${entry ? html`<${Workspace} key=${name} entry=${entry} scripts=${scripts} reload=${reload} />`
          : entries.length ? html`<${Empty} icon="file-code" title=${t('scripts.gone', { name })} />`
            : html`<div class="panel"><${Empty} icon="file-code" title=${t('scripts.none')} action=${add}>${t('scripts.none_hint')}<//></div>`}
      </div>
      <${Reference} />
    </div>
    ${query.new && mayOperate.value && html`<${Gallery} taken=${scripts.files.map((file) => file.name)} close=${() => setQuery({ new: null })} open=${(made) => go(fileLink(made))} />`}`;
}

const File = ({ entry, here }) => html`
  <a href=${fileLink(entry.name)} class="script-file" aria-current=${here ? 'page' : undefined}>
    <${Icon} name="file-code" /><span class="grow"><span class="cut">${entry.name}</span>
      <span class="row"><span class="hint cut grow">${entry.hooks.join(', ')}</span><${StateOf} entry=${entry} /></span></span></a>`;

export const StateOf = ({ entry }) => {
  if (entry.isNew) return html`<${Badge} tone="info">${t('scripts.is_new')}<//>`;
  if (drafts.value[entry.name]) return html`<${Badge} tone="info">${t('scripts.edited')}<//>`;
  return entry.live ? html`<${Badge} tone="good">${t('scripts.live')}<//>` : html`<${Badge} tone="bad">${t('scripts.not_live')}<//>`;
};
