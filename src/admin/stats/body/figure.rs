//! A number of a series, or none.

use std::borrow::Cow;

use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::types::{ParseFromJSON, ParseResult, ToJSON, Type};
use serde_json::Value;

use super::thousandths;
use crate::store::Histogram;

/// An element of a list; null where nothing was measured. (An `Option` would be described as if it were always there.)
pub(super) struct Figure(Option<f64>);

impl Figure {
    /// What a share of the values does not exceed, in units of a thousand.
    pub(super) fn percentile(histogram: &Histogram, share: f64) -> Self {
        Figure(histogram.percentile(share).map(thousandths))
    }
}

impl Type for Figure {
    const IS_REQUIRED: bool = true;
    type RawValueType = f64;
    type RawElementValueType = f64;

    fn name() -> Cow<'static, str> {
        "figure".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(MetaSchema { nullable: true, ..MetaSchema::new_with_format("number", "double") }))
    }

    fn as_raw_value(&self) -> Option<&f64> {
        self.0.as_ref()
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a f64> + 'a> {
        Box::new(self.0.iter())
    }
}

impl ParseFromJSON for Figure {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        Option::parse_from_json(value).map(Figure).map_err(|error| error.propagate())
    }
}

impl ToJSON for Figure {
    fn to_json(&self) -> Option<Value> {
        self.0.to_json()
    }
}
