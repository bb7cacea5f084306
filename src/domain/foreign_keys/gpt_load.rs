//! Groups and keys of GPT-Load: a group has upstreams, and its keys lie in a table of their own.

use std::collections::HashMap;

use serde_json::Value;

use super::rows::{json, number, text};
use super::{Destination, ForeignEntry, ForeignFault, ForeignKey, ForeignRow, sendable, sha256_hex, with_path};
use crate::domain::pasted_keys::PastedKey;
use crate::domain::provider::AuthScheme;

/// Hexadecimal digits of the shortest sealed key: a nonce of 12 bytes, a tag of 16, and one byte.
const SHORTEST_SEALED: usize = 2 * (12 + 16 + 1);

/// A row with upstreams is a group, one with `key_value` a key.
pub(super) fn read(rows: &[ForeignRow]) -> Vec<ForeignEntry> {
    let groups: HashMap<String, &ForeignRow> =
        rows.iter().filter(|row| row.contains_key("upstreams")).filter_map(|row| Some((text(row, "id")?, row))).collect();
    let keys = rows.iter().enumerate().filter(|(_, row)| !row.contains_key("upstreams"));
    keys.map(|(index, row)| {
        let place = text(row, "id").map_or_else(|| format!("row {}", index + 1), |id| format!("key {id}"));
        ForeignEntry { place, found: key(row, &groups) }
    })
    .collect()
}

fn key(row: &ForeignRow, groups: &HashMap<String, &ForeignRow>) -> Result<ForeignKey, ForeignFault> {
    let secret = text(row, "key_value").ok_or(ForeignFault::NoKey("key_value"))?;
    if is_sealed(&secret, text(row, "key_hash")) {
        return Err(ForeignFault::Encrypted);
    }
    let group_id = text(row, "group_id");
    let group = group_id.as_ref().and_then(|id| groups.get(id).copied());
    let destination = match (group, group_id) {
        (Some(group), _) => destination(group)?,
        (None, Some(id)) if !groups.is_empty() => return Err(ForeignFault::NoGroup(id)),
        (None, _) => Destination { name: "gpt-load".to_owned(), base_url: None, auth: AuthScheme::Bearer },
    };
    let is_active = text(row, "status").is_none_or(|status| status == "active");
    Ok(ForeignKey {
        key: PastedKey {
            secret: sendable(&secret)?.secret,
            name: text(row, "notes"),
            tags: group.and_then(|group| text(group, "name")).into_iter().collect(),
            weight: number(row, "weight").filter(|weight| (1..=1000).contains(weight)).map(|weight| weight as u32),
            ..PastedKey::default()
        },
        destination,
        priority: 0,
        disabled: (!is_active).then_some("disabled by the gateway"),
    })
}

/// A key that lies there as it is has the plain hash beside it, and no hash before version 1.1; one that is sealed has a keyed
/// hash.
fn is_sealed(value: &str, hash: Option<String>) -> bool {
    let is_hex = value.len() >= SHORTEST_SEALED && value.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex && hash.is_some_and(|beside| beside != sha256_hex(value))
}

/// The upstream that takes the most, as a provider has one base URL.
fn destination(group: &ForeignRow) -> Result<Destination, ForeignFault> {
    let upstreams = json(group, "upstreams").unwrap_or_default();
    let weight = |upstream: &&Value| upstream["weight"].as_i64().unwrap_or(1);
    let upstreams = upstreams.as_array().into_iter().flatten();
    // Of several with the same weight the first.
    let url = upstreams.rev().max_by_key(weight).and_then(|upstream| upstream["url"].as_str());
    let url = url.filter(|url| !url.trim().is_empty()).ok_or(ForeignFault::NoBaseUrl)?;
    let (path, auth) = match text(group, "channel_type").unwrap_or_default().as_str() {
        "openai" | "openai-response" => ("/v1", AuthScheme::Bearer),
        "anthropic" => ("/v1", AuthScheme::XApiKey),
        "gemini" => ("/v1beta/openai", AuthScheme::Bearer),
        other => return Err(ForeignFault::OtherApi(format!("a group of type {other}"))),
    };
    let name = text(group, "name").unwrap_or_else(|| "gpt-load".to_owned());
    Ok(Destination { name, base_url: Some(with_path(url, path)), auth })
}
