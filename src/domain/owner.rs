//! Owners: what a provider created through one key belongs to that key's account.

use std::sync::Arc;

use super::ids::{CallId, ClientId, KeyId, ProviderId};

/// Who made an object at a provider (a file, a batch, a response, a thread), so that later calls find it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectOwner {
    /// The provider that holds it.
    pub provider: ProviderId,
    /// The key that made it.
    pub key: KeyId,
    /// That key's account at the time, when it was known.
    pub account: Option<Arc<str>>,
    /// The client whose call made it; other clients may not see it.
    pub client: Option<ClientId>,
    /// The call that made it.
    pub call: CallId,
    /// The name of the model route in that call, or of the upstream model without one: the price of usage that becomes known later.
    pub model: Option<Arc<str>>,
    /// The usage of that call is not known yet: the first later answer that states it is billed to the call.
    pub awaits_usage: bool,
}
