// Every component in every state, for whoever builds or reviews pages. Its words are samples, in English.
import { Badge, Button, Cut, IconButton, Kbd, Tag } from '../components/basics.js';
import { Chart } from '../components/chart.js';
import { Code } from '../components/code.js';
import { Confirm, Dialog } from '../components/dialog.js';
import { NumberField, SecretField, SelectField, Switch, TagInput, TextArea, TextField } from '../components/fields.js';
import { ClearFilters, FilterMenu, Chip, Search } from '../components/filters.js';
import { Delta, Meter, Parts, Sparkline, Tile } from '../components/figures.js';
import { Menu, MenuEntry } from '../components/menu.js';
import { paletteOpen } from '../components/palette.js';
import { RangePicker } from '../components/range-picker.js';
import { PageHead } from '../components/shell.js';
import { Empty, Failure, Skeleton, StaleNote } from '../components/states.js';
import { MarkedBar, Table, sorted } from '../components/table.js';
import { LinkTabs, Tabs } from '../components/tabs.js';
import { ApiError } from '../lib/api.js';
import { money, number, percent, span } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { notify } from '../lib/notices.js';
import { chooseSpan } from '../lib/range.js';
import { route } from '../lib/router.js';
import { html, useState } from '../lib/ui.js';

const TONES = ['plain', 'good', 'warn', 'bad', 'info'];
const WAVE = Array.from({ length: 30 }, (_, at) => 10 + 8 * Math.sin(at / 3));
const HOUR = 3_600_000;
const BEGIN = Date.UTC(2026, 0, 5);
const BUCKETS = WAVE.map((_, at) => ({ from: new Date(BEGIN + at * HOUR).toISOString(), to: new Date(BEGIN + (at + 1) * HOUR).toISOString(), running: at === WAVE.length - 1 }));
const ROWS = Array.from({ length: 400 }, (_, at) => ({ id: at, name: `team-${at}`, calls: (at * 37) % 900, share: (at % 10) / 10, state: TONES[at % TONES.length] }));
const NETWORK = new ApiError('network', { code: 'network' });

const Part = ({ title, children }) => html`<section class="panel stack"><h2>${title}</h2>${children}</section>`;

const COLUMNS = [
  { name: 'name', title: 'Name', width: '30%', sort: (row) => row.name, render: (row) => html`<a href="#/ui-kit?row=${row.id}">${row.name}</a>` },
  { name: 'state', title: 'State', width: '20%', render: (row) => html`<${Badge} tone=${row.state}>${row.state}<//>` },
  { name: 'calls', title: 'Calls', num: true, sort: (row) => row.calls, render: (row) => number(row.calls) },
  { name: 'share', title: 'Share', num: true, from: 500, render: (row) => percent(row.share) },
  { name: 'trend', title: 'Trend', from: 800, render: () => html`<${Sparkline} values=${WAVE} />` },
];

function SampleTable() {
  const [marked, mark] = useState(new Set([1, 3]));
  const [order, setOrder] = useState(['name', 'up']);
  const card = (row) => html`<div class="card-line"><a href="#/ui-kit?row=${row.id}">${row.name}</a><${Badge} tone=${row.state}>${row.state}<//></div>`;
  return html`<${Table} label="Sample" columns=${COLUMNS} rows=${sorted(ROWS, COLUMNS, order)} marked=${marked} mark=${mark} order=${order} reorder=${(...next) => setOrder(next)} card=${card} cardHeight=${52} tone=${(row) => (row.id === 2 ? 'is-dim' : undefined)} current=${0} />
    <${MarkedBar} count=${marked.size} total=${ROWS.length} clear=${() => mark(new Set())}><${Button} small>Disable<//><//>`;
}

