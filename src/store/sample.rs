//! An invented past: calls as a busy installation would have them, for the demo and for measurements.

use std::sync::Arc;

use super::{CallLogWriter, DatabaseError, LogEntry};
use crate::clock::Entropy;
use crate::domain::{
    Api, AttemptRecord, AttemptTimings, Blame, CallId, CallRecord, Class, ClientId, Effect, KeyId, Outcome, Price, ProviderId,
    Ref, Retry, Usage, UsageQuality, Verdict, Why,
};

/// Calls that are written in one transaction.
const BATCH: usize = 5_000;

const HOUR_MS: i64 = 3_600_000;
/// How busy each hour (UTC) of a working day is, the busiest being 1.
const BUSY: [f64; 24] = [
    0.22, 0.18, 0.15, 0.15, 0.17, 0.22, 0.34, 0.52, 0.78, 0.93, 1.0, 0.95, 0.8, 0.88, 0.98, 0.96, 0.86, 0.72, 0.6, 0.54, 0.5,
    0.44, 0.36, 0.28,
];
/// How busy a day of the weekend is beside the others.
const WEEKEND: f64 = 0.35;

/// A key that served, and its provider.
#[derive(Clone, Debug)]
pub struct SampleKey {
    /// The provider.
    pub provider: Ref<ProviderId>,
    /// The key.
    pub key: Ref<KeyId>,
}

/// A model that was asked for.
#[derive(Clone, Debug)]
pub struct SampleModel {
    /// The name in requests.
    pub asked: Arc<str>,
    /// The provider's own name.
    pub served: Arc<str>,
    /// What it costs; `None` is not known.
    pub price: Option<Price>,
}

/// What the invented past looks like. The same plan gives the same calls.
#[derive(Clone, Debug)]
pub struct SampleHistory {
    /// Unix milliseconds of the first call.
    pub from_ms: i64,
    /// Unix milliseconds before which the last call begins.
    pub to_ms: i64,
    /// How many calls.
    pub calls: usize,
    /// Where the random numbers begin.
    pub seed: u64,
    /// Who called; not empty.
    pub clients: Vec<Ref<ClientId>>,
    /// Which keys served; not empty.
    pub keys: Vec<SampleKey>,
    /// What was asked for; not empty.
    pub models: Vec<SampleModel>,
}

impl SampleHistory {
    /// The calls, oldest first.
    pub fn records(&self) -> impl Iterator<Item = CallRecord> {
        let entropy = Entropy::from_seed(self.seed);
        let busyness = Busyness::of(self.from_ms, self.to_ms);
        (0..self.calls).map(move |at| {
            // Even steps with some jitter of less than a step keep the order.
            let share = (at as f64 + share_of(&entropy) * 0.9) / self.calls as f64;
            self.record(busyness.time_at(share), &entropy)
        })
    }

    /// Writes the calls and their statistics.
    pub fn write(&self, writer: &mut CallLogWriter, now_ms: i64) -> Result<(), DatabaseError> {
        let mut batch: Vec<LogEntry> = Vec::with_capacity(BATCH);
        for record in self.records() {
            let entry = LogEntry::Call(Box::new(record));
            let is_next_day = batch.first().is_some_and(|first| first.day() != entry.day());
            if is_next_day || batch.len() == BATCH {
                writer.write(batch[0].day(), &batch, now_ms)?;
                batch.clear();
            }
            batch.push(entry);
        }
        if let Some(first) = batch.first() {
            writer.write(first.day(), &batch, now_ms)?;
        }
        writer.commit_rollups(now_ms)
    }

    fn record(&self, started_ms: i64, entropy: &Entropy) -> CallRecord {
        let model = pick(&self.models, entropy);
        let mut record = CallRecord {
            id: CallId::new(started_ms, entropy.ten_bytes()),
            started_ms,
            method: "POST".into(),
            path: "/v1/chat/completions".to_owned(),
            api: Api::Chat,
            stream: share_of(entropy) < 0.6,
            client: Some(pick(&self.clients, entropy).clone()),
            model_asked: Some(model.asked.clone()),
            bytes_in: 400 + entropy.next_u64() % 6_000,
            ..CallRecord::default()
        };
        match share_of(entropy) {
            fate if fate < 0.93 => self.serve(&mut record, model, Outcome::Success, entropy),
            fate if fate < 0.95 => self.serve(&mut record, model, Outcome::ClientGone, entropy),
            fate if fate < 0.96 => self.serve(&mut record, model, Outcome::Interrupted, entropy),
            fate if fate < 0.98 => self.fail(&mut record, model, entropy),
            _ => reject(&mut record, entropy),
        }
        record
    }

