// What a model is for, as far as its name tells.
import { useQuery } from './query.js';

const NOT_FOR_CHAT = /embed|(^|[-/_])(bge|gte|e5|m3e|clip)([-/_]|$)|rerank|moderation|guard|whisper|transcri|(^|[-/_.])(tts|stt|asr|ocr)([-/_.]|$)|speech|audio|realtime|dall-?e|image|imagen|diffusion|flux|(^|[-/_])(sora|veo|kling|wan\d)|video|computer-use|davinci|babbage|(^|[-/_])instruct$/i;
const SMALL = /mini|flash|haiku|nano|lite|small|8b|7b/i;

/** Whether a chat call to a model of this name makes sense. */
export const isForChat = (name) => !NOT_FOR_CHAT.test(name);

/** The models of `{name}` that are for chat; all of them where none is. */
export function forChat(models) {
  const fit = models.filter(({ name }) => isForChat(name));
  return fit.length ? fit : models;
}

/** A model for a first try: one for chat, a small one if there is any. */
export function someChatModel(names) {
  const fit = names.filter(isForChat);
  return fit.find((name) => SMALL.test(name)) ?? fit[0];
}

/** The name of a model that a first call can ask for. */
export function useSomeModel() {
  const { data } = useQuery('api/chats/models');
  return someChatModel((data?.models ?? []).map(({ name }) => name)) ?? 'gpt-4o-mini';
}
