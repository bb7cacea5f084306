// Chooses which columns the list of calls has.
import { Menu, MenuEntry } from '../../components/menu.js';
import { t } from '../../lib/i18n.js';
import { isNarrow } from '../../lib/theme.js';
import { html } from '../../lib/ui.js';
import { USUAL, columnsOf } from './columns.js';

export function ColumnMenu({ chosen }) {
  if (isNarrow.value) return null;
  const toggle = (name) => {
    chosen.value = chosen.value.includes(name) ? chosen.value.filter((one) => one !== name) : [...chosen.value, name];
  };
  return html`
    <${Menu} icon="columns-3" title=${t('calls.columns')} chevron=${false}>${(close) => html`
      ${columnsOf().filter((column) => column.name !== 'time').map((column) => html`<${MenuEntry} key=${column.name} close=${() => {}} chosen=${chosen.value.includes(column.name)} run=${() => toggle(column.name)}>${column.title}<//>`)}
      <${MenuEntry} icon="rotate-ccw" close=${close} run=${() => { chosen.value = USUAL; }}>${t('calls.usual_columns')}<//>`}
    <//>`;
}
