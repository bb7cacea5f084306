// Providers that people use most, with what differs between them.

/** `{label, name, base_url, auth, ...}`; a word in capitals in a base URL is a place to fill in. */
export const PRESETS = [
  { label: 'OpenAI', name: 'openai', base_url: 'https://api.openai.com/v1', auth: 'bearer' },
  { label: 'Anthropic', name: 'anthropic', base_url: 'https://api.anthropic.com/v1', auth: 'x-api-key', headers: { 'anthropic-version': '2023-06-01' } },
  { label: 'Google Gemini', name: 'gemini', base_url: 'https://generativelanguage.googleapis.com/v1beta/openai', auth: 'bearer' },
  { label: 'Azure OpenAI', name: 'azure', base_url: 'https://RESOURCE.openai.azure.com/openai/v1', auth: 'api-key' },
  { label: 'DeepSeek', name: 'deepseek', base_url: 'https://api.deepseek.com/v1', auth: 'bearer' },
  { label: 'Groq', name: 'groq', base_url: 'https://api.groq.com/openai/v1', auth: 'bearer' },
  { label: 'OpenRouter', name: 'openrouter', base_url: 'https://openrouter.ai/api/v1', auth: 'bearer' },
  { label: 'Mistral', name: 'mistral', base_url: 'https://api.mistral.ai/v1', auth: 'bearer' },
  { label: 'xAI', name: 'xai', base_url: 'https://api.x.ai/v1', auth: 'bearer' },
  { label: 'Moonshot', name: 'moonshot', base_url: 'https://api.moonshot.cn/v1', auth: 'bearer', time_zone: 'Asia/Shanghai' },
  { label: 'Zhipu', name: 'zhipu', base_url: 'https://open.bigmodel.cn/api/paas/v4', auth: 'bearer', time_zone: 'Asia/Shanghai' },
  { label: 'DashScope', name: 'dashscope', base_url: 'https://dashscope.aliyuncs.com/compatible-mode/v1', auth: 'bearer', time_zone: 'Asia/Shanghai' },
  { label: 'Ollama', name: 'ollama', base_url: 'http://127.0.0.1:11434/v1', auth: 'none', allow_private: true },
  { label: 'vLLM', name: 'vllm', base_url: 'http://127.0.0.1:8000/v1', auth: 'bearer', allow_private: true },
];

/** The place of a base URL that is still to be filled in. */
export const unfilled = (url) => /\b[A-Z]{4,}\b/.exec(url ?? '')?.[0];

export const AUTHS = ['bearer', 'api-key', 'x-api-key', 'x-goog-api-key', 'query:key', 'none'];
export const STRATEGIES = ['round_robin', 'weighted_random', 'least_in_flight', 'fastest', 'sticky', 'priority'];
