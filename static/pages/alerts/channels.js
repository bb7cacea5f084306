// Channels: who is told, tested with one message.
import { Badge, Button } from '../../components/basics.js';
import { Answer, Empty } from '../../components/states.js';
import { api, everything } from '../../lib/api.js';
import { forget, useAnswer } from '../../lib/query.js';
import { t } from '../../lib/i18n.js';
import { notifyError } from '../../lib/notices.js';
import { mayOperate } from '../../lib/session.js';
import { html, useState } from '../../lib/ui.js';
import { ChannelForm } from './channel-form.js';
import { StateBadge } from './deliveries.js';

export function Channels() {
  const channels = useAnswer('api/alerts/channels all', (signal) => everything('api/alerts/channels', 'channels', {}, { signal }));
  const [chosen, setChosen] = useState(null);
  const add = mayOperate.value && html`<${Button} kind="primary" icon="plus" onClick=${() => setChosen({})}>${t('alerts.add_channel')}<//>`;
  return html`
    <${Answer} of=${channels} rows=${4} quiet>${(all) => html`
      ${all.length ? html`<div class="row"><p class="hint grow">${t('alerts.channels_hint')}</p>${add}</div>
        <ul class="alert-rows panel">${all.map((channel) => html`<${Channel} key=${channel.id} channel=${channel} open=${() => setChosen(channel)} />`)}</ul>`
        : html`<${Empty} icon="bell" title=${t('alerts.no_channels')} action=${add}>${t('alerts.no_channels_hint')}<//>`}`}<//>
    ${chosen && html`<${ChannelForm} channel=${chosen} close=${() => setChosen(null)} changed=${channels.reload} />`}`;
}

function Channel({ channel, open }) {
  const [busy, setBusy] = useState(false);
  const [result, setResult] = useState(null);
  const test = async () => {
    setBusy(true);
    try {
      setResult(await api.post(`api/alerts/channels/${channel.id}/test`));
      forget('api/alerts/deliveries');
    } catch (error) {
      notifyError(error, t('error.title'));
    }
    setBusy(false);
  };
  const quiet = channel.quiet && t('alerts.quiet_from_to', channel.quiet);
  const where = channel.mail ? channel.mail.to.join(', ') : channel.url_hint;
  return html`
    <li><${Badge} tone=${channel.enabled ? 'good' : 'plain'}>${channel.enabled ? t('common.enabled') : t('common.disabled')}<//>
      <div class="grow"><button type="button" class="as-link" onClick=${open}>${channel.name}</button>
        <div class="hint cut">${[t(`alerts.via_${channel.kind}`), where, quiet, channel.least === 'critical' && t('alerts.only_critical')].filter(Boolean).join(' · ')}</div>
        ${result?.error && html`<div class="hint tone-bad" role="alert">${result.error}</div>`}</div>
      ${result && html`<span role="status"><${StateBadge} state=${result.state} /></span>`}
      ${mayOperate.value && html`<${Button} small icon="send" busy=${busy} onClick=${test}>${t('alerts.test')}<//>`}</li>`;
}
