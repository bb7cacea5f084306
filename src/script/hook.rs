//! The hooks: their names, their parameters, and what follows when one fails.

/// A function in a script that the data plane calls at a named phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Hook {
    /// After authentication and the check of the asked model, before routing.
    OnRequest,
    /// Where the model goes.
    Route,
    /// Which key, for each attempt.
    SelectKey,
    /// Just before sending.
    OnUpstreamRequest,
    /// An attempt failed.
    ClassifyError,
    /// The head is ready, and the body when it is not a stream.
    OnResponse,
    /// One event of a stream.
    OnChunk,
    /// After the call.
    OnComplete,
    /// A key changed state.
    OnKeyEvent,
}

impl Hook {
    /// How many hooks there are.
    pub const COUNT: usize = 9;

    /// Every hook, in the order of a call.
    pub const ALL: [Hook; Hook::COUNT] = [
        Hook::OnRequest,
        Hook::Route,
        Hook::SelectKey,
        Hook::OnUpstreamRequest,
        Hook::ClassifyError,
        Hook::OnResponse,
        Hook::OnChunk,
        Hook::OnComplete,
        Hook::OnKeyEvent,
    ];

    /// The function's name in a script.
    pub fn name(self) -> &'static str {
        match self {
            Hook::OnRequest => "on_request",
            Hook::Route => "route",
            Hook::SelectKey => "select_key",
            Hook::OnUpstreamRequest => "on_upstream_request",
            Hook::ClassifyError => "classify_error",
            Hook::OnResponse => "on_response",
            Hook::OnChunk => "on_chunk",
            Hook::OnComplete => "on_complete",
            Hook::OnKeyEvent => "on_key_event",
        }
    }

    /// The hook of a function's name.
    pub fn by_name(name: &str) -> Option<Self> {
        Hook::ALL.into_iter().find(|hook| hook.name() == name)
    }

    /// The function's parameters.
    pub fn parameters(self) -> &'static [&'static str] {
        match self {
            Hook::OnRequest | Hook::Route => &["req"],
            Hook::SelectKey => &["req", "keys", "attempt"],
            Hook::OnUpstreamRequest => &["up", "key", "attempt"],
            Hook::ClassifyError => &["err", "key", "attempt"],
            Hook::OnResponse => &["req", "resp"],
            Hook::OnChunk => &["req", "event"],
            Hook::OnComplete => &["record"],
            Hook::OnKeyEvent => &["event"],
        }
    }

    /// When it is called.
    pub fn when(self) -> &'static str {
        match self {
            Hook::OnRequest => "after the token and the asked model were checked, before routing",
            Hook::Route => "when it is decided where the model goes",
            Hook::SelectKey => "when a key is chosen, for each attempt",
            Hook::OnUpstreamRequest => "just before an attempt is sent",
            Hook::ClassifyError => "when an attempt has failed",
            Hook::OnResponse => "when the head of an answer is ready, and its body where that is not a stream",
            Hook::OnChunk => "for each event of a stream",
            Hook::OnComplete => "after the call, off its path",
            Hook::OnKeyEvent => "when a key or a provider changed its state, off any call's path",
        }
    }

    /// What it may answer and change.
    pub fn may(self) -> &'static str {
        match self {
            Hook::OnRequest => {
                "`()` goes on; `reject(status, code, message)`; `respond(status, headers, body)`. It may change `req.model`, \
                 `req.body`, `req.headers`, `req.tags` and `req.attributes`."
            }
            Hook::Route => {
                "`()`, or `#{model, provider, tags, fallbacks}`, each of them optional: another model; only this provider; only \
                 keys with one of these tags (beside the client's own limits); models to try afterwards, in order."
            }
            Hook::SelectKey => {
                "`()` leaves it to the model's strategy; a key; an array of keys, of which the first that can serves; a view of \
                 keys, of which the strategy takes one. It is not asked where there is no choice: for a call that names an object \
                 which one key owns, and when the same key is tried once more."
            }
            Hook::OnUpstreamRequest => "Nothing. It may change `up.path`, `up.headers` and `up.body`.",
            Hook::ClassifyError => {
                "`()`, or `#{retry, scope, effect, seconds, reason}`, each of them optional: retry `\"none\"`, `\"same\"` or \
                 `\"next\"`; scope `\"request\"`, `\"model\"`, `\"key\"` or `\"provider\"`; effect `\"none\"`, `\"cooldown\"` \
                 (`seconds`, 60 unless given) or `\"disable\"`. The effect falls on the scope: a model, a key or a provider can \
                 rest, a key alone can be disabled, and a request has no effect; what contradicts itself is an error. A scope \
                 alone keeps the built-in effect where that can fall on it; else nothing follows, but a provider's failure counts \
                 for its breaker. `\"disable\"` alone means the key. Secrets of the key are masked in `err`."
            }
            Hook::OnResponse => {
                "Nothing. It may change `resp.status`, `resp.headers` and `resp.body`. What a provider refuses comes \
                 with its body; any other answer over 1 MiB, or of another content type than JSON, flows like a stream: `resp.body` \
                 is then `()` and `resp.is_stream` true. Where the client of a stream was kept waiting \
                 with a head of Keywheel's own, changes of status and headers come too late and have no effect."
            }
            Hook::OnChunk => {
                "`()` keeps the event, with the changes made in `event.data`; `false` drops it; anything else is its new data."
            }
            Hook::OnComplete => {
                "Nothing, or `#{tags, redact, drop_body}`, each of them optional: labels for the record; patterns that are \
                 replaced in its texts and kept bodies; whether its bodies are not kept. `record` is a map: `id, started_ms, \
                 duration_ms, first_token_ms, method, path, api, stream, client, ip, model, model_served, provider, key, status, \
                 outcome, error_code, error_message, input_tokens, output_tokens, cost_usd, bytes_in, bytes_out, blank, attempts, \
                 tags, attributes`."
            }
            Hook::OnKeyEvent => {
                "Nothing. `event` is a map: `at_ms, provider, key, kind, until_ms, model, reason`; its kind is `cooling`, \
                 `disabled_auto`, `disabled_manual`, `active`, `breaker_opened` or `breaker_closed`."
            }
        }
    }

    /// Whether a failure stops the call: a filter that cannot judge lets nothing through.
    pub fn fails_closed(self) -> bool {
        matches!(self, Hook::OnRequest | Hook::OnUpstreamRequest)
    }

    pub(super) fn index(self) -> usize {
        self as usize
    }
}

/// A set of hooks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HookSet(u16);

impl HookSet {
    /// The set with one more hook.
    #[must_use]
    pub fn with(self, hook: Hook) -> Self {
        HookSet(self.0 | 1 << hook.index())
    }

    /// Whether the hook is in the set.
    #[inline]
    pub fn contains(self, hook: Hook) -> bool {
        self.0 & 1 << hook.index() != 0
    }

    /// The set as a number; 0 is the empty one.
    pub(super) fn bits(self) -> u16 {
        self.0
    }

    /// Whether no hook is in the set.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in() {
        let set = HookSet::default().with(Hook::Route).with(Hook::OnKeyEvent);
        let held: Vec<_> = Hook::ALL.into_iter().filter(|hook| set.contains(*hook)).collect();
        assert_eq!(held, [Hook::Route, Hook::OnKeyEvent]);
        assert!(!set.is_empty() && HookSet::default().is_empty());
    }

    #[test]
    fn every_hook_is_found_by_its_name() {
        for (at, hook) in Hook::ALL.into_iter().enumerate() {
            assert_eq!(hook.index(), at);
            assert_eq!(Hook::by_name(hook.name()), Some(hook));
        }
        assert_eq!(Hook::by_name("on_load"), None);
    }
}
