//! A saved conversation: a tree of messages, so that an edit or another answer keeps what was there before.

use std::collections::HashMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::call::{CallRecord, Outcome};
use super::ids::{AdminTokenId, CallId, ChatId, MessageId, UserId};
use super::money::Nanodollars;
use super::validation::InvalidField;

/// Most characters of a title.
const MOST_TITLE: usize = 200;
/// Most bytes of a system prompt.
const MOST_SYSTEM: usize = 256 * 1024;

/// Whose conversations: nobody else reaches them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChatOwner {
    /// A user.
    User(UserId),
    /// The holder of an admin token that was made in the control plane.
    Token(AdminTokenId),
    /// The holder of the admin token of the configuration.
    ConfiguredToken,
}

impl fmt::Display for ChatOwner {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ChatOwner::User(id) => write!(out, "user:{id}"),
            ChatOwner::Token(id) => write!(out, "token:{id}"),
            ChatOwner::ConfiguredToken => out.write_str("configured"),
        }
    }
}

/// What a conversation asks with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChatSettings {
    /// The model that is asked next.
    pub model: Option<String>,
    /// What the model is told ahead of all messages; empty is nothing.
    pub system: String,
    /// Randomness, 0 to 2; `None`: as the model likes.
    pub temperature: Option<f64>,
    /// Share of the likeliest tokens that are considered, 0 to 1.
    pub top_p: Option<f64>,
    /// Most tokens of an answer, 1 or more.
    pub max_tokens: Option<u64>,
    /// How much a reasoning model thinks: `minimal`, `low`, `medium`, `high`, or what else a provider knows.
    pub reasoning_effort: Option<String>,
}

impl ChatSettings {
    /// An error names the field that cannot be meant.
    pub fn check(&self) -> Result<(), InvalidField> {
        let invalid = |field, message: &str| Err(InvalidField { field, message: message.to_owned() });
        let is_word = |word: &String| (1..=40).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_graphic());
        if self.model.as_ref().is_some_and(|model| model.is_empty() || model.len() > 300) {
            return invalid("model", "must be the name of a model");
        }
        if self.system.len() > MOST_SYSTEM {
            return invalid("system", "must be at most 256 KiB");
        }
        if self.temperature.is_some_and(|value| !(0.0..=2.0).contains(&value)) {
            return invalid("temperature", "must be 0 to 2");
        }
        if self.top_p.is_some_and(|value| !(0.0..=1.0).contains(&value)) {
            return invalid("top_p", "must be 0 to 1");
        }
        if self.max_tokens.is_some_and(|value| !(1..=10_000_000).contains(&value)) {
            return invalid("max_tokens", "must be 1 to 10,000,000");
        }
        if self.reasoning_effort.as_ref().is_some_and(|word| !is_word(word)) {
            return invalid("reasoning_effort", "must be a word such as low, medium or high");
        }
        Ok(())
    }
}

/// A saved conversation without its messages.
#[derive(Clone, Debug, PartialEq)]
pub struct Chat {
    /// Row id.
    pub id: ChatId,
    /// Counts its changes; a message is one.
    pub version: i64,
    /// What its owner calls it; empty until the first message gives it a name.
    pub title: String,
    /// Whether it stands above the others.
    pub pinned: bool,
    /// What it asks with.
    pub settings: ChatSettings,
    /// The last message of the branch that is shown; `None`: there is no message yet.
    pub leaf: Option<MessageId>,
    /// When it was begun, in UTC unix milliseconds.
    pub created_ms: i64,
    /// When its last message was written, in UTC unix milliseconds.
    pub active_ms: i64,
}

impl Chat {
    /// A conversation that was not stored yet.
    pub fn new(title: String, settings: ChatSettings, now_ms: i64) -> Self {
        Chat { id: ChatId(0), version: 1, title, pinned: false, settings, leaf: None, created_ms: now_ms, active_ms: now_ms }
    }

    /// An error names the field that cannot be stored.
    pub fn check(&self) -> Result<(), InvalidField> {
        if self.title.chars().count() > MOST_TITLE {
            return Err(InvalidField { field: "title", message: format!("must be at most {MOST_TITLE} characters") });
        }
        self.settings.check()
    }

    /// The branch that is shown, out of all messages: the first message first.
    pub fn branch<'a>(&self, messages: &'a [ChatMessage]) -> Vec<&'a ChatMessage> {
        let by_id: HashMap<MessageId, &ChatMessage> = messages.iter().map(|message| (message.id, message)).collect();
        let find = |id: Option<MessageId>| id.and_then(|id| by_id.get(&id).copied());
        let mut branch: Vec<_> = std::iter::successors(find(self.leaf), |message| find(message.parent)).collect();
        branch.reverse();
        branch
    }

    /// A title out of the first words of a message.
    pub fn title_of(text: &str) -> String {
        const LENGTH: usize = 60;
        let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
        if line.chars().count() <= LENGTH {
            return line.to_owned();
        }
        let cut: String = line.chars().take(LENGTH).collect();
        let whole = cut.rsplit_once(' ').map_or(cut.as_str(), |(words, _)| words);
        format!("{}…", if whole.len() * 2 > cut.len() { whole } else { &cut })
    }
}

