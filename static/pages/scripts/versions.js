// Every set that was live: who made it so, what it changed, and bringing it back.
import { Badge, Button, Tag } from '../../components/basics.js';
import { Dialog } from '../../components/dialog.js';
import { Answer, Empty, causeOf } from '../../components/states.js';
import { api } from '../../lib/api.js';
import { dateTime, relative } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { notify } from '../../lib/notices.js';
import { forget, useQuery } from '../../lib/query.js';
import { go, href, route } from '../../lib/router.js';
import { mayOperate } from '../../lib/session.js';
import { html, useState } from '../../lib/ui.js';
import { Diff } from './diff.js';
import { Problems } from './problems.js';

const ACTIONS = [[/^write (.+)$/, 'wrote'], [/^delete (.+)$/, 'removed'], [/^restore version (\d+) of (.+)$/, 'restored'], [/^first seen$/, 'first_seen'], [/^changed in the folder$/, 'in_folder']];

/** What made a version, in words; what is not known stays as the server says it. */
function actionOf({ action }) {
  for (const [pattern, name] of ACTIONS) {
    const [match, what, at] = pattern.exec(action) ?? [];
    if (match) return t(`scripts.action_${name}`, { what: what ?? '', time: at ? dateTime(at) : '' });
  }
  return action;
}

export function Versions({ scripts, reload }) {
  const answer = useQuery('api/scripts/versions', { limit: 200 });
  const chosen = Number(route.value.rest[1]) || null;
  const changed = () => {
    forget('api/scripts');
    answer.reload();
    reload();
  };
  return html`
    <${Answer} of=${answer} rows=${8} quiet>${({ versions }) => (versions.length ? html`
      <ol class="plain-rows panel version-rows">${versions.map((one, at) => html`
        <li key=${one.id}><a class="grow" href=${href(['scripts', 'versions', one.id])}>${actionOf(one)}</a>
          ${one.version === scripts.version && at === versions.findIndex((other) => other.version === scripts.version) && html`<${Badge} tone="good">${t('scripts.live')}<//>`}
          <span class="hint">${one.author}</span><span class="hint" title=${dateTime(one.at)}>${relative(one.at)}</span><code class="hint">${one.version}</code></li>`)}</ol>
      ${chosen && html`<${Version} key=${chosen} id=${chosen} versions=${versions} live=${scripts.version} locked=${scripts.read_only} changed=${changed} />`}`
      : html`<${Empty} icon="history" title=${t('scripts.no_versions')}>${t('scripts.no_versions_hint')}<//>`)}<//>`;
}

function Version({ id, versions, live, locked, changed }) {
  const version = versions.find((one) => one.id === id);
  const now = versions.find((one) => one.version === live);
  const isLive = version?.version === live;
  const [against, setAgainst] = useState(isLive ? 'before' : 'live');
  const diff = useQuery(`api/scripts/versions/${id}/diff`, against === 'live' && now ? { from: now.id } : {});
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState(null);
  const back = async () => {
    setBusy(true);
    setFailure(null);
    try {
      await api.post(`api/scripts/versions/${id}/restore`);
      notify(t('scripts.brought_back', { id: String(id) }));
      go(href(['scripts', 'versions']));
      changed();
    } catch (error) {
      setFailure(error);
      setBusy(false);
    }
  };
  return html`
    <${Dialog} drawer wide title=${t('scripts.version_n', { id: String(id) })} subtitle=${version && `${actionOf(version)} · ${version.author} · ${dateTime(version.at)}`} close=${() => go(href(['scripts', 'versions']))}
      actions=${mayOperate.value && !isLive && version && html`<${Button} kind="primary" icon="history" busy=${busy} disabled=${Boolean(locked)} onClick=${back}>${t('scripts.bring_back')}<//>`}>
      <div class="stack">
        <div class="row wrap"><div class="segments small" role="group" aria-label=${t('scripts.compare_with')}>${['live', 'before'].map((name) => html`<button type="button" key=${name} aria-pressed=${against === name} onClick=${() => setAgainst(name)}>${t(`scripts.against_${name}`)}</button>`)}</div>
          ${isLive && html`<${Badge} tone="good">${t('scripts.live')}<//>`}</div>
        <p class="hint">${t(`scripts.against_${against}_hint`)}</p>
        ${failure && html`<div class="failure" role="alert"><div><strong>${t('scripts.not_brought_back')}</strong>${failure.problems.length ? html`<${Problems} problems=${failure.problems} go=${() => {}} />` : html`<p>${causeOf(failure)}</p>`}</div></div>`}
        <${Answer} of=${diff} rows=${8} quiet>${({ files }) => (files.length ? files.map((file) => html`<section key=${file.name} class="diff-file"><h3 class="row"><code>${file.name}</code><${Tag}>${t(`scripts.file_${file.change}`)}<//></h3><${Diff} text=${file.diff} label=${file.name} /></section>`)
          : html`<p class="hint">${t(`scripts.no_difference_${against}`)}</p>`)}<//>
      </div>
    <//>`;
}
