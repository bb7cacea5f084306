//! Prices and capabilities of well-known models: a dated subset of LiteLLM's table that ships with the binary.
//!
//! Owns the data file `src/prices/prices.json`, which `python3 src/prices/refresh.py` renews. Refuses to guess: a model or a
//! rate that the file does not have is unknown. An operator's own price of a model route comes before it.

use std::sync::{Arc, LazyLock};

use foldhash::{HashMap, HashMapExt};
use serde::Deserialize;

use crate::domain::{Capabilities, LongContextPrice, Price, PriceTable, Rate, from_rfc3339};

/// The file is part of the binary and checked by a test, so reading it cannot fail in the field.
static BOOK: LazyLock<Book> = LazyLock::new(|| Book::read(include_str!("prices/prices.json")).unwrap_or_default());

/// The table, parsed at the first call.
pub fn table() -> Arc<PriceTable> {
    BOOK.table.clone()
}

#[derive(Default)]
struct Book {
    table: Arc<PriceTable>,
}

/// The data file: dollars for a million tokens or characters, for one picture, for one second.
#[derive(Deserialize)]
struct File {
    source: String,
    date: String,
    models: HashMap<String, Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    input: Option<f64>,
    cached_read: Option<f64>,
    cache_write: Option<f64>,
    output: Option<f64>,
    audio_input: Option<f64>,
    audio_output: Option<f64>,
    image_input: Option<f64>,
    image_output: Option<f64>,
    per_picture: Option<f64>,
    per_second: Option<f64>,
    per_character: Option<f64>,
    long_context: Option<LongContextEntry>,
    context: Option<u64>,
    vision: Option<bool>,
    tools: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LongContextEntry {
    above: u64,
    input: Option<f64>,
    cached_read: Option<f64>,
    cache_write: Option<f64>,
    output: Option<f64>,
}

impl Book {
    fn read(text: &str) -> Result<Self, serde_json::Error> {
        let file: File = serde_json::from_str(text)?;
        let source: Arc<str> = file.source.into();
        let since_ms = from_rfc3339(&format!("{}T00:00:00Z", file.date));
        let mut by_model = HashMap::with_capacity(file.models.len());
        let mut capabilities = HashMap::with_capacity(file.models.len());
        for (name, entry) in file.models {
            capabilities.insert(name.clone(), entry.capabilities());
            by_model.insert(name, Arc::new(entry.price(source.clone(), since_ms)));
        }
        Ok(Book { table: Arc::new(PriceTable { source, by_model, capabilities }) })
    }
}

impl Entry {
    fn capabilities(&self) -> Capabilities {
        Capabilities { context_length: self.context, vision: self.vision, tools: self.tools }
    }

    fn price(&self, source: Arc<str>, since_ms: Option<i64>) -> Price {
        let per_million = |dollars: Option<f64>| dollars.map(Rate::per_million);
        let per_unit = |dollars: Option<f64>| dollars.map(Rate::per_unit);
        Price {
            input: per_million(self.input),
            cached_read: per_million(self.cached_read),
            cache_write: per_million(self.cache_write),
            output: per_million(self.output),
            audio_input: per_million(self.audio_input),
            audio_output: per_million(self.audio_output),
            image_input: per_million(self.image_input),
            image_output: per_million(self.image_output),
            per_picture: per_unit(self.per_picture),
            per_second: per_unit(self.per_second),
            per_character: per_million(self.per_character),
            long_context: self.long_context.as_ref().map(|long| LongContextPrice {
                above: long.above,
                input: per_million(long.input),
                cached_read: per_million(long.cached_read),
                cache_write: per_million(long.cache_write),
                output: per_million(long.output),
            }),
            source,
            since_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_file_is_read() {
        let book = Book::read(include_str!("prices/prices.json")).unwrap();
        assert!(book.table.by_model.len() > 500);
        assert!(book.table.source.starts_with("litellm ") && !book.table.source.contains(','), "{}", book.table.source);
        assert!(book.table.by_model.values().all(|price| price.since_ms.is_some_and(|at| at > 1_700_000_000_000)));
        let unknown: Vec<_> =
            book.table.by_model.iter().filter(|(_, price)| has_no_rate(price)).map(|(name, _)| name).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }

    fn has_no_rate(price: &Price) -> bool {
        price.charges_as(&Price::default())
    }

    #[test]
    fn well_known_models_have_prices_and_capabilities() {
        let price = |model: &str| table().find(model).cloned().unwrap_or_else(|| panic!("{model} has no price"));
        let gpt = price("gpt-4o-mini-2024-07-18");
        assert_eq!((gpt.input, gpt.output), (Some(Rate::per_million(0.15)), Some(Rate::per_million(0.6))));
        assert_eq!(gpt.cached_read, Some(Rate::per_million(0.075)));
        let claude = price("anthropic/claude-sonnet-4-5");
        assert_eq!(claude.cache_write, Some(Rate::per_million(3.75)));
        assert_eq!(price("whisper-1").per_second, Some(Rate::per_unit(0.0001)));
        assert_eq!(price("tts-1").per_character, Some(Rate::per_million(15.0)));
        assert_eq!(price("gpt-image-1").image_output, Some(Rate::per_million(40.0)));
        assert_eq!(price("models/gemini-2.5-pro").long_context.as_ref().map(|long| long.above), Some(200_000));
        assert_eq!(price("text-embedding-3-small").input, Some(Rate::per_million(0.02)));
        let known = table().capabilities("gpt-4o");
        assert_eq!((known.context_length, known.vision, known.tools), (Some(128_000), Some(true), Some(true)));
        assert_eq!(table().capabilities("nobody's-model"), Capabilities::default());
        assert!(table().find("nobody's-model").is_none());
    }
}
