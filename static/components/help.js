// The keys of the page, behind `?`.
import { t } from '../lib/i18n.js';
import { html } from '../lib/ui.js';
import { ROUTES } from '../routes.js';
import { Kbd } from './basics.js';
import { Dialog } from './dialog.js';

const KEYS = [['Ctrl K', 'palette'], ['/', 'search'], ['?', 'help'], ['j', 'next'], ['k', 'previous'], ['Enter', 'open'], ['x', 'mark'], ['Esc', 'close']];

export function Help({ close }) {
  const jumps = ROUTES.filter((item) => item.go);
  return html`
    <${Dialog} title=${t('help.title')} close=${close}>
      <div class="help-keys">
        <dl>${KEYS.map(([keys, name]) => html`<div key=${keys}><dt>${t(`help.${name}`)}</dt><dd><${Kbd} keys=${keys} /></dd></div>`)}</dl>
        <dl>${jumps.map((item) => html`<div key=${item.page}><dt>${t('help.go', { page: t(`nav.${item.page}`) })}</dt><dd><${Kbd} keys="g ${item.go}" /></dd></div>`)}</dl>
      </div>
    <//>`;
}
