//! Attributes of a span, as OTLP writes them in JSON.

use serde_json::{Value, json};

/// Most characters of a text: some come from callers.
const TEXT: usize = 256;

/// Names and values; what is not known is left out.
#[derive(Default)]
pub(super) struct Attributes(Vec<Value>);

impl Attributes {
    fn add(&mut self, name: &str, value: Value) -> &mut Self {
        self.0.push(json!({ "key": name, "value": value }));
        self
    }

    /// A text, cut to 256 characters.
    pub(super) fn text(&mut self, name: &str, value: impl AsRef<str>) -> &mut Self {
        self.add(name, text(value.as_ref()))
    }

    /// A text that may be missing.
    pub(super) fn some_text(&mut self, name: &str, value: Option<impl AsRef<str>>) -> &mut Self {
        match value {
            Some(value) => self.text(name, value),
            None => self,
        }
    }

    /// A whole number. Those of 64 bits are written as texts.
    pub(super) fn number(&mut self, name: &str, value: impl TryInto<i64>) -> &mut Self {
        self.some_number(name, Some(value))
    }

    /// A whole number that may be missing.
    pub(super) fn some_number(&mut self, name: &str, value: Option<impl TryInto<i64>>) -> &mut Self {
        match value {
            Some(value) => self.add(name, json!({ "intValue": value.try_into().unwrap_or(i64::MAX).to_string() })),
            None => self,
        }
    }

    /// A number with a fraction that may be missing.
    pub(super) fn some_fraction(&mut self, name: &str, value: Option<f64>) -> &mut Self {
        match value {
            Some(value) => self.add(name, json!({ "doubleValue": value })),
            None => self,
        }
    }

    /// Yes or no.
    pub(super) fn flag(&mut self, name: &str, value: bool) -> &mut Self {
        self.add(name, json!({ "boolValue": value }))
    }

    /// Texts; left out when there are none.
    pub(super) fn texts(&mut self, name: &str, values: &[String]) -> &mut Self {
        match values {
            [] => self,
            _ => {
                let values: Vec<Value> = values.iter().map(|value| text(value)).collect();
                self.add(name, json!({ "arrayValue": { "values": values } }))
            }
        }
    }

    /// All of them.
    pub(super) fn done(self) -> Vec<Value> {
        self.0
    }
}

fn text(value: &str) -> Value {
    json!({ "stringValue": value.chars().take(TEXT).collect::<String>() })
}
