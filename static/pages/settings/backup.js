// What a backup needs: the command, and the key that opens the sealed secrets in it.
import { Button, Icon } from '../../components/basics.js';
import { Code } from '../../components/code.js';
import { Answer } from '../../components/states.js';
import { t } from '../../lib/i18n.js';
import { useQuery } from '../../lib/query.js';
import { mayOwn } from '../../lib/session.js';
import { stored } from '../../lib/stored.js';
import { html } from '../../lib/ui.js';

/** Where the key that seals provider secrets comes from: `{variable}` or `{file, made}`; `made`: at the first start, in the data folder. */
function masterKeyOf(settings) {
  const by = (name) => settings.find((one) => one.name === name);
  if (by('master_key')?.value) return { variable: 'KEYWHEEL_MASTER_KEY' };
  if (by('master_key_file')?.value) return { file: by('master_key_file').value };
  return { file: `${by('data')?.value ?? './data'}/master.key`, made: true };
}

const today = () => new Date().toISOString().slice(0, 10);
/** An argument of a shell, with quotes only where it needs them. */
const argument = (text) => (/^[\w./:-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

export function Backup() {
  const answer = useQuery('api/settings/fixed');
  return html`<section class="panel stack"><h2>${t('settings.backup')}</h2><p class="hint">${t('settings.backup_hint')}</p>
    <${Answer} of=${answer} rows=${3}>${({ settings }) => {
      const data = settings.find((one) => one.name === 'data')?.value ?? './data';
      const { variable, file } = masterKeyOf(settings);
      const command = ['keywheel', 'backup', ...(data === './data' ? [] : ['--data', argument(data)]), `keywheel-${today()}.tar.zst`].join(' ');
      return html`<${Code} title=${t('settings.backup_command')} text=${command} />
        <p class="hint">${variable ? t('settings.key_in_variable', { variable }) : t('settings.key_in_file', { file })}</p>`;
    }}<//></section>`;
}

const hasCopy = stored('banner.master_key', false);

/** Until somebody says so, nobody has a copy of the key that was made at the first start. */
export function KeyBanner() {
  const answer = useQuery(mayOwn.value && !hasCopy.value ? 'api/settings/fixed' : null);
  const key = answer.data && masterKeyOf(answer.data.settings);
  if (hasCopy.value || !key?.made || !mayOwn.value) return null;
  return html`<div class="verdict key-banner" role="note"><span class="row"><${Icon} name="shield-alert" /><span class="grow">${t('settings.key_not_kept', { file: key.file })}</span>
    <${Button} small onClick=${() => { hasCopy.value = true; }}>${t('settings.key_is_kept')}<//></span></div>`;
}
