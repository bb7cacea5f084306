//! Who owns what: an object made through one key is reached through the same account later.

use std::sync::Arc;

use http::{Method, StatusCode};

use super::call::Call;
use super::error::ProxyError;
use super::meter::Metered;
use super::named::{self, ids_under};
use super::plan::{Payload, Plan};
use crate::domain::{Api, Client, ObjectOwner, Price, Snapshot, Target, UsageQuality};
use crate::quota::Spent;
use crate::rotator::Lease;

/// Which objects of an answer are remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remember {
    /// None: the answer makes no object that outlives the call.
    Nothing,
    /// The one that the answer is.
    Itself,
    /// Every object that the answer names: a batch's output file, a thread's run.
    All,
}

/// An answer whose usage is billed to an earlier call, once it is stated.
pub(super) struct Late {
    id: Arc<str>,
    owner: Arc<ObjectOwner>,
    price: Option<Arc<Price>>,
}

/// Finds the owner of the objects that a call names, in its path and in its body, and sends the call there.
///
/// # Errors
/// 404 when an object belongs to another client; 409 when two objects of the call belong to different accounts; 503 when the
/// provider that holds them is switched off.
pub(super) async fn attach(call: &mut Call, plan: &mut Plan, client: &Client) -> Result<(), ProxyError> {
    call.remember = what_to_remember(plan);
    let mut found: Option<Arc<ObjectOwner>> = None;
    let named = named_ids(plan);
    for id in &named {
        let Some(owner) = call.deps.owners.find(id).await else { continue };
        if owner.client.is_some_and(|other| other != client.id && plan.snapshot.client(other).is_some()) {
            return Err(not_yours(id));
        }
        if let Some(first) = &found
            && !same_account(first, &owner)
        {
            let message = "The objects that this call names belong to different accounts, and no key reaches them all.";
            return Err(ProxyError::rejected(StatusCode::CONFLICT, "objects_of_different_accounts", message));
        }
        if owner.awaits_usage && plan.path.api == Api::Responses && plan.method == Method::GET {
            plan.late = true;
            call.late = Some(Late { id: id.clone(), owner: owner.clone(), price: late_price(&plan.snapshot, &owner) });
        }
        found.get_or_insert(owner);
    }
    if let Some(owner) = &found {
        if plan.snapshot.provider(owner.provider).is_some_and(|provider| !provider.enabled) {
            return Err(switched_off());
        }
        plan.route.targets = targets_at(plan, owner);
    }
    plan.owner = found;
    Ok(())
}

/// The price of what is fetched later, by the model of the call that made it.
fn late_price(snapshot: &Snapshot, owner: &ObjectOwner) -> Option<Arc<Price>> {
    let name = owner.model.as_deref()?;
    let route = snapshot.model(name);
    let target = route.and_then(|model| model.targets.iter().find(|target| target.provider == owner.provider));
    snapshot.price(route.map(|model| &**model), owner.provider, target.map_or(name, |target| &target.model)).cloned()
}

fn named_ids(plan: &Plan) -> Vec<Arc<str>> {
    let mut ids = Vec::new();
    if !plan.path.is_generation() {
        ids.extend(plan.path.possible_ids().filter(|id| id.len() <= *named::LENGTHS.end()).map(Arc::from));
    }
    if let Payload::Json(peek) = &plan.payload {
        ids.extend(peek.previous_response_id.iter().chain(&peek.conversation).chain(&peek.object_ids).cloned());
    }
    ids
}

fn what_to_remember(plan: &Plan) -> Remember {
    if plan.path.is_generation() {
        let keeps = match &plan.payload {
            Payload::Json(peek) if plan.path.api == Api::Chat => memchr::memmem::find(&peek.body, b"\"store\"").is_some(),
            _ => plan.path.api == Api::Responses,
        };
        return if keeps { Remember::Itself } else { Remember::Nothing };
    }
    if plan.path.is_unknown() && plan.method == Method::GET { Remember::Nothing } else { Remember::All }
}

fn same_account(one: &ObjectOwner, other: &ObjectOwner) -> bool {
    one.provider == other.provider && (one.key == other.key || (one.account.is_some() && one.account == other.account))
}

