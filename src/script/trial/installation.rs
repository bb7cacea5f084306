//! What a trial asks of the installation around it.

use std::sync::Arc;

use crate::domain::{Price, ProviderId};
use crate::script::objects::{Candidates, RequestParts};

/// Tells where requests would go. What it answers changes nothing.
pub trait Installation: Send + Sync {
    /// Where a request goes when scripts have had their say.
    fn destination(&self, wish: &Wish<'_>) -> Result<Destination, Nowhere>;
}

/// A request, with what scripts decided about it.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// The request as it came.
    pub request: &'a RequestParts,
    /// The model that is to serve it.
    pub model: Option<&'a str>,
    /// Only this provider, by name.
    pub provider: Option<&'a str>,
    /// Only keys with one of these tags.
    pub tags: Option<&'a [String]>,
}

/// Where a request goes.
#[derive(Clone)]
pub struct Destination {
    /// The places, the first one first: provider, its name, its own name for the model, and the price there.
    pub places: Vec<Placement>,
    /// The keys that could serve.
    pub keys: Arc<dyn Candidates>,
}

/// A provider that serves a model.
#[derive(Clone, Debug)]
pub struct Placement {
    /// The provider.
    pub provider: ProviderId,
    /// Its name.
    pub name: Arc<str>,
    /// Its own name for the model.
    pub model: Arc<str>,
    /// What the model costs there.
    pub price: Option<Arc<Price>>,
}

/// Why a request goes nowhere, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nowhere(pub String);
