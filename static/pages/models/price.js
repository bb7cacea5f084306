// Prices: what is in force, who says so and since when; and the fields for one of the operator's own.
import { Button } from '../../components/basics.js';
import { Dialog } from '../../components/dialog.js';
import { NumberField } from '../../components/fields.js';
import { useForm } from '../../components/form.js';
import { api } from '../../lib/api.js';
import { dateTime, money, shortDate } from '../../lib/format.js';
import { t, word } from '../../lib/i18n.js';
import { notify } from '../../lib/notices.js';
import { html } from '../../lib/ui.js';

const PRICES = ['input', 'output', 'cached_read', 'cache_write'];
const OTHER_PRICES = ['audio_input', 'audio_output', 'image_input', 'image_output', 'per_picture', 'per_second', 'per_million_characters'];

/** A price as it is sent: members without a figure are unknown, not free. */
export const priceBody = (price) => Object.fromEntries(Object.entries(price).filter(([, value]) => value !== null && value !== undefined));

/** Where a price comes from, and of when it is. */
export const sourceOf = ({ origin, source, since }) => [word('price_origin', origin), origin === 'table' && source, since && shortDate(since)].filter(Boolean).join(' · ');

/** The figure that tells most of a price. */
function figures(price) {
  if (price.input !== undefined && price.input !== null) return html`${money(price.input, true)} <span class="hint">/</span> ${money(price.output, true)}`;
  const name = OTHER_PRICES.find((one) => price[one] !== undefined && price[one] !== null);
  return name ? html`${money(price[name], true)} <span class="hint">${t(`price.${name}`)}</span>` : t('models.no_figures');
}

/** The price in force in few pixels; where there is none, the way to set one. */
export const PriceOf = ({ price, set }) => (price
  ? html`<span class=${price.origin === 'table' ? undefined : 'own-price'} title="${sourceOf(price)}${price.since ? ` (${dateTime(price.since)})` : ''}">${figures(price.price)}</span>`
  : set ? html`<button type="button" class="link" onClick=${set}>${t('overview.set_price')}</button>` : html`<span class="hint">${t('models.no_price')}</span>`);

/** The fields of a price; `price` is its members, `change` gets them anew. */
export function PriceFields({ price, change }) {
  const bind = (name) => ({ value: price[name], change: (value) => change({ ...price, [name]: value }) });
  return html`
    <div class="form-2">${PRICES.map((name) => html`<${NumberField} key=${name} label=${t(`price.${name}`)} optional=${name !== 'input'} min="0" step="any" unit="USD / 1M" ...${bind(name)} />`)}</div>
    <details class="more-fields" open=${OTHER_PRICES.some((name) => price[name])}><summary>${t('models.other_prices')}</summary><div class="form-2">${OTHER_PRICES.map((name) => html`<${NumberField} key=${name} label=${t(`price.${name}`)} optional min="0" step="any" unit="USD" ...${bind(name)} />`)}</div></details>`;
}

/** Sets what a provider charges for a model, or goes back to what the data file says. */
export function PriceDialog({ model, provider, changed, close }) {
  const set = (price) => api.patch(`api/providers/${provider.id}/models`, { model: model.model, price });
  const saved = () => {
    notify(t('models.priced', { name: model.model }));
    changed();
    close();
  };
  const form = useForm({ price: model.price ?? model.price_in_force?.price ?? {} }, ({ price }) => set(priceBody(price)), saved);
  const forget = useForm({}, () => set(null), saved);
  return html`
    <${Dialog} title=${t('models.price_of', { name: model.model })} subtitle=${provider.name} close=${close}>
      <form class="form" onSubmit=${form.submit}>
        <p class="hint">${model.price_in_force ? t('models.price_now', { source: sourceOf(model.price_in_force) }) : t('models.no_price_hint')}</p>
        <${PriceFields} price=${form.values.price} change=${(price) => form.set('price', price)} />${form.problem}${forget.problem}
        <div class="row wrap">${model.price && html`<${Button} busy=${forget.busy} onClick=${forget.submit}>${t('models.forget_price')}<//>`}<span class="grow"></span>
          <${Button} onClick=${close}>${t('common.cancel')}<//><${Button} kind="primary" type="submit" busy=${form.busy}>${t('common.save')}<//></div>
      </form>
    <//>`;
}
