// A recorded call as the beginning of a chat: its model, its instructions, and what was asked.

const textOf = (content) => {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content.map((part) => part.text ?? '').filter(Boolean).join('\n');
};

const picturesOf = (content) => {
  if (!Array.isArray(content)) return [];
  const urls = content.map((part) => part.image_url?.url ?? (typeof part.image_url === 'string' ? part.image_url : null));
  return urls.filter((url) => url?.startsWith('data:image/'));
};

/**
 * Reads the body of a request to chat completions, responses or messages; null: it is none of them.
 * What was said before the last question stands above it, so that nothing is lost.
 */
export function replayOf(body) {
  let request;
  try {
    request = JSON.parse(body);
  } catch {
    return null;
  }
  const turns = request?.messages ?? (typeof request?.input === 'string' ? [{ role: 'user', content: request.input }] : request?.input);
  if (!Array.isArray(turns)) return null;
  const isInstruction = ({ role }) => role === 'system' || role === 'developer';
  const instructions = [textOf(request.system ?? request.instructions ?? ''), ...turns.filter(isInstruction).map((turn) => textOf(turn.content))];
  const said = turns.filter((turn) => turn?.content !== undefined && !isInstruction(turn));
  const last = said.at(-1);
  if (!last) return null;
  const before = said.slice(0, -1).map((turn) => `${turn.role}: ${textOf(turn.content)}`);
  return {
    model: typeof request.model === 'string' ? request.model : null,
    system: instructions.filter(Boolean).join('\n\n'),
    temperature: typeof request.temperature === 'number' ? request.temperature : null,
    text: [...before, textOf(last.content)].join('\n\n'),
    images: picturesOf(last.content),
  };
}
