// A chat and its messages while they are shown: answers grow as the server writes them, whoever reads along.
import { ApiError, api, follow } from '../../lib/api.js';
import { useEffect, useRef, useState } from '../../lib/ui.js';

const AGAIN_AFTER = 1000;

/** `{chat, messages, error, reload, take(turn), put(message), setChat}` of a chat; nothing while `id` is missing. */
export function useChat(id) {
  const [state, setState] = useState({});
  const [round, setRound] = useState(0);
  const followed = useRef(new Map());
  const patch = (message) => setState((old) => (old.messages ? { ...old, messages: old.messages.map((one) => (one.id === message.id ? { ...one, ...message } : one)) } : old));

  const watch = (message) => {
    if (message.state !== 'running' || followed.current.has(message.id)) return;
    const stop = new AbortController();
    followed.current.set(message.id, stop);
    const read = readAnswer(id, message.id, stop.signal, patch);
    read.finally(() => followed.current.get(message.id) === stop && followed.current.delete(message.id));
  };

  useEffect(() => {
    if (!id) {
      setState({});
      return undefined;
    }
    const stop = new AbortController();
    setState((old) => (String(old.chat?.id) === String(id) ? old : {}));
    api.get(`api/chats/${encodeURIComponent(id)}`, {}, { signal: stop.signal }).then(
      (whole) => {
        setState(whole);
        whole.messages.forEach(watch);
      },
      (error) => error.name !== 'AbortError' && setState({ error }),
    );
    return () => {
      stop.abort();
      for (const one of followed.current.values()) one.abort();
      followed.current.clear();
    };
  }, [id, round]);

  /** Takes up what a turn has added. */
  const take = (turn) => {
    setState((old) => {
      const known = new Set(old.messages?.map((message) => message.id));
      const added = [turn.message, ...turn.answers].filter((message) => !known.has(message.id));
      return { ...old, chat: turn.chat, messages: [...(old.messages ?? []), ...added] };
    });
    turn.answers.forEach(watch);
  };
  return { ...state, take, put: patch, setChat: (chat) => setState((old) => ({ ...old, chat })), reload: () => setRound((old) => old + 1) };
}

/** Follows an answer to its end, however often the connection breaks. */
async function readAnswer(chat, id, signal, patch) {
  while (!signal.aborted) {
    let text = '';
    let reasoning = '';
    let ended = false;
    try {
      await follow('GET', `api/chats/${chat}/messages/${id}/events`, { signal }, (event) => {
        if (event.message) {
          ended = event.message.state !== 'running';
          return patch(event.message);
        }
        // The first event of a connection holds everything that had come before.
        text += event.text;
        reasoning += event.reasoning;
        return patch({ id, text, reasoning });
      });
    } catch (error) {
      if (error.name === 'AbortError') return;
      if (error instanceof ApiError && error.status === 404) return;
    }
    if (ended) return;
    await new Promise((resolve) => setTimeout(resolve, AGAIN_AFTER));
  }
}
