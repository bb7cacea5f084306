//! What is summed over calls, and how it is packed into a column.

use super::histogram::Histogram;
use crate::domain::{CallRecord, Cost, Nanodollars, Outcome, UsageQuality};

/// Most units of one kind that a single call adds: a provider's absurd figure must not drown all others.
const MOST_UNITS: u64 = 1_000_000_000_000;

/// Sums over calls. Probes are never among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Calls.
    pub calls: i64,
    /// Calls by outcome, in the order of [`Outcome::ALL`].
    pub by_outcome: [i64; Outcome::ALL.len()],
    /// Calls that took more than one attempt.
    pub retried: i64,
    /// Attempts. By key and by provider these are the attempts against it, whichever key served the call in the end.
    pub attempts: i64,
    /// Attempts that failed.
    pub failed_attempts: i64,
    /// Input tokens.
    pub input: i64,
    /// Output tokens.
    pub output: i64,
    /// Input tokens read from a provider's prompt cache.
    pub cached_read: i64,
    /// Input tokens written to a provider's prompt cache.
    pub cache_write: i64,
    /// Output tokens spent on reasoning.
    pub reasoning: i64,
    /// Calls whose usage was estimated.
    pub estimated: i64,
    /// What the calls of known cost cost together.
    pub cost: Nanodollars,
    /// Calls that consumed something whose cost is not known.
    pub unpriced: i64,
    /// Body bytes from clients.
    pub bytes_in: i64,
    /// Body bytes to clients.
    pub bytes_out: i64,
    /// Time from accept to the last byte, of calls that reached a provider.
    pub latency: Histogram,
    /// Time from accept to the first content, of streams that had any.
    pub first_token: Histogram,
    /// How fast streams that succeeded said what came behind their first content, in thousandths of an output token per
    /// second; where the provider counted the tokens.
    pub speed: Histogram,
}

/// A stream that ends sooner behind its first content has no speed that means something.
const SHORTEST_US: u64 = 1_000;
/// Buckets of a histogram.
const MOST_BUCKETS: usize = 500;

/// The packed fields in their order; new ones go to the end, and are 0 in what was packed before.
const FIELDS: usize = 22;

/// What one call adds to sums.
#[derive(Clone, Debug, Default)]
pub(super) struct Addition {
    /// Everything but durations: the histograms are empty.
    pub(super) sums: Sums,
    pub(super) latency_us: Option<u64>,
    pub(super) first_token_us: Option<u64>,
    pub(super) speed: Option<u64>,
}

impl Addition {
    /// What a call adds, without its attempts.
    pub(super) fn of_call(record: &CallRecord) -> Self {
        let mut sums = Sums {
            calls: 1,
            retried: i64::from(record.attempts.len() > 1),
            bytes_in: clamp(record.bytes_in),
            bytes_out: clamp(record.bytes_out),
            ..Sums::of_usage(record)
        };
        sums.by_outcome[place_of(record.outcome)] = 1;
        Addition {
            sums,
            latency_us: (!record.attempts.is_empty()).then_some(record.total_us),
            first_token_us: record.first_token_us,
            speed: speed(record),
        }
    }

    /// The difference that a later usage makes.
    pub(super) fn of_amendment(before: &CallRecord, now: &CallRecord) -> Self {
        let (before, now) = (Sums::of_usage(before).fields(), Sums::of_usage(now).fields());
        let mut sums = Sums::default();
        sums.set_fields(std::array::from_fn(|at| now[at].saturating_sub(before[at])));
        Addition { sums, ..Addition::default() }
    }

    /// The same, with this many attempts besides.
    pub(super) fn with_attempts(&self, attempts: usize, failed: usize) -> Self {
        let mut with = self.clone();
        with.sums.attempts = attempts as i64;
        with.sums.failed_attempts = failed as i64;
        with
    }
}

impl Sums {
    /// The part of a call's sums that a later usage changes.
    pub(super) fn of_usage(record: &CallRecord) -> Self {
        let usage = &record.usage;
        let units = |count: Option<u64>| clamp(count.unwrap_or(0).min(MOST_UNITS));
        let consumed = usage.quality != UsageQuality::Unknown
            || (record.model_served.is_some()
                && matches!(record.outcome, Outcome::Success | Outcome::Interrupted | Outcome::ClientGone));
        Sums {
            input: units(usage.input),
            output: units(usage.output),
            cached_read: units(usage.cached_read),
            cache_write: units(usage.cache_write),
            reasoning: units(usage.reasoning),
            estimated: i64::from(usage.quality == UsageQuality::Estimated),
            cost: record.cost.known().unwrap_or_default(),
            unpriced: i64::from(consumed && record.cost == Cost::Unknown),
            ..Sums::default()
        }
    }

