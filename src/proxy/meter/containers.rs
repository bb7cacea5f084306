//! Containers that an answer's output names.

use std::sync::Arc;

use crate::proxy::named::ids_under;

/// Most containers that one answer may name.
const MOST: usize = 32;

/// The ids under `container_id`, each once, in an output of the Responses API.
pub(super) fn in_output(output: &[u8]) -> Vec<Arc<str>> {
    if memchr::memmem::find(output, b"\"container_id\"").is_none() {
        return Vec::new();
    }
    let mut found = ids_under(output, |name| name == "container_id");
    found.sort_unstable();
    found.dedup();
    found.truncate(MOST);
    found
}
