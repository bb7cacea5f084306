//! Variables that look like settings and are none.

use super::environment::Environment;
use super::settings::{SETTINGS, Setting, nearest};

const PREFIX: &str = "KEYWHEEL_";

/// One remark for each variable that looks like a setting and is none. What Kubernetes sets for a Service is no setting.
pub(super) fn warnings(environment: &Environment) -> Vec<String> {
    let known: Vec<String> = SETTINGS.iter().map(Setting::variable).chain(["KEYWHEEL_CONFIG".to_owned()]).collect();
    let remark = |name: &str| {
        let names = known.iter().filter_map(|known| known.strip_prefix(PREFIX));
        let hint = match nearest(name.trim_start_matches(PREFIX), names) {
            Some(nearest) => format!("did you mean {PREFIX}{nearest}?"),
            None => "no setting has a similar name".to_owned(),
        };
        format!("the environment variable {name} is no setting: {hint}")
    };
    let stray = |name: &&str| {
        name.strip_prefix(PREFIX).is_some_and(|rest| !is_service_variable(rest)) && !known.iter().any(|known| known == name)
    };
    environment.names().filter(stray).map(remark).collect()
}

/// Whether Kubernetes sets a variable of this name for a Service called `keywheel` or `keywheel-…`.
fn is_service_variable(rest: &str) -> bool {
    let names = ["HOST", "PORT", "SERVICE_HOST", "SERVICE_PORT"];
    let ends_like = |rest: &str| names.iter().any(|name| rest == *name || rest.ends_with(&format!("_{name}")));
    let begins_like = |rest: &str| ["PORT_", "SERVICE_"].iter().any(|name| rest.starts_with(name));
    let contains_like = |rest: &str| ["_SERVICE_PORT_", "_PORT_"].iter().any(|part| rest.contains(part));
    ends_like(rest) || begins_like(rest) || contains_like(rest)
}
