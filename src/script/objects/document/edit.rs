//! What a script did to a JSON body, as data.

/// What an edit does at its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyEditAction {
    /// Replaces the value, or adds the member or element, with this JSON text.
    Set(String),
    /// Inserts this JSON text before the element.
    Insert(String),
    /// Removes the member or element.
    Remove,
}

/// One edit of a JSON body. Edits are made one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyEdit {
    /// A JSON pointer (RFC 6901), such as `/messages/0/content`; `-` is the place behind an array's last element, and the
    /// empty pointer is the whole body.
    pub pointer: String,
    /// What to do there.
    pub action: BodyEditAction,
}

impl BodyEdit {
    /// Whether this edit leaves nothing of another one made right before it.
    pub(super) fn replaces(&self, last: &BodyEdit) -> bool {
        let both_set = matches!((&last.action, &self.action), (BodyEditAction::Set(_), BodyEditAction::Set(_)));
        both_set && last.pointer == self.pointer && !last.pointer.ends_with("/-")
    }
}
