// The models that the keys of a provider list: read anew, taken out, let in again.
import { Badge, Button } from '../../components/basics.js';
import { Answer, Empty } from '../../components/states.js';
import { api } from '../../lib/api.js';
import { relative } from '../../lib/format.js';
import { attempt } from '../../lib/edit.js';
import { t } from '../../lib/i18n.js';
import { useQuery } from '../../lib/query.js';
import { href } from '../../lib/router.js';
import { mayOperate } from '../../lib/session.js';
import { html, useState } from '../../lib/ui.js';
import { DiffDialog } from '../models/diff.js';
import { PriceDialog, PriceOf } from '../models/price.js';

export function SyncedModels({ provider, changed }) {
  const answer = useQuery(`api/providers/${provider.id}/models`);
  const [text, setText] = useState('');
  const [reading, setReading] = useState(false);
  const [price, setPrice] = useState(null);
  const again = () => {
    answer.reload();
    changed();
  };
  const take = (model, removed) => attempt(() => api.patch(`api/providers/${provider.id}/models`, { model, removed }), { changed: again });
  const fits = (one) => one.model.toLowerCase().includes(text.toLowerCase());
  return html`
    <div class="stack">
      <div class="row"><input type="search" aria-label=${t('common.search')} placeholder=${t('common.search')} value=${text} onInput=${(event) => setText(event.target.value)} />
        ${mayOperate.value && html`<${Button} icon="refresh-cw" onClick=${() => setReading(true)}>${t('models.sync')}<//>`}</div>
      <${Answer} of=${answer} rows=${8}>${({ models }) => (models.length ? html`
        <ul class="plain-rows">${models.filter(fits).map((one) => html`
          <li key=${one.model}><code class="cut grow" title=${one.model}>${one.model}</code>
            ${one.vanished_at && html`<${Badge} tone="warn">${t('models.vanished', { time: relative(one.vanished_at) })}<//>`}
            ${one.removed_at ? html`<${Badge}>${t('models.taken_out')}<//>` : html`<span class="hint">${t('providers.keys_n', { n: one.keys.length })}</span>`}
            <span class="num"><${PriceOf} price=${one.price_in_force} set=${mayOperate.value && (() => setPrice(one))} /></span>
            ${mayOperate.value && html`<${Button} small kind="quiet" href=${href('models', { add: 1, target: one.model, provider: provider.id })}>${t('models.make_route')}<//>
              <${Button} small kind="quiet" onClick=${() => take(one.model, !one.removed_at)}>${t(one.removed_at ? 'models.let_in' : 'models.take_out')}<//>`}</li>`)}</ul>`
        : html`<${Empty} icon="boxes" title=${t('models.no_list')}>${t('models.no_list_hint')}<//>`)}<//>
      ${reading && html`<${DiffDialog} provider=${provider} changed=${again} close=${() => setReading(false)} />`}
      ${price && html`<${PriceDialog} model=${price} provider=${provider} changed=${again} close=${() => setPrice(null)} />`}
    </div>`;
}
