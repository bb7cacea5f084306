// Scripts: the files with an editor, trying drafts, versions, and how the hooks do.
import { Badge, Button, Icon } from '../components/basics.js';
import { PageHead } from '../components/shell.js';
import { Answer } from '../components/states.js';
import { LinkTabs } from '../components/tabs.js';
import { api } from '../lib/api.js';
import { attempt } from '../lib/edit.js';
import { relative } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { useQuery } from '../lib/query.js';
import { go, href, route } from '../lib/router.js';
import { mayOperate } from '../lib/session.js';
import { html } from '../lib/ui.js';
import { draftNames } from './scripts/drafts.js';
import { Files } from './scripts/files.js';
import { Hooks } from './scripts/hooks.js';
import { Problems } from './scripts/problems.js';
import { Trials } from './scripts/trials.js';
import { Versions } from './scripts/versions.js';

const TABS = { files: Files, try: Trials, versions: Versions, hooks: Hooks };

export default function Scripts() {
  const scripts = useQuery('api/scripts', {}, { every: 10_000 });
  const tab = Object.hasOwn(TABS, route.value.rest[0]) ? route.value.rest[0] : 'files';
  const label = (name) => html`${t(`scripts.tab_${name}`)}${name === 'try' && draftNames.value.length > 0 && html` <span class="count">${draftNames.value.length}</span>`}`;
  const again = () => attempt(() => api.post('api/scripts/reload'), { done: t('scripts.read_again'), changed: scripts.reload });
  return html`
    <div class="page scripts">
      <${PageHead} title=${t('nav.scripts')} actions=${mayOperate.value && html`<${Button} small kind="quiet" icon="refresh-cw" onClick=${again}>${t('scripts.reload')}<//>`}>
        ${scripts.data && html`<${Live} scripts=${scripts.data} />`}<//>
      <${LinkTabs} label=${t('nav.scripts')} chosen=${tab} tabs=${Object.keys(TABS).map((name) => [name, label(name), href(['scripts', name])])} />
      <${Answer} of=${scripts} rows=${10} quiet>${(data) => html`
        <${Refused} scripts=${data} />
        ${data.read_only && html`<p class="stale-note"><${Icon} name="lock" /><span>${data.read_only}</span></p>`}
        <${TABS[tab]} scripts=${data} reload=${scripts.reload} />`}<//>
    </div>`;
}

/** Which version is live, and since when. */
const Live = ({ scripts }) => {
  const { last_reload: last, version } = scripts;
  return html`<span class="row script-version"><${Badge} tone=${last.ok ? 'good' : 'bad'}>${last.ok ? t('scripts.live') : t('scripts.older_live')}<//><code>${version}</code><span class="hint">${t('scripts.loaded', { time: relative(last.at) })}</span></span>`;
};

/** What stands in the folder was refused; what was live before still is. */
const Refused = ({ scripts }) => !scripts.last_reload.ok && html`
  <div class="failure" role="alert"><${Icon} name="circle-alert" /><div><strong>${t('scripts.folder_refused')}</strong>
    <${Problems} problems=${scripts.last_reload.problems} go=${(problem) => go(href(['scripts', 'files', problem.script], { line: problem.line, column: problem.column }))} /></div></div>`;
