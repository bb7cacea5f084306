// What is said next, to which model: Enter sends, unless an input method is at work.
import { Icon, IconButton } from '../../components/basics.js';
import { Select } from '../../components/fields.js';
import { t } from '../../lib/i18n.js';
import { notify } from '../../lib/notices.js';
import { html, useEffect, useLayoutEffect, useRef, useState } from '../../lib/ui.js';

const MOST_IMAGES = 8;
const MOST_BYTES = 5 * 1024 * 1024;
const TYPES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'];

/** A file as a `data:` URL. */
export const readFile = (file) => new Promise((resolve, reject) => {
  const reader = new FileReader();
  reader.onload = () => resolve(reader.result);
  reader.onerror = () => reject(reader.error);
  reader.readAsDataURL(file);
});

export function Composer({ models, model, setModel, second, setSecond, say, busy, openSettings, hasSettings, field, start }) {
  const [text, setText] = useState('');
  const [images, setImages] = useState([]);
  const own = useRef();
  const area = field ?? own;
  const files = useRef();
  useEffect(() => {
    if (!start) return;
    setText(start.text);
    setImages(start.images);
  }, [start]);
  useLayoutEffect(() => {
    area.current.style.height = 'auto';
    area.current.style.height = `${Math.min(240, area.current.scrollHeight + 2)}px`;
  }, [text]);
  const add = async (list) => {
    const pictures = [...list].filter((file) => TYPES.includes(file.type));
    if (pictures.some((file) => file.size > MOST_BYTES)) notify(t('chat.too_large'), { kind: 'plain' });
    const read = await Promise.all(pictures.filter((file) => file.size <= MOST_BYTES).map(readFile));
    setImages((old) => [...old, ...read].slice(0, MOST_IMAGES));
  };
  const paste = (event) => {
    if (!event.clipboardData.files.length) return;
    event.preventDefault();
    add(event.clipboardData.files);
  };
  const canSend = model && (text.trim() || images.length) && !busy;
  const submit = async (event) => {
    event?.preventDefault();
    if (!canSend) return;
    const said = { text, images };
    setText('');
    setImages([]);
    if (await say(said)) return;
    setText(said.text);
    setImages(said.images);
  };
  const key = (event) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    submit();
  };
  const options = models.map(({ name }) => [name, name]);
  const known = (name) => (name && !models.some((one) => one.name === name) ? [[name, name], ...options] : options);
  return html`
    <form class="composer" onSubmit=${submit}>
      ${images.length > 0 && html`<div class="pictures">${images.map((source, at) => html`<span class="picture" key=${at}><img src=${source} alt=${t('chat.picture')} />
        <${IconButton} small icon="x" label=${t('common.remove')} onClick=${() => setImages(images.filter((_, other) => other !== at))} /></span>`)}</div>`}
      <textarea ref=${area} rows="1" aria-label=${t('chat.say')} placeholder=${t('chat.say')} value=${text}
        onInput=${(event) => setText(event.target.value)} onKeyDown=${key} onPaste=${paste}></textarea>
      <div class="composer-foot">
        <${Select} aria-label=${t('chat.model')} value=${model ?? ''} change=${setModel} options=${model ? known(model) : [['', t('chat.choose_model')], ...options]} />
        ${second !== null && html`<${Select} aria-label=${t('chat.second_model')} value=${second} change=${setSecond} options=${known(second)} />`}
        <${IconButton} icon="git-compare" label=${t('chat.compare')} aria-pressed=${second !== null} disabled=${models.length < 2}
          onClick=${() => setSecond(second === null ? models.find((one) => one.name !== model)?.name ?? null : null)} />
        <${IconButton} icon="image" label=${t('chat.add_picture')} onClick=${() => files.current.click()} />
        <input ref=${files} type="file" hidden multiple accept=${TYPES.join()} onChange=${(event) => { add(event.target.files); event.target.value = ''; }} />
        <${IconButton} icon="sliders-horizontal" label=${t('chat.settings')} aria-pressed=${hasSettings} onClick=${openSettings} />
        <span class="grow"></span>
        <button type="submit" class="button primary" disabled=${!canSend} aria-label=${t('chat.send')} title=${t('chat.send')}><${Icon} name="send" /></button>
      </div>
    </form>`;
}
