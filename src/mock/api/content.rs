//! Message content in the shapes that requests use.

use std::borrow::Cow;

use serde::Deserialize;

use super::super::text::count_tokens;

/// Tokens that a picture, a sound or a file counts, whatever its bytes.
const TOKENS_OF_A_MEDIUM: u64 = 765;

/// A text, or parts of which some are texts.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Content<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Parts(#[serde(borrow)] Vec<Part<'a>>),
}

#[derive(Deserialize)]
pub(super) struct Part<'a> {
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
}

impl Content<'_> {
    /// About how many tokens it has.
    pub(super) fn tokens(&self) -> u64 {
        match self {
            Content::Text(text) => count_tokens(text),
            Content::Parts(parts) => {
                parts.iter().map(|part| part.text.as_ref().map_or(TOKENS_OF_A_MEDIUM, |text| count_tokens(text))).sum()
            }
        }
    }

    /// Its text.
    pub(super) fn text(&self) -> Cow<'_, str> {
        match self {
            Content::Text(text) => Cow::Borrowed(text),
            Content::Parts(parts) => parts.iter().filter_map(|part| part.text.as_deref()).collect::<String>().into(),
        }
    }
}

/// Whether a model's name says that it thinks before it answers.
pub(super) fn is_reasoning_model(model: &str) -> bool {
    let starts = ["o1", "o3", "o4", "gpt-5"].iter().any(|prefix| model.starts_with(prefix));
    starts || ["reason", "think", "r1"].iter().any(|word| model.contains(word))
}
