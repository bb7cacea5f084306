//! The kinds of channels of One API and New API, as their sources number them, as far as the endpoint speaks the OpenAI
//! API (or Anthropic's, which is passed on too).
//!
//! One API: `relay/channeltype/define.go` and `url.go` of github.com/songquanpeng/one-api (8df4a267, 2025-02-21). New API:
//! `constant/channel.go` of github.com/QuantumNous/new-api (2026). The path is what their adaptors put before
//! `/chat/completions`; where they translate into a vendor's own API, it is that of the vendor's compatible endpoint.

/// A kind of channel.
pub(super) struct Kind {
    pub(super) number: i64,
    /// A name for the provider.
    pub(super) name: &'static str,
    /// The base URL where a channel has none; empty: every channel has one.
    pub(super) base: &'static str,
    /// The path behind the base URL.
    pub(super) path: &'static str,
    pub(super) auth: Auth,
}

#[derive(Clone, Copy)]
pub(super) enum Auth {
    Bearer,
    ApiKey,
    XApiKey,
}

const fn kind(number: i64, name: &'static str, base: &'static str, path: &'static str) -> Kind {
    Kind { number, name, base, path, auth: Auth::Bearer }
}

const fn azure() -> Kind {
    Kind { number: 3, name: "azure", base: "", path: "/openai/v1", auth: Auth::ApiKey }
}

const fn anthropic() -> Kind {
    Kind { number: 14, name: "anthropic", base: "https://api.anthropic.com", path: "/v1", auth: Auth::XApiKey }
}

pub(super) const ONE_API: &[Kind] = &[
    kind(1, "openai", "https://api.openai.com", "/v1"),
    azure(),
    kind(4, "closeai", "https://api.closeai-proxy.xyz", "/v1"),
    kind(5, "openai-sb", "https://api.openai-sb.com", "/v1"),
    kind(6, "openaimax", "https://api.openaimax.com", "/v1"),
    kind(7, "ohmygpt", "https://api.ohmygpt.com", "/v1"),
    kind(8, "custom", "", "/v1"),
    kind(9, "ails", "https://api.caipacity.com", "/v1"),
    kind(10, "aiproxy", "https://api.aiproxy.io", "/v1"),
    kind(12, "api2gpt", "https://api.api2gpt.com", "/v1"),
    kind(13, "aigc2d", "https://api.aigc2d.com", "/v1"),
    anthropic(),
    kind(16, "zhipu", "https://open.bigmodel.cn", "/api/paas/v4"),
    kind(17, "dashscope", "https://dashscope.aliyuncs.com", "/compatible-mode/v1"),
    kind(19, "360", "https://ai.360.cn", "/v1"),
    kind(20, "openrouter", "https://openrouter.ai/api", "/v1"),
    kind(22, "fastgpt", "https://fastgpt.run/api/openapi", "/v1"),
    kind(24, "gemini", "https://generativelanguage.googleapis.com", "/v1beta/openai"),
    kind(25, "moonshot", "https://api.moonshot.cn", "/v1"),
    kind(26, "baichuan", "https://api.baichuan-ai.com", "/v1"),
    kind(27, "minimax", "https://api.minimax.chat", "/v1"),
    kind(28, "mistral", "https://api.mistral.ai", "/v1"),
    kind(29, "groq", "https://api.groq.com/openai", "/v1"),
    kind(30, "ollama", "http://localhost:11434", "/v1"),
    kind(31, "lingyiwanwu", "https://api.lingyiwanwu.com", "/v1"),
    kind(32, "stepfun", "https://api.stepfun.com", "/v1"),
    kind(35, "cohere", "https://api.cohere.ai", "/compatibility/v1"),
    kind(36, "deepseek", "https://api.deepseek.com", "/v1"),
    kind(39, "together", "https://api.together.xyz", "/v1"),
    kind(40, "volcengine", "https://ark.cn-beijing.volces.com", "/api/v3"),
    kind(41, "novita", "https://api.novita.ai/v3/openai", ""),
    kind(44, "siliconflow", "https://api.siliconflow.cn", "/v1"),
    kind(45, "xai", "https://api.x.ai", "/v1"),
    kind(47, "qianfan", "https://qianfan.baidubce.com", "/v2"),
    kind(48, "xunfei", "https://spark-api-open.xf-yun.com", "/v1"),
    kind(49, "bailian", "https://dashscope.aliyuncs.com", "/compatible-mode/v1"),
    kind(50, "openai-compatible", "", ""),
    kind(51, "gemini", "https://generativelanguage.googleapis.com", "/v1beta/openai"),
];

