//! The demo's catalog, as a bootstrap file.

use std::fmt::Write;

use secrecy::ExposeSecret;

use super::Tokens;
use crate::mock::{DEMO_MODELS, DEMO_PROVIDERS};

/// Clients whose calls make up the history.
pub(super) const HISTORY_CLIENTS: [&str; 3] = ["web-app", "batch-jobs", "assistant"];

/// Declares the simulated providers, their keys, the model routes and the clients.
pub(super) fn declare(base_url: &str, tokens: &Tokens) -> String {
    let mut text = String::new();
    for provider in DEMO_PROVIDERS {
        let (name, auth, is_default) = (provider.name, provider.auth, provider.is_default);
        push(
            &mut text,
            &format!("[[provider]]\nname = {name:?}\nbase_url = {base_url:?}\nauth = {auth:?}\ndefault = {is_default}"),
        );
        // With so many keys that fail on purpose, a call may need more attempts than three.
        push(&mut text, "allow_private = true\nattempts = 6\ntimeouts = { first_byte_ms = 2000, idle_ms = 5000 }\n");
        for key in provider.keys {
            let (key_name, secret, weight, tags, account) = (key.name, key.secret, key.weight, key.tags, key.account);
            push(&mut text, &format!("[[key]]\nprovider = {name:?}\nname = {key_name:?}\nsecret = {secret:?}"));
            let models = provider.models;
            push(&mut text, &format!("weight = {weight}\ntags = {tags:?}\naccount = {account:?}\nmodels = {models:?}\n"));
        }
    }
    for model in DEMO_MODELS {
        let target = |(provider, model, tier): &(&str, &str, u32)| {
            format!("{{ provider = {provider:?}, model = {model:?}, tier = {tier} }}")
        };
        let targets: Vec<_> = model.targets.iter().map(target).collect();
        let (name, strategy) = (model.name, model.strategy);
        push(&mut text, &format!("[[model]]\nname = {name:?}\nstrategy = {strategy:?}\ntargets = [{}]\n", targets.join(", ")));
    }
    let visitor = tokens.visitor.expose_secret();
    let traffic = tokens.traffic.expose_secret();
    push(&mut text, &format!("[[client]]\nname = \"you\"\ntoken = {visitor:?}\nallow_debug = true\n"));
    push(&mut text, &format!("[[client]]\nname = \"web-app\"\ntoken = {traffic:?}\nallow_debug = true\n"));
    for name in HISTORY_CLIENTS.iter().filter(|name| **name != "web-app") {
        push(&mut text, &format!("[[client]]\nname = {name:?}\n"));
    }
    text
}

fn push(text: &mut String, lines: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{lines}");
}
