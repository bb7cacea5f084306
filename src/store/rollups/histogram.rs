//! A histogram of durations with buckets whose width grows with the value.

/// Eight buckets for each doubling: a percentile is off by 6 % at most.
const SUB_BITS: u32 = 3;
const SUBS: u64 = 1 << SUB_BITS;

/// How many calls took how long, in microseconds. Buckets without a call take no space.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Bucket and count, by ascending bucket.
    counts: Vec<(u16, u64)>,
    sum_us: u64,
}

impl Histogram {
    /// Counts one duration.
    pub fn add(&mut self, us: u64) {
        self.add_count(bucket_of(us), 1);
        self.sum_us = self.sum_us.saturating_add(us);
    }

    /// Adds another histogram.
    pub fn merge(&mut self, other: &Histogram) {
        for (bucket, count) in &other.counts {
            self.add_count(*bucket, *count);
        }
        self.sum_us = self.sum_us.saturating_add(other.sum_us);
    }

    /// Takes away a histogram that is a part of this one.
    pub(super) fn take_away(&mut self, part: &Histogram) {
        for (bucket, count) in &part.counts {
            if let Ok(at) = self.counts.binary_search_by_key(bucket, |(bucket, _)| *bucket) {
                self.counts[at].1 = self.counts[at].1.saturating_sub(*count);
            }
        }
        self.counts.retain(|(_, count)| *count > 0);
        self.sum_us = self.sum_us.saturating_sub(part.sum_us);
    }

    /// How many durations were counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().map(|(_, count)| count).sum()
    }

    /// Their mean in microseconds; `None` when there are none.
    pub fn mean_us(&self) -> Option<u64> {
        self.sum_us.checked_div(self.count())
    }

    /// The duration in microseconds below which a share (0 to 1) of the counted ones lies; `None` when there are none.
    pub fn percentile_us(&self, share: f64) -> Option<u64> {
        let rank = ((self.count() as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        for (bucket, count) in &self.counts {
            if seen + count >= rank {
                let within = ((rank - seen) as f64 - 0.5) / *count as f64;
                return Some(lowest_of(*bucket) + (width_of(*bucket) as f64 * within) as u64);
            }
            seen += count;
        }
        None
    }

    /// The buckets that hold something, and their counts.
    pub(super) fn counts(&self) -> &[(u16, u64)] {
        &self.counts
    }

    pub(super) fn sum_us(&self) -> u64 {
        self.sum_us
    }

    pub(super) fn add_count(&mut self, bucket: u16, count: u64) {
        match self.counts.binary_search_by_key(&bucket, |(bucket, _)| *bucket) {
            Ok(at) => self.counts[at].1 += count,
            Err(at) => self.counts.insert(at, (bucket, count)),
        }
    }

    pub(super) fn add_sum_us(&mut self, us: u64) {
        self.sum_us = self.sum_us.saturating_add(us);
    }
}

fn bucket_of(us: u64) -> u16 {
    if us < SUBS {
        return us as u16;
    }
    let shift = us.ilog2() - SUB_BITS;
    (u64::from(shift) * SUBS + (us >> shift)) as u16
}

fn lowest_of(bucket: u16) -> u64 {
    let bucket = u64::from(bucket);
    if bucket < 2 * SUBS { bucket } else { (bucket % SUBS + SUBS) << (bucket / SUBS - 1) }
}

fn width_of(bucket: u16) -> u64 {
    (u64::from(bucket) / SUBS).checked_sub(1).map_or(1, |shift| 1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_tile_the_line() {
        let mut next = 0;
        for bucket in 0..=bucket_of(u64::MAX) {
            assert_eq!(lowest_of(bucket), next, "{bucket}");
            assert_eq!(bucket_of(next), bucket);
            let last = next + (width_of(bucket) - 1);
            assert_eq!(bucket_of(last), bucket);
            next = last.wrapping_add(1);
        }
        assert_eq!(next, 0, "the last bucket ends at the greatest number");
    }

    #[test]
    fn percentiles_are_near_the_truth() {
        let mut histogram = Histogram::default();
        let durations: Vec<u64> = (1..=10_000).map(|at| at * 173).collect();
        for us in &durations {
            histogram.add(*us);
        }
        for share in [0.01, 0.5, 0.9, 0.95, 0.99, 1.0] {
            let truth = durations[(share * 10_000.0) as usize - 1] as f64;
            let told = histogram.percentile_us(share).unwrap() as f64;
            assert!((told / truth - 1.0).abs() < 0.07, "{share}: {told} for {truth}");
        }
        assert_eq!(histogram.mean_us(), Some(durations.iter().sum::<u64>() / 10_000));
        assert_eq!(Histogram::default().percentile_us(0.5), None);
        assert_eq!(Histogram::default().mean_us(), None);
    }

    #[test]
    fn merging_is_counting_together() {
        let (mut left, mut right, mut both) = (Histogram::default(), Histogram::default(), Histogram::default());
        for us in [0, 7, 8, 1_000, 1_000, 90_000_000] {
            left.add(us);
            both.add(us);
        }
        for us in [3, 1_000, u64::from(u32::MAX)] {
            right.add(us);
            both.add(us);
        }
        left.merge(&right);
        assert_eq!(left, both);
    }
}