pub(super) const NEW_API: &[Kind] = &[
    kind(1, "openai", "https://api.openai.com", "/v1"),
    azure(),
    kind(4, "ollama", "http://localhost:11434", "/v1"),
    kind(6, "openaimax", "https://api.openaimax.com", "/v1"),
    kind(7, "ohmygpt", "https://api.ohmygpt.com", "/v1"),
    // The whole URL of an operation stands there.
    kind(8, "custom", "", ""),
    kind(9, "ails", "https://api.caipacity.com", "/v1"),
    kind(10, "aiproxy", "https://api.aiproxy.io", "/v1"),
    kind(12, "api2gpt", "https://api.api2gpt.com", "/v1"),
    kind(13, "aigc2d", "https://api.aigc2d.com", "/v1"),
    anthropic(),
    kind(16, "zhipu", "https://open.bigmodel.cn", "/api/paas/v4"),
    kind(17, "dashscope", "https://dashscope.aliyuncs.com", "/compatible-mode/v1"),
    kind(19, "360", "https://api.360.cn", "/v1"),
    kind(20, "openrouter", "https://openrouter.ai/api", "/v1"),
    kind(22, "fastgpt", "https://fastgpt.run/api/openapi", "/v1"),
    kind(24, "gemini", "https://generativelanguage.googleapis.com", "/v1beta/openai"),
    kind(25, "moonshot", "https://api.moonshot.cn", "/v1"),
    kind(26, "zhipu", "https://open.bigmodel.cn", "/api/paas/v4"),
    kind(27, "perplexity", "https://api.perplexity.ai", ""),
    kind(31, "lingyiwanwu", "https://api.lingyiwanwu.com", "/v1"),
    kind(34, "cohere", "https://api.cohere.ai", "/compatibility/v1"),
    kind(35, "minimax", "https://api.minimax.chat", "/v1"),
    kind(38, "jina", "https://api.jina.ai", "/v1"),
    kind(40, "siliconflow", "https://api.siliconflow.cn", "/v1"),
    kind(42, "mistral", "https://api.mistral.ai", "/v1"),
    kind(43, "deepseek", "https://api.deepseek.com", "/v1"),
    kind(45, "volcengine", "https://ark.cn-beijing.volces.com", "/api/v3"),
    kind(46, "qianfan", "https://qianfan.baidubce.com", "/v2"),
    kind(47, "xinference", "", "/v1"),
    kind(48, "xai", "https://api.x.ai", "/v1"),
    kind(53, "submodel", "https://llm.submodel.ai", "/v1"),
    kind(55, "openai", "https://api.openai.com", "/v1"),
];

/// Words that New API takes in the place of a base URL, and what they mean (`ChannelSpecialBases`).
pub(super) const PLANS: [(&str, &str); 4] = [
    ("glm-coding-plan", "https://open.bigmodel.cn/api/coding/paas/v4"),
    ("glm-coding-plan-international", "https://api.z.ai/api/coding/paas/v4"),
    ("kimi-coding-plan", "https://api.kimi.com/coding/v1"),
    ("doubao-coding-plan", "https://ark.cn-beijing.volces.com/api/coding/v3"),
];
