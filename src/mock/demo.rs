//! The providers and keys of the demo: one of each fate, so that every page has something to show.

/// A provider of the demo; all of them live at one simulated provider's address.
#[derive(Clone, Copy, Debug)]
pub struct DemoProvider {
    /// Its name.
    pub name: &'static str,
    /// Its auth scheme, as a setting spells it.
    pub auth: &'static str,
    /// Whether it takes model names that nobody else knows.
    pub is_default: bool,
    /// Its keys.
    pub keys: &'static [DemoKey],
    /// Models that its keys serve, for the synced list.
    pub models: &'static [&'static str],
}

/// A key of the demo.
#[derive(Clone, Copy, Debug)]
pub struct DemoKey {
    /// Its name.
    pub name: &'static str,
    /// Its secret, which only a simulated provider understands.
    pub secret: &'static str,
    /// Its share of calls.
    pub weight: u32,
    /// Its tags.
    pub tags: &'static [&'static str],
    /// The account it belongs to.
    pub account: &'static str,
}

/// A model route of the demo.
#[derive(Clone, Copy, Debug)]
pub struct DemoModel {
    /// The public name.
    pub name: &'static str,
    /// The strategy, as a setting spells it.
    pub strategy: &'static str,
    /// Provider, upstream model and tier of each target.
    pub targets: &'static [(&'static str, &'static str, u32)],
}

const fn key(
    name: &'static str,
    secret: &'static str,
    weight: u32,
    tags: &'static [&'static str],
    account: &'static str,
) -> DemoKey {
    DemoKey { name, secret, weight, tags, account }
}

/// The demo's providers.
pub const DEMO_PROVIDERS: &[DemoProvider] = &[
    DemoProvider {
        name: "openai-sim",
        auth: "bearer",
        is_default: true,
        models: &[
            "gpt-4o",
            "gpt-4o-mini",
            "gpt-4.1",
            "gpt-4.1-mini",
            "o4-mini",
            "text-embedding-3-small",
            "gpt-image-1",
            "whisper-1",
            "tts-1",
        ],
        keys: &[
            key("team-a", "sk-mock-healthy-atlas", 4, &["paid"], "org-mock-atlas"),
            key("team-b", "sk-mock-healthy-borealis", 3, &["paid"], "org-mock-borealis"),
            key("slow-region", "sk-mock-slow-cassini", 1, &["paid"], "org-mock-cassini"),
            key("free-tier", "sk-mock-limited-dune", 2, &["free"], "org-mock-dune"),
            key("over-the-limit", "sk-mock-429-echo", 1, &["free"], "org-mock-echo"),
            key("out-of-credit", "sk-mock-exhausted-fjord", 1, &["free"], "org-mock-fjord"),
            key("revoked", "sk-mock-invalid-gale", 1, &[], "org-mock-gale"),
        ],
    },
    DemoProvider {
        name: "shaky-sim",
        auth: "bearer",
        is_default: false,
        models: &["gpt-4o-mini", "gpt-4.1-mini"],
        keys: &[
            key("breaks-off", "sk-mock-cut-harbour", 1, &[], "org-mock-harbour"),
            key("answers-nothing", "sk-mock-empty-isle", 1, &[], "org-mock-isle"),
            key("slow-to-begin", "sk-mock-slowfirst-jetty", 1, &[], "org-mock-jetty"),
            key("server-errors", "sk-mock-500-kelp", 1, &[], "org-mock-kelp"),
        ],
    },
    DemoProvider {
        name: "claude-sim",
        auth: "x-api-key",
        is_default: false,
        models: &["claude-opus-4-5", "claude-sonnet-4-5", "claude-haiku-4-5"],
        keys: &[
            key("main", "sk-mock-healthy-lagoon", 2, &["paid"], "org-mock-lagoon"),
            key("spare", "sk-mock-healthy-mistral", 1, &["paid"], "org-mock-mistral"),
        ],
    },
];

/// The demo's model routes. `resilient` tries the shaky provider first, and still answers.
pub const DEMO_MODELS: &[DemoModel] = &[
    DemoModel { name: "fast", strategy: "least_in_flight", targets: &[("openai-sim", "gpt-4o-mini", 1)] },
    DemoModel {
        name: "smart",
        strategy: "sticky",
        targets: &[("claude-sim", "claude-sonnet-4-5", 1), ("openai-sim", "gpt-4.1", 2)],
    },
    DemoModel {
        name: "resilient",
        strategy: "round_robin",
        targets: &[("shaky-sim", "gpt-4o-mini", 1), ("openai-sim", "gpt-4o-mini", 2)],
    },
];
