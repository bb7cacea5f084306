// The tree of a chat's messages: which branch is shown, and what stands beside each message of it.

const byId = (messages) => new Map(messages.map((message) => [message.id, message]));

/** The branch that ends with `leaf`, the first message first. */
export function branchOf(messages, leaf) {
  const all = byId(messages);
  const branch = [];
  for (let at = all.get(leaf); at; at = all.get(at.parent)) branch.unshift(at);
  return branch;
}

/** Messages that follow the same one, in the order in which they were written. */
export const siblingsOf = (messages, message) => messages.filter((other) => other.parent === message.parent);

/** The answers that were asked for together with this one. */
export const comparedWith = (messages, message) =>
  siblingsOf(messages, message).filter((other) => other.answer?.compared && other.created_at === message.created_at);

/** The end of the newest branch that goes through a message. */
export function newestLeaf(messages, message) {
  let at = message;
  for (let next = at; next; next = messages.findLast((other) => other.parent === at.id)) at = next;
  return at;
}
