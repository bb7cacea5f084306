// 简体中文。各节顺序与 en.js 相同，键也相同；有测试比对。
export default {
  common: {
    add: '添加', all: '全部', any: '任意', cancel: '取消', close: '关闭', copied: '已复制', copy: '复制', copy_failed: '请按 Ctrl C', created: '创建时间',
    delete: '删除', deleted: '已删除 {name}', disabled: '已停用', edit: '编辑', enabled: '已启用', filter: '筛选', hide: '隐藏', loading: '加载中…',
    more: '更多', name: '名称', never: '从未', no: '否', none: '无', notices: '通知', optional: '可选', refresh: '刷新', remove: '移除',
    remove_named: '移除 {name}', retry: '重试', save: '保存', saved: '已保存 {name}', search: '搜索', show: '显示', status: '状态', undo: '撤销',
    restored: '已恢复 {name}', unlimited: '不限', yes: '是', clear: '清除', details: '详情', actions: '操作',
  },
  nav: {
    label: '主导航', more: '更多', skip: '跳到内容',
    groups: { watch: '观测', route: '路由', work: '工作', house: '系统' },
    overview: '概览', calls: '调用', keys: '密钥', providers: '提供商', models: '模型', clients: '客户端', settings: '设置',
    setup: '初始设置', 'sign-in': '登录', 'ui-kit': '组件',
  },
  session: {
    title: '登录', sign_in: '登录', sign_out: '退出登录', name: '用户名', password: '密码', admin_token: '管理令牌',
    token_hint: 'KEYWHEEL_ADMIN_TOKEN 的值，仅保留到关闭此标签页。', use_token: '改用管理令牌', use_password: '改用用户名和密码',
    wrong_password: '用户名或密码错误。', wrong_token: '管理令牌不正确。', again: '重新登录',
    kept: '会话已结束。您正在编辑的内容仍在，登录后会继续。',
  },
  role: { viewer: '只读', operator: '操作员', owner: '所有者' },
  preferences: {
    title: '偏好设置', theme: '主题', auto: '跟随系统', light: '浅色', dark: '深色', language: '语言', zone: '时间', zone_local: '本地时间', zone_UTC: 'UTC',
  },
  live: {
    live: '实时', connecting: '连接中', waiting: '重连中', resting: '休眠', off: '关闭', live_hint: '调用结束后立即显示。', connecting_hint: '正在打开事件流。',
    waiting_hint: '事件流已中断，正在重试。', resting_hint: '标签页隐藏时事件流休眠。', off_hint: '没有页面在监听。',
  },
  palette: { open: '搜索或跳转…', hint: '页面、密钥、模型、客户端、调用 ID 或命令', page: '页面', command: '命令', nothing: '没有名为“{text}”的内容。' },
  help: {
    title: '键盘快捷键', palette: '搜索、跳转、命令', search: '在列表中搜索', help: '本帮助', next: '下一行', previous: '上一行', open: '打开该行', mark: '选中该行',
    close: '关闭', go: '前往{page}',
  },
  error: {
    title: '操作未成功', page: '页面自身出错，详情见浏览器控制台。', unreachable: '无法连接服务器，可能正在重启。',
    offline: '此电脑处于离线状态。', forbidden: '您的角色无权执行此操作。', request_id: '请求 ID', stale: '显示的是 {time} 的数据。', broken: '此页面出错',
    load: '无法加载此页面', no_page: '没有此页面',
  },
  range: {
    '15m': '15 分钟', '1h': '1 小时', '6h': '6 小时', today: '今天', yesterday: '昨天', '24h': '24 小时', '7d': '7 天', '30d': '30 天',
    from: '从', to: '到', apply: '应用', utc: '以 UTC 显示时间', now: '现在',
  },
  chart: { as_table: '表格', as_chart: '图表', legend: '数据系列', time: '时间', so_far: '截至目前', total: '合计', others: '其他', none: '（无）', label: '图表：{title}。“表格”按钮显示其数值。' },
  figures: { former: '与上一周期相比', no_former: '没有可比数据', up: '上升', down: '下降', flat: '持平' },
  tokens: { input: '输入', output: '输出', cached: '缓存输入', reasoning: '推理' },
  outcome: {
    success: '成功', rejected: '被拒绝', request_error: '请求错误', no_key: '无可用密钥', upstream_error: '提供商错误', interrupted: '中断', client_gone: '客户端断开', internal_error: '内部错误',
  },
  key_state: { active: '可用', cooling: '冷却中', probing: '探测中', limited: '已达上限', disabled_auto: '自动停用', disabled_manual: '已停用' },
  overview: {
    calls: '调用', success: '成功率', tokens: 'Token', cost: '费用', first_token: '首 Token p50', latency: '延迟 p50', retried: { other: '{n} 次重试' },
    failed: { other: '{n} 次失败' }, cached: '{share} 命中缓存', unpriced: { other: '{n} 次调用无价格' }, set_price: '设置价格',
    cost_by_model: '按模型的费用', durations: '耗时', latency_p50: '延迟 p50', latency_p95: '延迟 p95', first_token_p50: '首 Token p50', first_token_p95: '首 Token p95',
    health: '密钥', breaker: '{name} 暂停调用', check_url: '{name}：请检查 Base URL', tops: '用量排行', rank: '排序依据', rank_calls: '调用', rank_cost: '费用', rank_tokens: 'Token',
    rank_failures: '失败', by_model: '模型', by_key: '密钥', by_client: '客户端', by_provider: '提供商', faults: '最近的失败', all_faults: '全部失败', no_faults: '此时段没有失败。',
    waiting: '等待第一次调用…', waiting_hint: '此时段没有调用。将应用指向 Keywheel，或试试：',
  },
};
