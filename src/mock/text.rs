//! Deterministic text and plausible token counts.

use std::hash::{DefaultHasher, Hash, Hasher};

const PASSAGE: &str = "The harbour was quiet before the first boats came in, and the keeper of the light wrote down what \
he saw: three gulls on the wall, a red buoy adrift, fog that thinned towards the east. He had kept such notes for years. \
Most of them said little — wind, tide, a name or two — yet read together they told how the coast had changed. Where the \
old pier ended there was now a café with a naïve painting of the bay above its door, and on warm evenings people sat \
there until the lamps were lit. A visitor once asked him why he went on. Because a pattern shows itself only to those \
who count, he said, and counted the next wave. Numbers were a kind of patience: 17 ships on Monday, 9 on Tuesday, none \
when the storm came → and then, slowly, all of them again. 港は静かだった。 The light turned. Nothing was lost. ";

/// A number that is the same for the same parts.
pub(super) fn seed_of(parts: &[&[u8]]) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

/// Pieces of text, each about one token, the same for the same seed. They begin where a sentence does.
pub(super) fn pieces(seed: u64, count: usize) -> impl Iterator<Item = &'static str> {
    const SENTENCES: u64 = 7;
    let begins = PASSAGE.match_indices(". ").map(|(at, end)| at + end.len());
    let from = begins.take(SENTENCES as usize).nth((seed % SENTENCES) as usize).unwrap_or(0);
    PASSAGE[from..].split_inclusive(' ').chain(PASSAGE.split_inclusive(' ').cycle()).take(count)
}

/// About how many tokens a text has: four ASCII characters or one other character make one.
pub(super) fn count_tokens(text: &str) -> u64 {
    let ascii = text.bytes().filter(u8::is_ascii).count();
    let others = text.bytes().filter(|byte| *byte >= 0xc0).count();
    (ascii.div_ceil(4) + others) as u64
}

/// A text as a JSON string, quotes included.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_deterministic_and_as_long_as_asked() {
        let text = |seed| pieces(seed, 500).collect::<String>();
        assert_eq!(text(7), text(7));
        assert_ne!(text(0), text(1));
        assert_eq!(pieces(3, 500).count(), 500);
        let starts: Vec<&str> = (0..7).map(|seed| pieces(seed, 1).next().unwrap()).collect();
        assert!(!starts.iter().any(|start| start.starts_with(char::is_lowercase)), "{starts:?}");
    }

    #[test]
    fn tokens() {
        assert_eq!(count_tokens(""), 0);
        assert_eq!(count_tokens("12345678"), 2);
        assert_eq!(count_tokens("日本"), 2);
    }
}
