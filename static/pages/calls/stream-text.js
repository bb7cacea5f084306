// What a streamed answer says when its events are put together.

/** The text of one event of chat completions, completions, responses or messages. */
function pieceOf(event) {
  const choice = event.choices?.[0];
  if (choice) return choice.delta?.content ?? choice.text ?? '';
  if (event.type === 'response.output_text.delta') return event.delta ?? '';
  if (event.type === 'content_block_delta') return event.delta?.text ?? '';
  return '';
}

/** The text, or null where the body is no event stream or says nothing. */
export function streamText(body) {
  if (!/^(data|event|id|:)/.test(body)) return null;
  let text = '';
  for (const line of body.split('\n')) {
    if (!line.startsWith('data:')) continue;
    try {
      const piece = pieceOf(JSON.parse(line.slice(5)));
      if (typeof piece === 'string') text += piece;
    } catch {
      // `[DONE]`, or an event that was cut.
    }
  }
  return text || null;
}
