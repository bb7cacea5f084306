//! A conversation as text to be kept elsewhere.

use crate::domain::{Chat, ChatMessage, to_rfc3339};

/// One branch as Markdown: its title, when it was, who said what.
pub fn markdown(chat: &Chat, branch: &[&ChatMessage]) -> String {
    let title = chat.title.replace(['\r', '\n'], " ");
    let mut text = format!("# {title}\n\n{}\n", to_rfc3339(chat.created_ms));
    if !chat.settings.system.trim().is_empty() {
        section(&mut text, "System", &chat.settings.system);
    }
    for message in branch {
        match &message.answer {
            None => section(&mut text, "User", &message.text),
            Some(answer) => section(&mut text, &format!("Assistant ({})", answer.model), &message.text),
        }
        for image in &message.images {
            text.push_str(&format!("\n*[{}, {} bytes]*\n", image.media_type, image.bytes));
        }
        if let Some(error) = message.answer.as_ref().and_then(|answer| answer.error.as_ref()) {
            text.push_str(&format!("\n*[{}]*\n", error.message));
        }
    }
    text
}

fn section(text: &mut String, heading: &str, body: &str) {
    text.push_str(&format!("\n## {heading}\n\n{}\n", body.trim_end()));
}
