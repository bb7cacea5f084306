//! `route`: where the model goes, and where it goes afterwards.

use std::sync::Arc;

use crate::domain::{Model, ProviderId, Route, Snapshot, Target};
use crate::proxy::call::Call;
use crate::proxy::error::ProxyError;
use crate::proxy::ownership::upstream_name;
use crate::script::{Hook, RouteAnswer, ScriptRequest, ScriptSet};

/// Where a call goes.
pub(in crate::proxy) struct Routed {
    pub route: Route,
    /// Only keys with one of these tags, beside the client's own limits.
    pub tags: Option<Vec<String>>,
    /// The model routes of later tiers, each with its first tier.
    pub fallbacks: Vec<(u32, Option<Arc<Model>>)>,
}

impl Routed {
    fn plain(route: Route) -> Self {
        Routed { route, tags: None, fallbacks: Vec::new() }
    }
}

/// Routes a call by the scripts' answer, or as built in.
pub(in crate::proxy) fn route(
    call: &Call,
    snapshot: &Snapshot,
    wanted: Option<&str>,
    built_in: impl Fn(Option<&str>) -> Result<Route, ProxyError>,
) -> Result<Routed, ProxyError> {
    let plain = || built_in(wanted).map(Routed::plain);
    let Some((set, request)) = call.hook(Hook::Route) else { return plain() };
    let Some(answer) = set.route(request) else { return plain() };
    let model = answer.model.as_deref().or(wanted);
    let first = match &answer.provider {
        None => built_in(model),
        Some(name) => match snapshot.provider_by_name(name).filter(|provider| provider.enabled) {
            Some(provider) => Ok(route_at(snapshot, model, provider.id)),
            None => {
                let message = format!("there is no provider `{name}` that is enabled");
                set.refuse_answer(request, Hook::Route, Some(&answer.script), message);
                return plain();
            }
        },
    };
    let mut routes = fallback_routes(set, request, snapshot, &answer);
    let route = match first {
        Ok(route) => route,
        Err(error) if routes.is_empty() => return Err(error),
        Err(_) => routes.remove(0),
    };
    Ok(in_order(route, routes, answer.tags))
}

/// The model's targets at one provider, or that provider with the model as it is named.
fn route_at(snapshot: &Snapshot, model: Option<&str>, provider: ProviderId) -> Route {
    if let Some(route) = model.and_then(|model| snapshot.route(model).ok()) {
        let there: Arc<[Target]> = route.targets.iter().filter(|target| target.provider == provider).cloned().collect();
        if !there.is_empty() {
            return Route { model: route.model, targets: there };
        }
    }
    let name = upstream_name(snapshot, model.unwrap_or_default());
    Route { model: None, targets: Arc::new([Target { provider, model: name.into(), tier: 1, weight: 1 }]) }
}

fn fallback_routes(set: &ScriptSet, request: &ScriptRequest, snapshot: &Snapshot, answer: &RouteAnswer) -> Vec<Route> {
    let route = |name: &String| match snapshot.route(name) {
        Ok(route) if !route.targets.is_empty() => Some(route),
        _ => {
            let message = format!("the fallback `{name}` is left out: no enabled provider serves such a model");
            set.refuse_answer(request, Hook::Route, Some(&answer.script), message);
            None
        }
    };
    answer.fallbacks.iter().filter_map(route).collect()
}

/// Later routes become later tiers.
fn in_order(first: Route, later: Vec<Route>, tags: Option<Vec<String>>) -> Routed {
    if later.is_empty() {
        return Routed { tags, ..Routed::plain(first) };
    }
    let mut targets = first.targets.to_vec();
    let mut fallbacks = Vec::with_capacity(later.len());
    for route in later {
        let begin = targets.last().map_or(1, |target| target.tier + 1);
        let lowest = route.targets.first().map_or(0, |target| target.tier);
        let shifted = |target: &Target| Target { tier: begin + (target.tier - lowest), ..target.clone() };
        targets.extend(route.targets.iter().map(shifted));
        fallbacks.push((begin, route.model));
    }
    Routed { route: Route { model: first.model, targets: targets.into() }, tags, fallbacks }
}