/// The call's targets at the owner's provider, or that provider with the model as it was asked for.
fn targets_at(plan: &Plan, owner: &ObjectOwner) -> Arc<[Target]> {
    let there: Arc<[Target]> = plan.targets().iter().filter(|target| target.provider == owner.provider).cloned().collect();
    if !there.is_empty() {
        return there;
    }
    let model = upstream_name(&plan.snapshot, plan.wanted.as_deref().unwrap_or(""));
    Arc::new([Target { provider: owner.provider, model: model.into(), tier: 1, weight: 1 }])
}

pub(super) fn upstream_name<'a>(snapshot: &Snapshot, asked: &'a str) -> &'a str {
    match asked.split_once('/') {
        Some((provider, model)) if snapshot.provider_by_name(provider).is_some() => model,
        _ => asked,
    }
}

fn switched_off() -> ProxyError {
    let message = "The provider that holds this object is switched off. Ask the operator to enable it.";
    ProxyError::no_key(StatusCode::SERVICE_UNAVAILABLE, "owner_unavailable", message)
}

fn not_yours(id: &str) -> ProxyError {
    let message = format!("There is no object '{id}' for this token.");
    ProxyError::rejected(StatusCode::NOT_FOUND, "not_found", message)
}

impl Call {
    /// Remembers the object that an answer is.
    pub fn remember_owner(&self, lease: &Lease, metered: &Metered) {
        if self.remember == Remember::Nothing {
            return;
        }
        let Some(id) = &metered.id else { return };
        self.remember_id(lease, id.clone(), metered.awaits_usage());
        for container in &metered.containers {
            self.remember_id(lease, container.clone(), false);
        }
    }

    /// Looks up who owns the objects that a whole answer names, so that an object which is listed stays with its owner.
    pub async fn recall_owners(&mut self, body: &[u8]) {
        if self.remember == Remember::All {
            self.named = ids_under(body, names_an_object);
            self.deps.owners.recall(self.named.clone()).await;
        }
    }

    /// Remembers every object that the answer names, as [`Call::recall_owners`] has found them.
    pub fn remember_all(&mut self, lease: &Lease) {
        for id in std::mem::take(&mut self.named) {
            self.remember_id(lease, id, false);
        }
    }

    fn remember_id(&self, lease: &Lease, id: Arc<str>, awaits_usage: bool) {
        // An object that is fetched or listed is named again, and stays with the call that made it.
        if self.remember == Remember::All && self.deps.owners.knows(&id) {
            return;
        }
        let owner = ObjectOwner {
            provider: lease.provider().id,
            key: lease.key().id,
            account: lease.account(),
            client: self.client.as_ref().map(|client| client.id),
            call: self.record.id,
            model: self.route.as_ref().map(|model| model.name.as_str().into()).or_else(|| self.record.model_served.clone()),
            awaits_usage,
        };
        self.deps.owners.remember(&id, owner, self.deps.clock.now().unix_ms);
    }

    /// Bills the usage of a background call to that call, the first time that an answer states it.
    pub fn bill_late_usage(&mut self, metered: Metered) {
        let Some(Late { id, owner, price }) = self.late.take() else { return };
        if metered.usage.quality != UsageQuality::Exact {
            return;
        }
        let cost = price.map(|price| metered.usage.cost(&price)).unwrap_or_default();
        if self.deps.owners.claim_usage(&id) {
            let now = self.deps.clock.now();
            if let Some(client) = owner.client {
                let used =
                    Spent { money: cost.known().unwrap_or_default(), tokens: metered.usage.total_tokens().unwrap_or_default() };
                self.deps.quota.add_late(client, used, now);
            }
            self.deps.rotator.spent_late(owner.key, cost, now);
            drop(self.deps.recorder.amend(owner.call, metered.usage, cost));
        }
    }
}

/// Members that name objects of the account. Models, organisations and users are no objects that a call makes.
fn names_an_object(name: &str) -> bool {
    let is_id = name == "id" || name.ends_with("_id") || name.ends_with("_ids");
    is_id && !matches!(name, "organization_id" | "user_id" | "project_id" | "last_id" | "first_id" | "call_id" | "request_id")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_names_its_objects() {
        let body = br#"{"id":"batch_1","output_file_id":"file-out","errors":null,"organization_id":"org-123",
            "data":[{"id":"file-a"},{"id":"x"}],"file_ids":["file-b"],"model":"gpt-4o"}"#;
        let ids = ids_under(body, names_an_object);
        assert_eq!(ids.iter().map(|id| &**id).collect::<Vec<_>>(), ["batch_1", "file-out", "file-a", "file-b"]);
        assert!(ids_under(b"not json", names_an_object).is_empty());
    }
}
