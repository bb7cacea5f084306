// English. Sections: what every page shares, then one section a page. zh-CN.js holds the same keys; a test compares them.
export default {
  common: {
    add: 'Add', all: 'All', any: 'Any', cancel: 'Cancel', close: 'Close', copied: 'Copied', copy: 'Copy', copy_failed: 'Press Ctrl C', created: 'Created',
    delete: 'Delete', deleted: '{name} was deleted', disabled: 'Disabled', edit: 'Edit', enabled: 'Enabled', filter: 'Filter', hide: 'Hide', loading: 'Loading…',
    more: 'More', name: 'Name', never: 'never', no: 'No', none: 'None', notices: 'Notices', optional: 'optional', refresh: 'Refresh', remove: 'Remove',
    remove_named: 'Remove {name}', retry: 'Retry', save: 'Save', saved: '{name} was saved', search: 'Search', show: 'Show', status: 'Status', undo: 'Undo',
    restored: '{name} is back', unlimited: 'no limit', yes: 'Yes', clear: 'Clear', details: 'Details', actions: 'Actions',
  },
  nav: {
    label: 'Main navigation', more: 'More', skip: 'Skip to the content',
    groups: { watch: 'Watch', route: 'Route', work: 'Work', house: 'House' },
    overview: 'Overview', calls: 'Calls', keys: 'Keys', providers: 'Providers', models: 'Models', clients: 'Clients', settings: 'Settings',
    setup: 'Set up', 'sign-in': 'Sign in', 'ui-kit': 'UI kit',
  },
  session: {
    title: 'Sign in', sign_in: 'Sign in', sign_out: 'Sign out', name: 'Name', password: 'Password', admin_token: 'Admin token',
    token_hint: 'The value of KEYWHEEL_ADMIN_TOKEN. It is kept until this tab is closed.', use_token: 'Use an admin token instead', use_password: 'Use a name and password instead',
    wrong_password: 'The name or the password is wrong.', wrong_token: 'This admin token is not the right one.', again: 'Sign in again',
    kept: 'Your session has ended. What you were doing is still here and goes on afterwards.',
  },
  role: { viewer: 'Viewer', operator: 'Operator', owner: 'Owner' },
  preferences: {
    title: 'Preferences', theme: 'Theme', auto: 'As the system', light: 'Light', dark: 'Dark', language: 'Language', zone: 'Times', zone_local: 'Local time', zone_UTC: 'UTC',
  },
  live: {
    live: 'Live', connecting: 'Connecting', waiting: 'Reconnecting', resting: 'Resting', off: 'Off', live_hint: 'Calls appear as they end.', connecting_hint: 'The event stream is being opened.',
    waiting_hint: 'The event stream broke off and is tried again.', resting_hint: 'The event stream rests while the tab is hidden.', off_hint: 'No page listens.',
  },
  palette: { open: 'Search or jump to…', hint: 'A page, key, model, client, call id or command', page: 'Page', command: 'Command', nothing: 'Nothing is called “{text}”.' },
  help: {
    title: 'Keyboard', palette: 'Search, jump, command', search: 'Search in this list', help: 'This overview', next: 'Next row', previous: 'Row before', open: 'Open the row', mark: 'Mark the row',
    close: 'Close', go: 'Go to {page}',
  },
  error: {
    title: 'That did not work', page: 'The page met a fault of its own. The browser console has the details.', unreachable: 'The server cannot be reached. It may be restarting.',
    offline: 'This computer is offline.', forbidden: 'Your role may not do that.', request_id: 'Request id', stale: 'Shown as of {time}.', broken: 'This page failed',
    load: 'This page could not be loaded', no_page: 'There is no such page',
  },
  range: {
    '15m': '15 minutes', '1h': '1 hour', '6h': '6 hours', today: 'Today', yesterday: 'Yesterday', '24h': '24 hours', '7d': '7 days', '30d': '30 days',
    from: 'From', to: 'To', apply: 'Apply', utc: 'Show times in UTC', now: 'now',
  },
  chart: { as_table: 'Table', as_chart: 'Chart', legend: 'Series', time: 'Time', so_far: 'so far', total: 'Total', others: 'Others', none: '(none)', label: 'Chart: {title}. The button “Table” shows its figures.' },
  figures: { former: 'Against the period before', no_former: 'Nothing to compare with', up: 'up', down: 'down', flat: 'unchanged' },
  tokens: { input: 'Input', output: 'Output', cached: 'Cached input', reasoning: 'Reasoning' },
  outcome: {
    success: 'Success', rejected: 'Rejected', request_error: 'Bad request', no_key: 'No key', upstream_error: 'Provider error', interrupted: 'Cut off', client_gone: 'Client left', internal_error: 'Internal error',
  },
  key_state: { active: 'Active', cooling: 'Cooling down', probing: 'Probing', limited: 'At its limit', disabled_auto: 'Disabled by a verdict', disabled_manual: 'Disabled' },
  overview: {
    calls: 'Calls', success: 'Success', tokens: 'Tokens', cost: 'Cost', first_token: 'First token p50', latency: 'Latency p50', retried: { one: '{n} retried', other: '{n} retried' },
    failed: { one: '{n} failed', other: '{n} failed' }, cached: '{share} cached', unpriced: { one: '{n} call without a price', other: '{n} calls without a price' }, set_price: 'set a price',
    cost_by_model: 'Cost by model', durations: 'Durations', latency_p50: 'Latency p50', latency_p95: 'Latency p95', first_token_p50: 'First token p50', first_token_p95: 'First token p95',
    health: 'Keys', breaker: '{name} holds calls back', check_url: '{name}: check the base URL', tops: 'Who used most', rank: 'Rank by', rank_calls: 'Calls', rank_cost: 'Cost', rank_tokens: 'Tokens',
    rank_failures: 'Failures', by_model: 'Models', by_key: 'Keys', by_client: 'Clients', by_provider: 'Providers', faults: 'Recent failures', all_faults: 'All failures', no_faults: 'No failures in this time.',
    waiting: 'Waiting for your first call…', waiting_hint: 'Nothing came in during this time. Point an application at Keywheel, or try this:',
  },
};
