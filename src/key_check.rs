//! Checks of keys: a provider is asked whether a key works, and what it says is judged, obeyed and kept.
//!
//! Only an answer that says "invalid" disables a key, and only one that says "valid" brings back a key that a verdict
//! disabled; what a check cannot tell changes nothing.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::Map;

use crate::clock::Clock;
use crate::domain::{Key, KeyId, Moment, Provider};
use crate::key_states;
use crate::outbound::{Outbound, ProbeReport, ProbeStep, ProbeVerdict};
use crate::publish::Publisher;
use crate::rotator::{ProbeResult, Rotator, mask};
use crate::store::{Actor, KeyCheck, StoreError};

/// Most bytes of a provider's words that are kept.
const MOST_WORDS: usize = 2048;

/// Checks keys.
#[derive(Clone)]
pub struct KeyChecker {
    /// Keeps what was found out.
    pub publisher: Arc<Publisher>,
    /// Obeys it.
    pub rotator: Arc<Rotator>,
    /// Asks providers.
    pub outbound: Arc<Outbound>,
    /// Tells the time.
    pub clock: Clock,
}

/// A key that was checked, and what was found out.
#[derive(Clone, Debug)]
pub struct Checked {
    /// What is kept of it.
    pub entry: KeyCheck,
    result: ProbeResult,
    started: Moment,
}

impl KeyChecker {
    /// Asks a key's provider, as cheaply as it allows. Nothing is changed or kept yet. `None`: there is no such key.
    pub async fn ask(&self, key: KeyId, by: &str) -> Option<Checked> {
        let (key, provider) = {
            let catalog = self.publisher.store().catalog();
            let key = catalog.get::<Key>(key)?.value.clone();
            let provider = catalog.get::<Provider>(key.provider)?.value.clone();
            (key, provider)
        };
        let started = self.clock.now();
        let report = self.outbound.probe(&provider, &key).await;
        let ended = self.clock.now();
        let elapsed_ms = ended.mono_ms.saturating_sub(started.mono_ms) as i64;
        let entry = entry(&report, &key, by, ended.unix_ms, elapsed_ms);
        Some(Checked { entry, result: result(&report), started })
    }

    /// Obeys and keeps what was found out; it is on disk when this answers. Whoever asks by hand (`audited`) stands in the
    /// audit log.
    ///
    /// # Errors
    /// The store's. Keys are then as the checks say, but nothing is kept of them.
    pub async fn settle(&self, checked: Vec<Checked>, actor: Actor, audited: bool) -> Result<(), StoreError> {
        let (rotator, clock) = (self.rotator.clone(), self.clock);
        let edit = self.publisher.edit(actor, move |edit| {
            let now = clock.now();
            for checked in &checked {
                rotator.probe_result(checked.entry.key, &checked.result, checked.started, now);
                if audited && edit.catalog().get::<Key>(checked.entry.key).is_some() {
                    let details = Map::from_iter([("verdict".to_owned(), checked.entry.verdict.as_str().into())]);
                    edit.note::<Key>(checked.entry.key, "check", details)?;
                }
            }
            let keys: HashSet<KeyId> = checked.iter().map(|checked| checked.entry.key).collect();
            key_states::save(edit, &rotator, &keys, now)?;
            edit.save_key_checks(&checked.into_iter().map(|checked| checked.entry).collect::<Vec<_>>())
        });
        edit.await
    }
}

fn result(report: &ProbeReport) -> ProbeResult {
    match report.verdict {
        ProbeVerdict::Valid => ProbeResult::Valid,
        ProbeVerdict::Invalid => {
            let status = report.answer.as_ref().map(|answer| format!("HTTP {}", answer.status.as_u16()));
            ProbeResult::Invalid(format!("a check found it invalid ({})", status.as_deref().unwrap_or("no answer")))
        }
        _ => ProbeResult::CannotTell,
    }
}

fn entry(report: &ProbeReport, key: &Key, by: &str, at_ms: i64, elapsed_ms: i64) -> KeyCheck {
    let words = |body: &[u8]| mask(&String::from_utf8_lossy(&body[..body.len().min(MOST_WORDS)]), key);
    let failed = report.answer.as_ref().filter(|answer| !answer.status.is_success());
    KeyCheck {
        key: key.id,
        at_ms,
        verdict: report.verdict.as_str().to_owned(),
        asked: report.step.as_ref().map(|step| match step {
            ProbeStep::Models => "models".to_owned(),
            ProbeStep::Call { model } => model.clone(),
        }),
        status: report.answer.as_ref().map(|answer| answer.status.as_u16()),
        message: report.no_answer.clone().or_else(|| failed.map(|answer| words(&answer.body))),
        elapsed_ms,
        by: by.to_owned(),
    }
}