export default function UiKit() {
  const [tags, setTags] = useState(['paid', 'eu']);
  const [on, setOn] = useState(true);
  const [open, setOpen] = useState(null);
  const [tab, setTab] = useState('one');
  const close = () => setOpen(null);
  return html`
    <div class="page">
      <${PageHead} title=${t('nav.ui-kit')} count=${18}><${RangePicker} /><//>
      <${Part} title="Buttons"><div class="row wrap">
        <${Button} kind="primary" icon="plus">Primary<//><${Button}>Plain<//><${Button} kind="quiet">Quiet<//><${Button} kind="danger" icon="trash-2">Danger<//>
        <${Button} busy>Busy<//><${Button} disabled>Disabled<//><${Button} small>Small<//><${Button} aria-pressed="true">Pressed<//><${Button} href="#/ui-kit">Link<//><${IconButton} icon="ellipsis" label="More" />
        <${Menu} label="Menu" icon="settings">${(shut) => html`<${MenuEntry} icon="pencil" close=${shut} run=${() => {}}>Rename<//><${MenuEntry} chosen close=${shut} run=${() => {}}>Chosen<//><${MenuEntry} icon="trash-2" danger close=${shut} run=${() => {}}>Delete<//>`}<//></div>
        <div class="segments" role="group" aria-label="Segments">${['Day', 'Week', 'Month'].map((name, at) => html`<button type="button" key=${name} aria-pressed=${at === 0}>${name}</button>`)}</div><//>
      <${Part} title="Words"><div class="row wrap">${TONES.map((tone) => html`<${Badge} key=${tone} tone=${tone}>${tone}<//>`)}<${Tag}>tag<//><${Kbd} keys="g k" /></div><${Cut} text=${'A text that is cut where the room ends, and shown whole when the pointer rests on it. '.repeat(4)} /><//>
      <${Part} title="Fields"><div class="form-2">
        <${TextField} label="Text" value="team-a" change=${() => {}} hint="A hint" /><${TextField} label="Wrong" value="?" change=${() => {}} error="Name is taken" /><${TextField} label="Disabled" value="fixed" change=${() => {}} disabled />
        <${NumberField} label="Number" value=${60} change=${() => {}} unit="rpm" optional /><${SecretField} label="Secret" value="sk-demo" change=${() => {}} />
        <${SelectField} label="Select" value="b" change=${() => {}} options=${[['a', 'One'], ['b', 'Two']]} /><${TagInput} label="Tags" value=${tags} change=${setTags} suggestions=${['spare']} />
        <${Switch} label="Switch" hint="With a hint" value=${on} change=${setOn} /><${TextArea} label="Long text" value="" change=${() => {}} placeholder="Several lines" /></div><//>
      <${Part} title="Filters"><div class="list-bar"><${Search} label="Search the sample" /><${FilterMenu} name="sample" label="State" several options=${TONES.map((tone, at) => [tone, tone, at])} />
        ${route.value.query.row && html`<${Chip} name="row" label="Row" value=${route.value.query.row} />`}<${Chip} name="shown" label="Chip" value="always shown" /><${ClearFilters} names=${['sample', 'row', 'search']} /></div><//>
      <${Part} title="Tabs"><${LinkTabs} label="Tabs of an address" chosen="a" tabs=${[['a', 'Here', '#/ui-kit'], ['b', 'Elsewhere', '#/overview']]} />
        <${Tabs} label="Tabs of a place" tabs=${[['one', 'One'], ['two', 'Two']]} chosen=${tab} choose=${setTab}>${(name) => html`<p>This is tab ${name}.</p>`}<//><//>
      <${Part} title="Figures"><div class="tiles">
        <${Tile} label="Calls" value="12.4K" delta=${html`<${Delta} now=${12} before=${10} />`} spark=${WAVE} href="#/ui-kit" />
        <${Tile} label="Success" value="99.2%" delta=${html`<${Delta} now=${0.9} before=${0.99} good="up" />`} href="#/ui-kit" />
        <${Tile} label="Failures" value="12" tone="bad" hint="a hint" delta=${html`<${Delta} now=${5} before=${null} />`} href="#/ui-kit" /></div>
        <p>${[number(1234567), percent(0.99999), money(0.0000123), money(12.5), span(0.4), span(1240), span(125_000)].join(' · ')}</p>
        <${Meter} share=${0.4} /><${Parts} parts=${TONES.map((tone, at) => ({ name: tone, tone, count: at + 1 }))} /><${Sparkline} values=${WAVE} label="A wave" />
        <div class="progress"><progress max="10" value="4" aria-label="Progress"></progress></div><//>
      <${Chart} title="Chart" total=${number(300)} buckets=${BUCKETS} stacked zoom=${chooseSpan} format=${(value) => number(value)} note="Drag to zoom; the button shows the same figures as a table."
        series=${[{ name: 'One', colour: 'series-1', values: WAVE }, { name: 'Two', colour: 'series-2', values: WAVE.map((value) => 20 - value) }]} />
      <${Chart} title="Lines" kind="line" buckets=${BUCKETS} format=${(value) => number(value)}
        series=${[{ name: 'With a gap', colour: 'series-3', values: WAVE.map((value, at) => (at > 8 && at < 14 ? null : value)) }, { name: 'Dashed', colour: 'series-5', dashed: true, values: WAVE.map((value) => value / 2) }]} />
      <${Part} title="States"><div data-sample><${Skeleton} rows=${3} /></div><${Empty} title="Nothing here" action=${html`<${Button}>Add<//>`}>What would be here.<//>
        <${Failure} error=${new ApiError('The provider did not answer.', { status: 502, code: 'upstream_error', requestId: '0193-demo' })} retry=${() => {}} /><${StaleNote} at=${BEGIN} error=${NETWORK} reload=${() => {}} /><//>
      <${Part} title="Overlays"><div class="row wrap">
        ${['dialog', 'drawer', 'keep', 'confirm'].map((name) => html`<${Button} key=${name} onClick=${() => setOpen(name)}>${{ dialog: 'Dialog', drawer: 'Drawer', keep: 'Shown once', confirm: 'Question' }[name]}<//>`)}
        <${Button} onClick=${() => { paletteOpen.value = true; }}>Palette<//>
        <${Button} onClick=${() => notify('team-a was deleted', { action: { label: t('common.undo'), run: () => notify('team-a is back') } })}>Notice<//>
        <${Button} onClick=${() => notify('That did not work', { kind: 'bad', detail: 'The name is taken.' })}>Failure<//></div><//>
      <${Part} title="Code"><${Code} language="sh" text="curl http://127.0.0.1:8484/v1/models" /><//>
      <h2>Table</h2><${SampleTable} />
      ${open === 'confirm' && html`<${Confirm} title="Delete team-a?" text="This cannot be undone." action="Delete" run=${close} close=${close} />`}
      ${open && open !== 'confirm' && html`<${Dialog} title="A dialog" subtitle="Focus stays inside and returns" drawer=${open === 'drawer'} keep=${open === 'keep'} close=${close}
        actions=${html`<${Button} kind="primary" onClick=${close}>Done<//>`}><${Code} language="text" text="kw-only-shown-once" /><//>`}
    </div>`;
}