    /// An answer, sometimes after a first key that was at its limit.
    fn serve(&self, record: &mut CallRecord, model: &SampleModel, outcome: Outcome, entropy: &Entropy) {
        let mut offset_us = 150;
        if share_of(entropy) < 0.05 {
            record.attempts.push(self.attempt(model, offset_us, entropy));
            let limited = record.attempts.last_mut();
            let refused_us = 30_000 + entropy.next_u64() % 50_000;
            if let Some(limited) = limited {
                limited.status = Some(429);
                limited.verdict = Some(verdict(Class::RateLimit, Blame::KeyModel, Effect::Cooldown { ms: 20_000 }));
                limited.message = Some("Rate limit reached. Please try again in 20s.".to_owned());
                limited.timings.last_byte_us = Some(refused_us);
            }
            offset_us += refused_us;
        }
        let first_us = 180_000 + (share_of(entropy).powi(3) * 1_800_000.0) as u64;
        let output = 20 + entropy.next_u64() % 700;
        let whole_us = first_us + output * (6_000 + entropy.next_u64() % 12_000);
        let mut attempt = self.attempt(model, offset_us, entropy);
        attempt.status = Some(200);
        attempt.timings.first_byte_us = Some(first_us - 40_000);
        attempt.timings.first_token_us = record.stream.then_some(first_us);
        attempt.timings.last_byte_us = Some(whole_us);
        record.total_us = offset_us + whole_us;
        record.first_token_us = record.stream.then_some(offset_us + first_us);
        record.status = 200;
        record.outcome = outcome;
        record.bytes_out = output * if record.stream { 180 } else { 5 };
        record.usage = usage(record, output, entropy);
        record.cost = model.price.as_ref().map(|price| record.usage.cost(price)).unwrap_or_default();
        record.upstream_request_id = Some(format!("req_{:016x}", entropy.next_u64()));
        record.model_served = Some(model.served.clone());
        finish(record, attempt);
    }

    /// Three attempts that all failed.
    fn fail(&self, record: &mut CallRecord, model: &SampleModel, entropy: &Entropy) {
        let mut offset_us = 150;
        for _ in 0..3 {
            let mut attempt = self.attempt(model, offset_us, entropy);
            let took_us = 100_000 + entropy.next_u64() % 900_000;
            attempt.status = Some(503);
            attempt.verdict = Some(verdict(Class::Provider, Blame::Provider, Effect::CountAgainstProvider));
            attempt.message = Some("The server is overloaded.".to_owned());
            attempt.timings.last_byte_us = Some(took_us);
            offset_us += took_us;
            finish(record, attempt);
        }
        record.total_us = offset_us;
        record.status = 503;
        record.outcome = Outcome::UpstreamError;
        record.error_code = Some("upstream_error".into());
        record.error_message = Some("The server is overloaded.".to_owned());
    }

    fn attempt(&self, model: &SampleModel, offset_us: u64, entropy: &Entropy) -> AttemptRecord {
        let chosen = pick(&self.keys, entropy);
        let pool = self.keys.len() as u32;
        AttemptRecord {
            offset_us,
            provider: chosen.provider.clone(),
            key: chosen.key.clone(),
            model: Some(model.served.clone()),
            status: None,
            verdict: None,
            message: None,
            timings: AttemptTimings::default(),
            why: Why { chosen_by: "round_robin".into(), pool, ready: pool, tier: 1, ..Why::default() },
        }
    }
}

/// When how much of the past has happened.
struct Busyness {
    from_ms: i64,
    /// For each hour or piece of one: when it ends, and how much has happened by then.
    hours: Vec<(i64, f64)>,
}