    /// Adds other sums.
    pub fn add(&mut self, other: &Sums) {
        self.add_fields(other);
        self.latency.merge(&other.latency);
        self.first_token.merge(&other.first_token);
        self.speed.merge(&other.speed);
    }

    /// Takes away sums that are a part of these.
    pub(super) fn take_away(&mut self, part: &Sums) {
        let (ours, theirs) = (self.fields(), part.fields());
        self.set_fields(std::array::from_fn(|at| ours[at].saturating_sub(theirs[at])));
        self.latency.take_away(&part.latency);
        self.first_token.take_away(&part.first_token);
        self.speed.take_away(&part.speed);
    }

    /// Adds what a call adds.
    pub(super) fn add_call(&mut self, call: &Addition) {
        self.add_fields(&call.sums);
        if let Some(us) = call.latency_us {
            self.latency.add(us);
        }
        if let Some(us) = call.first_token_us {
            self.first_token.add(us);
        }
        if let Some(speed) = call.speed {
            self.speed.add(speed);
        }
    }

    /// The calls by outcome of what [`Sums::pack`] packed, without the rest. `None`: the bytes are damaged.
    pub(super) fn packed_outcomes(mut bytes: &[u8]) -> Option<[i64; Outcome::ALL.len()]> {
        // The number of fields, and the calls.
        take(&mut bytes)?;
        take(&mut bytes)?;
        let mut outcomes = [0; Outcome::ALL.len()];
        for outcome in &mut outcomes {
            *outcome = unzigzag(take(&mut bytes)?);
        }
        Some(outcomes)
    }

    fn add_fields(&mut self, other: &Sums) {
        let (ours, theirs) = (self.fields(), other.fields());
        self.set_fields(std::array::from_fn(|at| ours[at].saturating_add(theirs[at])));
    }

    /// Calls with an outcome.
    pub fn with_outcome(&self, outcome: Outcome) -> i64 {
        self.by_outcome[place_of(outcome)]
    }

    fn fields(&self) -> [i64; FIELDS] {
        let [a, b, c, d, e, f, g, h] = self.by_outcome;
        [
            self.calls,
            a,
            b,
            c,
            d,
            e,
            f,
            g,
            h,
            self.retried,
            self.attempts,
            self.failed_attempts,
            self.input,
            self.output,
            self.cached_read,
            self.cache_write,
            self.reasoning,
            self.estimated,
            self.cost.0,
            self.unpriced,
            self.bytes_in,
            self.bytes_out,
        ]
    }

    fn set_fields(&mut self, fields: [i64; FIELDS]) {
        let [calls, a, b, c, d, e, f, g, h, retried, attempts, failed_attempts, rest @ ..] = fields;
        let [input, output, cached_read, cache_write, reasoning, estimated, cost, unpriced, bytes_in, bytes_out] = rest;
        self.calls = calls;
        self.by_outcome = [a, b, c, d, e, f, g, h];
        (self.retried, self.attempts, self.failed_attempts) = (retried, attempts, failed_attempts);
        (self.input, self.output, self.cached_read, self.cache_write) = (input, output, cached_read, cache_write);
        (self.reasoning, self.estimated, self.cost, self.unpriced) = (reasoning, estimated, Nanodollars(cost), unpriced);
        (self.bytes_in, self.bytes_out) = (bytes_in, bytes_out);
    }

    /// Packs the sums: the number of fields, the fields, then each histogram as its sum, its length, and pairs of the
    /// distance to the bucket before and the count. Every number is a variable-length integer of 7 bits a byte; fields,
    /// which may be negative, are zigzag-coded.
    pub(super) fn pack(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(96);
        put(&mut out, FIELDS as u64);
        for field in self.fields() {
            put(&mut out, ((field << 1) ^ (field >> 63)) as u64);
        }
        for histogram in [&self.latency, &self.first_token, &self.speed] {
            put(&mut out, histogram.sum());
            put(&mut out, histogram.counts().len() as u64);
            let mut before = 0;
            for (bucket, count) in histogram.counts() {
                put(&mut out, u64::from(bucket - before));
                put(&mut out, *count);
                before = *bucket;
            }
        }
        out
    }

