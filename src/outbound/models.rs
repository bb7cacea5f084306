//! Which models a key can see.

use http::Method;
use serde::Deserialize;

use super::clients::Outbound;
use super::error::SendError;
use super::question::{Answer, NoAnswer, Question};
use crate::domain::{Key, Provider};

/// Pages of a model list that are read at most.
const MAX_PAGES: usize = 20;

/// A model list could not be read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ListError {
    /// The request got no head.
    #[error(transparent)]
    Send(SendError),
    /// The answer did not come in time or broke off.
    #[error("the model list did not arrive: {0}")]
    Broken(String),
    /// The provider answered with another status than 200.
    #[error("the provider answered {}", .0.status)]
    Status(Answer),
    /// The answer is no model list; the provider may have none.
    #[error("the answer is no model list")]
    NotAList(Answer),
}

impl From<NoAnswer> for ListError {
    fn from(error: NoAnswer) -> Self {
        match error {
            NoAnswer::Send(error) => ListError::Send(error),
            other => ListError::Broken(other.to_string()),
        }
    }
}

impl Outbound {
    /// The names of the models that a key can see, each once, in the provider's order.
    pub async fn list_models(&self, provider: &Provider, key: &Key) -> Result<Vec<String>, ListError> {
        let mut names: Vec<String> = Vec::new();
        let mut after = None;
        for _ in 0..MAX_PAGES {
            let question =
                Question { provider, key, method: Method::GET, path: "/models", query: after.as_deref(), json: None };
            let answer = self.ask(question).await?;
            if answer.status != http::StatusCode::OK {
                return Err(ListError::Status(answer));
            }
            let Some(page) = Page::read(&answer.body) else { return Err(ListError::NotAList(answer)) };
            let known = names.len();
            for name in page.names {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            match page.next {
                Some(query) if names.len() > known => after = Some(query),
                _ => break,
            }
        }
        Ok(names)
    }
}

/// One page of a model list.
pub(super) struct Page {
    pub(super) names: Vec<String>,
    next: Option<String>,
}

/// The shapes that providers use: `{"data": […]}`, a bare array, `{"models": […]}`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Listed {
    Object {
        #[serde(alias = "models")]
        data: Vec<Entry>,
        #[serde(default)]
        has_more: Option<bool>,
        #[serde(default)]
        last_id: Option<String>,
    },
    Bare(Vec<Entry>),
}

#[derive(Deserialize)]
struct Entry {
    #[serde(alias = "name")]
    id: String,
}

impl Page {
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let (entries, next) = match serde_json::from_slice(body).ok()? {
            Listed::Object { data, has_more, last_id } => (data, last_id.filter(|_| has_more == Some(true))),
            Listed::Bare(entries) => (entries, None),
        };
        // Gemini lists `models/gemini-…` and takes the name without it.
        let bare = |entry: Entry| entry.id.strip_prefix("models/").map_or(entry.id.clone(), str::to_owned);
        Some(Page {
            names: entries.into_iter().map(bare).filter(|name| !name.is_empty()).collect(),
            next: next
                .filter(|id| id.bytes().all(|byte| byte.is_ascii_graphic() && !b"&#?".contains(&byte)))
                .map(|id| format!("after_id={id}")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(body: &str) -> Option<Vec<String>> {
        Page::read(body.as_bytes()).map(|page| page.names)
    }

    #[test]
    fn shapes_of_lists() {
        let two = Some(vec!["a".to_owned(), "b".to_owned()]);
        assert_eq!(names(r#"{"object":"list","data":[{"id":"a","owned_by":"x"},{"id":"b"}]}"#), two);
        assert_eq!(names(r#"[{"id":"a"},{"id":"b","context":1}]"#), two);
        assert_eq!(names(r#"{"models":[{"name":"models/a"},{"name":"b"}]}"#), two);
        assert_eq!(names(r#"{"data":[]}"#), Some(vec![]));
        assert_eq!(names(r#"{"error":{"message":"no"}}"#), None);
        assert_eq!(names("<html>"), None);
    }
}