/// How far a message has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChatState {
    /// It is whole.
    Done,
    /// The answer is being written.
    Running,
    /// Its reader stopped the answer; the text is what had come.
    Stopped,
    /// The answer broke off or never began; the text is what had come.
    Failed,
}

impl ChatState {
    const ALL: [ChatState; 4] = [ChatState::Done, ChatState::Running, ChatState::Stopped, ChatState::Failed];

    /// The name in the database and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            ChatState::Done => "done",
            ChatState::Running => "running",
            ChatState::Stopped => "stopped",
            ChatState::Failed => "failed",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        ChatState::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// A picture of a message, without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatImage {
    /// Such as `image/png`.
    pub media_type: String,
    /// Its length.
    pub bytes: u64,
}

/// Why an answer is not whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedAnswer {
    /// A stable word for programs.
    pub code: String,
    /// What happened.
    pub message: String,
}

impl FailedAnswer {
    /// Keywheel ended while the answer came.
    pub fn shutdown() -> Self {
        let message = "Keywheel was stopped while this answer came. Ask again.".to_owned();
        FailedAnswer { code: "shutdown".to_owned(), message }
    }
}

/// What is known of an answer beside its text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChatAnswer {
    /// The model that was asked.
    pub model: String,
    /// Whether it was asked together with other models, to be read side by side.
    pub compared: bool,
    /// Why the model ended, in the provider's word, such as `stop` or `length`.
    pub finish: Option<String>,
    /// Why it is not whole.
    pub error: Option<FailedAnswer>,
    /// The call behind it.
    pub call: Option<CallId>,
    /// The name of the provider that served.
    pub provider: Option<String>,
    /// The name of the key that served.
    pub key: Option<String>,
    /// Input tokens.
    pub input_tokens: Option<u64>,
    /// Output tokens, reasoning included.
    pub output_tokens: Option<u64>,
    /// Output tokens that were spent on reasoning.
    pub reasoning_tokens: Option<u64>,
    /// What it cost; `None`: not known.
    pub cost: Option<Nanodollars>,
    /// Milliseconds to the first content.
    pub first_token_ms: Option<u64>,
    /// Milliseconds to the end.
    pub total_ms: Option<u64>,
}

impl ChatAnswer {
    /// Takes over what the record of its call says.
    pub fn learn(&mut self, record: &CallRecord) {
        self.call = Some(record.id);
        self.provider = record.provider.as_ref().map(|provider| provider.name.to_string());
        self.key = record.key.as_ref().map(|key| key.name.to_string());
        self.input_tokens = record.usage.input;
        self.output_tokens = record.usage.output;
        self.reasoning_tokens = record.usage.reasoning;
        self.cost = record.cost.known();
        self.first_token_ms = record.first_token_us.map(|us| us / 1000);
        self.total_ms = Some(record.total_us / 1000);
        if self.error.is_none() && !matches!(record.outcome, Outcome::Success | Outcome::ClientGone) {
            self.error = Some(FailedAnswer {
                code: record.error_code.as_deref().unwrap_or(record.outcome.as_str()).to_owned(),
                message: record.error_message.clone().unwrap_or_else(|| "The answer broke off.".to_owned()),
            });
        }
    }
}

/// One message: of the conversation's owner, or an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct ChatMessage {
    /// Row id.
    pub id: MessageId,
    /// What it follows; `None`: it begins the conversation.
    pub parent: Option<MessageId>,
    /// How far it has come; what the owner wrote is done.
    pub state: ChatState,
    /// Its text.
    pub text: String,
    /// What a model thought before it answered, as far as it tells.
    pub reasoning: String,
    /// The pictures that were sent with it.
    pub images: Vec<ChatImage>,
    /// For an answer: what is known of it. `None`: the owner wrote it.
    pub answer: Option<ChatAnswer>,
    /// When it was begun, in UTC unix milliseconds.
    pub created_ms: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_the_first_line_cut_at_a_word() {
        assert_eq!(Chat::title_of("\n  Say hello \nworld"), "Say hello");
        assert_eq!(Chat::title_of(""), "");
        let long = "word ".repeat(30);
        let title = Chat::title_of(&long);
        assert!(title.ends_with("word…") && title.chars().count() <= 61, "{title}");
        assert_eq!(Chat::title_of(&"模".repeat(100)), format!("{}…", "模".repeat(60)));
    }

    #[test]
    fn settings_that_cannot_be_meant_are_named() {
        let base = ChatSettings::default();
        assert_eq!(base.check(), Ok(()));
        for (settings, field) in [
            (ChatSettings { temperature: Some(2.5), ..base.clone() }, "temperature"),
            (ChatSettings { temperature: Some(f64::NAN), ..base.clone() }, "temperature"),
            (ChatSettings { top_p: Some(-0.1), ..base.clone() }, "top_p"),
            (ChatSettings { max_tokens: Some(0), ..base.clone() }, "max_tokens"),
            (ChatSettings { reasoning_effort: Some("very high".into()), ..base.clone() }, "reasoning_effort"),
            (ChatSettings { model: Some(String::new()), ..base }, "model"),
        ] {
            assert_eq!(settings.check().unwrap_err().field, field);
        }
    }
}