    /// Adds what [`Sums::pack`] packed. `None`: the bytes are damaged; the sums are then not to be used.
    pub(super) fn add_packed(&mut self, bytes: &[u8]) -> Option<()> {
        let mut bytes = self.add_packed_fields(bytes)?;
        add_histogram(&mut self.latency, &mut bytes)?;
        add_histogram(&mut self.first_token, &mut bytes)?;
        // What was packed before speeds were measured ends here.
        if !bytes.is_empty() {
            add_histogram(&mut self.speed, &mut bytes)?;
        }
        bytes.is_empty().then_some(())
    }

    /// Adds the packed fields without the histograms. The answer is the bytes of those.
    pub(super) fn add_packed_fields<'b>(&mut self, mut bytes: &'b [u8]) -> Option<&'b [u8]> {
        let mut fields = self.fields();
        for at in 0..take(&mut bytes)? as usize {
            let coded = take(&mut bytes)?;
            // A field that a newer binary appended is none of ours.
            if let Some(field) = fields.get_mut(at) {
                *field = field.saturating_add(unzigzag(coded));
            }
        }
        self.set_fields(fields);
        Some(bytes)
    }
}

/// See [`Sums::speed`].
fn speed(record: &CallRecord) -> Option<u64> {
    let is_exact = record.outcome == Outcome::Success && record.usage.quality == UsageQuality::Exact;
    let tokens = record.usage.output.filter(|tokens| is_exact && (2..=MOST_UNITS).contains(tokens))?;
    let us = record.total_us.checked_sub(record.first_token_us?).filter(|us| *us >= SHORTEST_US)?;
    Some((u128::from(tokens) * 1_000_000_000 / u128::from(us)) as u64)
}

/// Adds a packed histogram, and goes behind it.
fn add_histogram(histogram: &mut Histogram, bytes: &mut &[u8]) -> Option<()> {
    let (sum, length) = (take(bytes)?, usize::try_from(take(bytes)?).ok()?);
    let (mut bucket, mut read) = (0u16, 0);
    let counts = std::iter::from_fn(|| {
        bucket = bucket.checked_add(u16::try_from(take(bytes)?).ok()?)?;
        let count = take(bytes)?;
        read += 1;
        Some((bucket, count))
    });
    histogram.merge_counts(sum, length.min(MOST_BUCKETS), counts.take(length));
    (read == length).then_some(())
}

fn place_of(outcome: Outcome) -> usize {
    Outcome::ALL.iter().position(|known| *known == outcome).unwrap_or(0)
}

fn clamp(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn unzigzag(coded: u64) -> i64 {
    (coded >> 1) as i64 ^ -((coded & 1) as i64)
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums(seed: i64) -> Sums {
        let mut sums = Sums::default();
        sums.set_fields(std::array::from_fn(|at| (seed * 7919).pow(2) * at as i64 - seed * 1000));
        for at in 0..seed as u64 {
            sums.latency.add(at * at * 1000);
            sums.first_token.add(at * 77);
            sums.speed.add(at * 9_000);
        }
        sums
    }

    #[test]
    fn packing_loses_nothing() {
        for seed in [0, 1, 3, 100] {
            let mut back = Sums::default();
            back.add_packed(&sums(seed).pack()).unwrap();
            assert_eq!(back, sums(seed));
        }
        let (mut added, mut packed) = (sums(3), sums(3));
        added.add(&sums(100));
        packed.add_packed(&sums(100).pack()).unwrap();
        assert_eq!(added, packed);
        added.take_away(&sums(100));
        assert_eq!(added, sums(3));
    }

    #[test]
    fn damage_is_noticed_and_fields_of_later_versions_are_skipped() {
        let packed = sums(3).pack();
        let mut without_speed = Sums { speed: Histogram::default(), ..sums(3) };
        let earlier = without_speed.pack().len() - 2;
        for length in 0..packed.len() {
            let whole = (length == earlier).then_some(());
            assert_eq!(Sums::default().add_packed(&packed[..length]), whole, "{length}");
        }
        let mut back = Sums::default();
        back.add_packed(&packed[..earlier]).unwrap();
        assert_eq!(back, without_speed, "sums of before speeds were measured");
        without_speed.add(&Sums { speed: sums(3).speed, ..Sums::default() });
        assert_eq!(without_speed, sums(3));
        let mut later = vec![FIELDS as u8 + 1];
        later.extend_from_slice(&[0; FIELDS + 1]);
        later.extend_from_slice(&[0; 4]);
        assert_eq!(Sums::default().add_packed(&later), Some(()));
        let earlier = [1, 2, 0, 0, 0, 0];
        let mut back = Sums::default();
        assert_eq!(back.add_packed(&earlier), Some(()));
        assert_eq!(back, Sums { calls: 1, ..Sums::default() });
    }
}
