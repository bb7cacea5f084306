// Every page of the dashboard, and a demo in which each has something to show.
import { ask } from './harness.mjs';

/** Every page of the dashboard, with the dialogs that have an address. */
export const PAGES = [
  'overview', 'calls', 'keys', 'keys?add=1', 'providers', 'providers?add=1', 'models', 'models/listed', 'models?add=1', 'clients', 'clients?add=1', 'scripts', 'scripts?new=1', 'scripts/try', 'scripts/try?way=replay', 'scripts/try?way=shadow', 'scripts/versions', 'scripts/hooks',
  'chat', 'alerts', 'alerts/rules', 'alerts/channels', 'alerts/deliveries', 'settings', 'settings/logging', 'settings/rules', 'settings/users', 'settings/audit', 'settings/system', 'ui-kit',
];
/** Pages that are about one thing: only where there are things. */
export const ONES = ['keys/1', 'providers/1', 'models/1', 'clients/1', 'scripts/versions/1'];

/** Gives the demo what it has none of: scripts, chats, a channel, people. Answers with further addresses. */
export async function fill(demo) {
  const { examples } = await ask(demo, 'GET', 'api/scripts/examples');
  for (const [name, example] of [['10-block-list', 'block-list'], ['20-model-aliases', 'model-aliases'], ['30-redact', 'redact']]) {
    await ask(demo, 'PUT', `api/scripts/files/${name}.rhai`, { text: examples.find((one) => one.name === example).text });
  }
  await ask(demo, 'PATCH', 'api/settings', { store_bodies: true });
  await ask(demo, 'POST', 'api/users', { name: 'maria', role: 'operator' });
  await ask(demo, 'POST', 'api/tokens', { name: 'deploy', role: 'operator' });
  await ask(demo, 'POST', 'api/alerts/channels', { kind: 'webhook', name: 'operations', url: 'http://127.0.0.1:9/hook', allow_private: true, quiet: { from: '22:00', to: '07:00', zone: 'Europe/Berlin', critical_too: false } });
  const chat = await ask(demo, 'POST', 'api/chats', { model: 'smart', title: 'Waves and patience' });
  await ask(demo, 'POST', `api/chats/${chat.id}/messages`, { text: 'Tell me about the sea.', images: [], models: ['smart', 'fast'] });
  await ask(demo, 'POST', 'api/scripts/replay', { draft: { files: { '05-no-streams.rhai': 'fn on_request(req) { if req.stream { reject(403, "no_streams", "No streams.") } }' } }, calls: 500 });
  const retried = (await ask(demo, 'GET', 'api/calls?limit=1&min_attempts=2&outcome=success')).calls[0];
  const failed = (await ask(demo, 'GET', 'api/calls?limit=1&outcome=upstream_error')).calls[0];
  return [`chat/${chat.id}`, `calls/${retried.id}`, `calls/${failed.id}?status=5xx`];
}
