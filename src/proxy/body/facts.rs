//! Facts of a request body beyond its top-level scalars: whose objects it names, and what its prompt begins with.

use std::ops::Range;
use std::sync::Arc;

use crate::proxy::json::{self, Elements};

/// Most object ids that one body can name.
const MOST_IDS: usize = 64;

/// Longest object id that is believed, in bytes.
const LONGEST_ID: usize = 256;

/// Bytes of a prompt that a provider's cache needs at least to recognise it: about 1,024 tokens.
const CACHEABLE_BYTES: usize = 4096;

/// Collects where members that name a provider's objects have their values, at any depth.
#[derive(Default)]
pub(super) struct ObjectIds {
    values_at: Vec<usize>,
}

impl ObjectIds {
    /// Takes a member's name and where its value starts.
    pub fn key(&mut self, name: &[u8], value_at: usize) {
        if self.values_at.len() < MOST_IDS && names_objects(name) {
            self.values_at.push(value_at);
        }
    }

    /// The ids themselves, each once, in the order found.
    pub fn collect(self, body: &[u8]) -> Vec<Arc<str>> {
        let mut ids = Vec::new();
        for at in self.values_at {
            if let Some(elements) = Elements::open(body, at) {
                elements.map_while(Result::ok).for_each(|element| add_id(&mut ids, &body[element]));
            } else if body[at] == b'"'
                && let Ok(value) = json::Cursor::new(body, at).value()
            {
                add_id(&mut ids, &body[value]);
            }
        }
        ids
    }
}

fn add_id(ids: &mut Vec<Arc<str>>, value: &[u8]) {
    if value.len() > LONGEST_ID || ids.len() >= MOST_IDS {
        return;
    }
    if let Some(text) = json::as_text(value)
        && !text.is_empty()
        && !ids.iter().any(|id| **id == *text)
    {
        ids.push(Arc::from(text));
    }
}

/// Whether a member of this name holds ids of things that a provider made for one account.
fn names_objects(name: &[u8]) -> bool {
    if memchr::memchr(b'\\', name).is_some() {
        return json::unescape(name).is_some_and(|name| is_object_name(name.as_bytes()));
    }
    is_object_name(name)
}

fn is_object_name(name: &[u8]) -> bool {
    matches!(
        name,
        b"file_id"
            | b"file_ids"
            | b"input_file_id"
            | b"training_file"
            | b"validation_file"
            | b"vector_store_id"
            | b"vector_store_ids"
            | b"assistant_id"
            | b"thread_id"
            | b"container_id"
            | b"container"
            | b"upload_id"
            | b"batch_id"
    )
}

/// Where the members stand that make up a prompt.
#[derive(Clone, Debug, Default)]
pub(super) struct Prompt {
    cache_key: Option<Range<usize>>,
    head: [Option<Range<usize>>; 3],
    turns: Option<Range<usize>>,
    input: Option<Range<usize>>,
}

impl Prompt {
    pub fn take(&mut self, name: &[u8], value: &Range<usize>) {
        let place = match name {
            b"tools" => &mut self.head[0],
            b"system" => &mut self.head[1],
            b"instructions" => &mut self.head[2],
            b"messages" | b"prompt" => &mut self.turns,
            b"input" => &mut self.input,
            b"prompt_cache_key" => &mut self.cache_key,
            _ => return,
        };
        *place = Some(value.clone());
    }

    pub fn input_characters(&self, body: &[u8]) -> Option<u64> {
        let text = json::as_text(&body[self.input.clone()?])?;
        Some(text.chars().count() as u64)
    }

    /// The client's own cache key decides when there is one. Else the prompt up to the first message of the user, so
    /// that all turns agree; without that message when what stands before it is long enough to be cached by itself.
    pub fn prefix_hash(&self, body: &[u8]) -> Option<u64> {
        let mut hash = PrefixHash::default();
        if let Some(key) = self.cache_key.clone().filter(|key| body[key.start] == b'"') {
            hash.add(&body[key]);
            return Some(hash.finish());
        }
        self.head.iter().flatten().for_each(|part| hash.add(&body[part.clone()]));
        let turns = self.turns.clone().or(self.input.clone());
        match turns.as_ref().and_then(|turns| Elements::open(body, turns.start)) {
            Some(elements) => add_opening(&mut hash, body, elements),
            None => turns.into_iter().for_each(|text| hash.add(&body[text])),
        }
        (hash.taken > 0).then(|| hash.finish())
    }
}

fn add_opening(hash: &mut PrefixHash, body: &[u8], elements: Elements<'_>) {
    for element in elements.map_while(Result::ok) {
        let message = &body[element];
        let from_user = json::member(message, "role") == Some(b"\"user\"");
        if (from_user && hash.taken >= CACHEABLE_BYTES) || hash.taken >= 4 * CACHEABLE_BYTES {
            return;
        }
        hash.add(message);
        if from_user {
            return;
        }
    }
}

/// A 64-bit hash that is the same on every machine and in every version; not for hostile input, since a collision only
/// makes two prompts prefer one key.
#[derive(Default)]
struct PrefixHash {
    state: u64,
    taken: usize,
}

impl PrefixHash {
    fn add(&mut self, part: &[u8]) {
        let part = &part[..part.len().min(4 * CACHEABLE_BYTES)];
        let (words, rest) = part.as_chunks::<8>();
        words.iter().for_each(|word| self.mix(u64::from_le_bytes(*word)));
        self.mix(rest.iter().fold(part.len() as u64, |word, byte| word << 8 | u64::from(*byte)));
        self.taken += part.len();
    }

    fn mix(&mut self, word: u64) {
        self.state = (self.state.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        let mut hash = self.state;
        hash = (hash ^ (hash >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        hash ^ (hash >> 32)
    }
}
