//! What a hook costs by itself: the figures that `cargo bench --bench hooks` left behind.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::report::{Row, Section};

/// The most that a hook may take, in nanoseconds.
const LIMITS: [(&str, f64); 4] = [
    ("on_request, empty", 500.0),
    ("on_request, three conditions", 5_000.0),
    ("select_key, with_tag().least_in_flight() over 10 keys", 10_000.0),
    ("select_key, with_tag().least_in_flight() over 100,000 keys", 20_000.0),
];

/// Reads the medians of Criterion.
pub fn measure() -> Result<Section> {
    let mut section = Section::new("A hook by itself");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/criterion");
    let mut found = Vec::new();
    for entry in fs::read_dir(&folder).context("run `cargo bench --bench hooks` first")? {
        let entry = entry?.path().join("new");
        if entry.is_dir() {
            found.push((read(&entry.join("benchmark.json"))?, read(&entry.join("estimates.json"))?));
        }
    }
    found.sort_by_key(|(benchmark, _)| benchmark["full_id"].to_string());
    for (benchmark, estimates) in found {
        let name = benchmark["full_id"].as_str().unwrap_or_default();
        let median = &estimates["median"];
        let [Some(ns), Some(low), Some(high)] = [
            median["point_estimate"].as_f64(),
            median["confidence_interval"]["lower_bound"].as_f64(),
            median["confidence_interval"]["upper_bound"].as_f64(),
        ] else {
            bail!("no median of {name} in {}", folder.display());
        };
        let limit = LIMITS.iter().find(|(limited, _)| *limited == name).map(|(_, limit)| *limit);
        section.add(Row {
            what: name.to_owned(),
            measured: format!("{:.2} ({:.2}–{:.2}) µs", ns / 1e3, low / 1e3, high / 1e3),
            beside: "median, with its 95 % confidence interval".to_owned(),
            limit: limit.map_or_else(String::new, |limit| format!("< {} µs", limit / 1e3)),
            holds: limit.map(|limit| ns < limit),
        });
        section.figures.insert(name.to_owned(), json!({ "median_ns": ns }));
    }
    Ok(section)
}

fn read(file: &Path) -> Result<Value> {
    let text = fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
    Ok(serde_json::from_str(&text)?)
}