impl Busyness {
    fn of(from_ms: i64, to_ms: i64) -> Self {
        let (mut at, mut sum, mut hours) = (from_ms, 0.0, Vec::new());
        while at < to_ms {
            let hour = at.div_euclid(HOUR_MS);
            let end = ((hour + 1) * HOUR_MS).min(to_ms);
            // Unix time begins on a Thursday.
            let is_weekend = (hour.div_euclid(24) + 3).rem_euclid(7) >= 5;
            sum += (end - at) as f64 * BUSY[hour.rem_euclid(24) as usize] * if is_weekend { WEEKEND } else { 1.0 };
            hours.push((end, sum));
            at = end;
        }
        Busyness { from_ms, hours }
    }

    /// When `share` (from 0, below 1) of all has happened.
    fn time_at(&self, share: f64) -> i64 {
        let Some((_, all)) = self.hours.last() else { return self.from_ms };
        let wanted = share * all;
        let at = self.hours.partition_point(|(_, sum)| *sum <= wanted).min(self.hours.len() - 1);
        let (begin, before) = if at == 0 { (self.from_ms, 0.0) } else { self.hours[at - 1] };
        let (end, after) = self.hours[at];
        begin + ((end - begin) as f64 * (wanted - before) / (after - before)) as i64
    }
}

fn finish(record: &mut CallRecord, attempt: AttemptRecord) {
    record.provider = Some(attempt.provider.clone());
    record.key = Some(attempt.key.clone());
    record.attempts.push(attempt);
}

fn reject(record: &mut CallRecord, entropy: &Entropy) {
    record.total_us = 60 + entropy.next_u64() % 100;
    record.status = 429;
    record.outcome = Outcome::Rejected;
    record.error_code = Some("rate_limit_exceeded".into());
    record.error_message = Some("This client may make 60 requests a minute.".to_owned());
}

fn usage(record: &CallRecord, output: u64, entropy: &Entropy) -> Usage {
    let input = record.bytes_in / 4;
    let cached = if share_of(entropy) < 0.3 { input / 2 } else { 0 };
    let is_whole = record.outcome == Outcome::Success;
    Usage {
        input: Some(input),
        cached_read: Some(cached),
        output: Some(output),
        reasoning: Some(if share_of(entropy) < 0.2 { output / 3 } else { 0 }),
        quality: if is_whole { UsageQuality::Exact } else { UsageQuality::Estimated },
        partial: !is_whole,
        raw: is_whole.then(|| format!(r#"{{"prompt_tokens":{input},"completion_tokens":{output}}}"#).into()),
        ..Usage::default()
    }
}

fn verdict(class: Class, blame: Blame, effect: Effect) -> Verdict {
    let rule = if class == Class::RateLimit { "default.rate_limit" } else { "default.5xx" };
    Verdict { class, blame, retry: Retry::Next, effect, rule: rule.into(), wait_source: None }
}

/// The first of a list are picked most often, as in life.
fn pick<'t, T>(list: &'t [T], entropy: &Entropy) -> &'t T {
    let share = share_of(entropy);
    &list[((share * share * list.len() as f64) as usize).min(list.len() - 1)]
}

/// A random number from 0 to 1.
fn share_of(entropy: &Entropy) -> f64 {
    (entropy.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: i64 = 24 * HOUR_MS;

    #[test]
    fn the_past_is_in_order_and_busier_by_day_than_at_night_and_at_the_weekend() {
        let from_ms = 1_000 * 7 * DAY_MS + 17;
        let busyness = Busyness::of(from_ms, from_ms + 7 * DAY_MS);
        let times: Vec<i64> = (0..10_000).map(|at| busyness.time_at(f64::from(at) / 10_000.0)).collect();
        assert!(times.is_sorted() && times[0] == from_ms && times[9_999] < from_ms + 7 * DAY_MS);
        let calls = |begin: i64, hours: i64| {
            let begin = 1_000 * 7 * DAY_MS + begin * HOUR_MS;
            times.iter().filter(|time| (begin..begin + hours * HOUR_MS).contains(*time)).count()
        };
        let (thursday, friday, saturday) = (calls(0, 24), calls(24, 24), calls(48, 24));
        assert!(thursday.abs_diff(friday) < 20, "{thursday} {friday}");
        assert!((saturday as f64 / friday as f64 - WEEKEND).abs() < 0.02, "{saturday} {friday}");
        assert!(calls(10, 1) > 5 * calls(3, 1));
    }

    #[test]
    fn an_empty_past_has_one_time() {
        assert_eq!(Busyness::of(5, 5).time_at(0.5), 5);
    }
}
