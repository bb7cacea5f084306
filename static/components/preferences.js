// How the page looks and speaks to whoever is signed in, and the own account.
import { LANGUAGES, language, t, useLanguage } from '../lib/i18n.js';
import { zoneChoice } from '../lib/range.js';
import { user } from '../lib/session.js';
import { THEMES, theme } from '../lib/theme.js';
import { html } from '../lib/ui.js';
import { OwnAccount } from './account.js';
import { Icon } from './basics.js';
import { Dialog } from './dialog.js';

export const Preferences = ({ close }) => html`
  <${Dialog} title=${t('preferences.title')} close=${close}>
    <div class="form">
      <fieldset class="segments"><legend>${t('preferences.theme')}</legend>
        ${THEMES.map((name) => html`<label key=${name}><input type="radio" name="theme" checked=${theme.value === name}
          onChange=${() => { theme.value = name; }} /><span><${Icon} name=${{ auto: 'monitor', light: 'sun', dark: 'moon' }[name]} />${t(`preferences.${name}`)}</span></label>`)}
      </fieldset>
      <fieldset class="segments"><legend>${t('preferences.language')}</legend>
        ${Object.entries(LANGUAGES).map(([tag, name]) => html`<label key=${tag}><input type="radio" name="language" checked=${language.value === tag}
          onChange=${() => useLanguage(tag)} /><span lang=${tag}>${name}</span></label>`)}
      </fieldset>
      <fieldset class="segments"><legend>${t('preferences.zone')}</legend>
        ${['local', 'UTC'].map((name) => html`<label key=${name}><input type="radio" name="zone" checked=${zoneChoice.value === name}
          onChange=${() => { zoneChoice.value = name; }} /><span>${t(`preferences.zone_${name}`)}</span></label>`)}
      </fieldset>
      ${user.value?.id && html`<${OwnAccount} close=${close} />`}
    </div>
  <//>`;
