//! The hooks of a walk that run when the answer is there: on it, on its events, on the record, on a key's change.

use serde_json::{Value, json};

use super::input::{TrialEvent, TrialInput, TrialKeyEvent};
use super::set::TrialSet;
use super::stand_in::{self, given_or};
use super::step::{body_edits, changes, header_edits};
use super::walk::{Decision, Ending, Walking};
use crate::domain::CallRecord;
use crate::script::calls::ChunkAnswer;
use crate::script::hook::Hook;
use crate::script::objects::{ChunkEvent, Response, ResponseParts, ScriptRequest};

impl Walking<'_> {
    /// What happens when the answer is there.
    pub(super) fn afterwards(&mut self, input: &TrialInput, decision: &Decision) {
        let answered = input.stand_ins && decision.ending == Ending::Sent;
        let response = given_or(input.response.clone(), answered, || stand_in::response(input));
        if let Some((parts, told)) = response.filter(|_| self.has(Hook::OnResponse)) {
            self.on_response(parts);
            self.tell_stand_in(told);
        }
        let events = Some(&input.events).filter(|events| !events.is_empty()).cloned();
        let events = given_or(events, answered, stand_in::events);
        if let Some((events, told)) = events.filter(|_| self.has(Hook::OnChunk)) {
            for (index, event) in events.into_iter().enumerate() {
                self.on_chunk(index as u64, event, input.request.body_values);
                self.tell_stand_in(told.clone());
            }
        }
        let record = given_or(input.record.as_deref().cloned(), input.stand_ins, || stand_in::record(input, decision));
        if let Some((record, told)) = record.filter(|_| self.has(Hook::OnComplete)) {
            self.on_complete(record);
            self.tell_stand_in(told);
        }
        let event = given_or(input.key_event.clone(), input.stand_ins, || stand_in::key_event(input, decision));
        if let Some((event, told)) = event.filter(|_| self.has(Hook::OnKeyEvent)) {
            self.on_key_event(&event);
            self.tell_stand_in(told);
        }
    }

    fn on_response(&mut self, parts: ResponseParts) {
        let response = Response::new(parts);
        self.step(
            Hook::OnResponse,
            |trial, req| trial.set.on_response(req, &response).is_ok(),
            |_| {
                let edits = response.edits();
                let members = [
                    ("status", json!(edits.status)),
                    ("headers", header_edits(&edits.headers)),
                    ("body", body_edits(&edits.body)),
                ];
                (Value::Null, changes(members))
            },
        );
    }

    fn on_chunk(&mut self, index: u64, event: TrialEvent, body_values: usize) {
        let chunk = ChunkEvent::new(event.name.as_deref(), index, event.data, body_values);
        self.step(
            Hook::OnChunk,
            |trial, req| trial.set.on_chunk(req, &chunk),
            |answer| match answer {
                ChunkAnswer::Keep => (Value::Null, changes([])),
                ChunkAnswer::Drop => (json!(false), changes([])),
                ChunkAnswer::Replace(text) => (json!(text), changes([])),
                ChunkAnswer::Edit(edits) => (Value::Null, changes([("body", body_edits(edits))])),
            },
        );
    }

    fn on_complete(&mut self, mut record: CallRecord) {
        record.tags = self.req.tags();
        record.attributes = self.req.attributes();
        let before = record.clone();
        self.off_path(
            Hook::OnComplete,
            |trial| {
                trial.set.on_complete(&mut record);
                record
            },
            |after| {
                let added: Vec<_> = after.tags.iter().filter(|tag| !before.tags.contains(tag)).collect();
                let bodies = match (before.bodies == after.bodies, after.bodies == Default::default()) {
                    (true, _) => Value::Null,
                    (false, true) => json!("dropped"),
                    (false, false) => json!("redacted"),
                };
                changes([("tags", json!(added)), ("bodies", bodies)])
            },
        );
    }

    fn on_key_event(&mut self, given: &TrialKeyEvent) {
        let hear = |trial: &TrialSet| trial.set.on_key_event(&given.event, &given.provider, given.key.as_deref());
        self.off_path(Hook::OnKeyEvent, hear, |()| changes([]));
    }

    /// Runs a hook that no call waits for: how it failed is known from its counts alone.
    fn off_path<T>(&mut self, hook: Hook, run: impl FnOnce(&TrialSet) -> T, tell: impl FnOnce(&T) -> Value) {
        let run = |trial: &TrialSet, _: &ScriptRequest| {
            let failures = trial.set.stats.report(hook, false).failures;
            let result = run(trial);
            let report = trial.set.stats.report(hook, false);
            (result, report.last_failure.filter(|_| report.failures > failures))
        };
        let (_, failure) = self.step(hook, run, |(result, _)| (Value::Null, tell(result)));
        if let Some(step) = self.steps.last_mut() {
            step.failure = failure;
        }
    }
}
