// Every component in every state, for whoever builds or reviews pages.
import { Badge, Button, IconButton, Kbd, Tag } from '../components/basics.js';
import { Code } from '../components/code.js';
import { Dialog } from '../components/dialog.js';
import { NumberField, SecretField, SelectField, Switch, TagInput, TextArea, TextField } from '../components/fields.js';
import { Delta, Meter, Parts, Sparkline, Tile } from '../components/figures.js';
import { PageHead } from '../components/shell.js';
import { Empty, Failure, Skeleton } from '../components/states.js';
import { ApiError } from '../lib/api.js';
import { t } from '../lib/i18n.js';
import { notify } from '../lib/notices.js';
import { html, useState } from '../lib/ui.js';

const TONES = ['plain', 'good', 'warn', 'bad', 'info'];
const WAVE = Array.from({ length: 30 }, (_, at) => 10 + 8 * Math.sin(at / 3));

const Part = ({ title, children }) => html`<section class="panel stack"><h2>${title}</h2>${children}</section>`;

export default function UiKit() {
  const [tags, setTags] = useState(['paid', 'eu']);
  const [on, setOn] = useState(true);
  const [open, setOpen] = useState(null);
  return html`
    <div class="page">
      <${PageHead} title=${t('nav.ui-kit')} />
      <${Part} title="Buttons"><div class="row wrap">
        <${Button} kind="primary" icon="plus">Primary<//><${Button}>Plain<//><${Button} kind="quiet">Quiet<//><${Button} kind="danger" icon="trash-2">Danger<//>
        <${Button} busy>Busy<//><${Button} disabled>Disabled<//><${Button} small>Small<//><${IconButton} icon="ellipsis" label="More" /></div><//>
      <${Part} title="Words"><div class="row wrap">${TONES.map((tone) => html`<${Badge} key=${tone} tone=${tone}>${tone}<//>`)}<${Tag}>tag<//><${Kbd} keys="g k" /></div><//>
      <${Part} title="Fields"><div class="form-2">
        <${TextField} label="Text" value="team-a" change=${() => {}} hint="A hint" /><${TextField} label="Wrong" value="?" change=${() => {}} error="Name is taken" />
        <${NumberField} label="Number" value=${60} change=${() => {}} unit="rpm" optional /><${SecretField} label="Secret" value="sk-demo" change=${() => {}} />
        <${SelectField} label="Select" value="b" change=${() => {}} options=${[['a', 'One'], ['b', 'Two']]} /><${TagInput} label="Tags" value=${tags} change=${setTags} suggestions=${['spare']} />
        <${Switch} label="Switch" hint="With a hint" value=${on} change=${setOn} /><${TextArea} label="Long text" value="" change=${() => {}} /></div><//>
      <${Part} title="Figures"><div class="tiles">
        <${Tile} label="Calls" value="12.4K" delta=${html`<${Delta} now=${12} before=${10} />`} spark=${WAVE} href="#/ui-kit" />
        <${Tile} label="Success" value="99.2%" delta=${html`<${Delta} now=${0.9} before=${0.99} good="up" />`} href="#/ui-kit" /></div>
        <${Meter} share=${0.4} /><${Parts} parts=${TONES.map((tone, at) => ({ name: tone, tone, count: at + 1 }))} /><${Sparkline} values=${WAVE} label="A wave" /><//>
      <${Part} title="States"><div data-sample><${Skeleton} rows=${3} /></div><${Empty} title="Nothing here" action=${html`<${Button}>Add<//>`}>What would be here.<//>
        <${Failure} error=${new ApiError('The provider did not answer.', { status: 502, requestId: '0193-demo' })} retry=${() => {}} /><//>
      <${Part} title="Overlays"><div class="row wrap">
        <${Button} onClick=${() => setOpen('dialog')}>Dialog<//><${Button} onClick=${() => setOpen('drawer')}>Drawer<//>
        <${Button} onClick=${() => notify('team-a was deleted', { action: { label: t('common.undo'), run: () => notify('team-a is back') } })}>Notice<//>
        <${Button} onClick=${() => notify('That did not work', { kind: 'bad', detail: 'The name is taken.' })}>Failure<//></div><//>
      <${Part} title="Code"><${Code} language="sh" text="curl http://127.0.0.1:8484/v1/models" /><//>
      ${open && html`<${Dialog} title="A dialog" subtitle="Focus stays inside and returns" drawer=${open === 'drawer'} close=${() => setOpen(null)}
        actions=${html`<${Button} kind="primary" onClick=${() => setOpen(null)}>Done<//>`}><${Code} language="text" text="kw-only-shown-once" /><//>`}
    </div>`;
}
