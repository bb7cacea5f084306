//! A histogram with buckets whose width grows with the value.

/// Eight buckets for each doubling: a percentile is off by 6 % at most.
const SUB_BITS: u32 = 3;
const SUBS: u64 = 1 << SUB_BITS;

/// How many calls had which value: a duration in microseconds, or a speed in thousandths of a token per second. Buckets
/// without a call take no space.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Bucket and count, by ascending bucket.
    counts: Vec<(u16, u64)>,
    sum: u64,
}

impl Histogram {
    /// Counts one value.
    pub fn add(&mut self, value: u64) {
        let bucket = bucket_of(value);
        self.add_at(self.counts.partition_point(|(known, _)| *known < bucket), bucket, 1);
        self.sum = self.sum.saturating_add(value);
    }

    /// Adds another histogram.
    pub fn merge(&mut self, other: &Histogram) {
        self.merge_counts(other.sum, other.counts.len(), other.counts.iter().copied());
    }

    /// Adds a histogram of this sum and these counts, by ascending bucket; about how many there are saves time.
    pub(super) fn merge_counts(&mut self, sum: u64, about: usize, counts: impl Iterator<Item = (u16, u64)>) {
        self.sum = self.sum.saturating_add(sum);
        if self.counts.is_empty() {
            self.counts.reserve_exact(about);
        }
        let mut place = 0;
        for (bucket, count) in counts {
            place += self.counts[place..].iter().take_while(|(known, _)| *known < bucket).count();
            self.add_at(place, bucket, count);
        }
    }

    /// Takes away a histogram that is a part of this one.
    pub(super) fn take_away(&mut self, part: &Histogram) {
        let mut ours = self.counts.iter_mut().peekable();
        for (bucket, count) in &part.counts {
            while ours.next_if(|(own, _)| own < bucket).is_some() {}
            if let Some(own) = ours.next_if(|(own, _)| own == bucket) {
                own.1 = own.1.saturating_sub(*count);
            }
        }
        self.counts.retain(|(_, count)| *count > 0);
        self.sum = self.sum.saturating_sub(part.sum);
    }

    /// How many values were counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().map(|(_, count)| count).sum()
    }

    /// Their mean; `None` when there are none.
    pub fn mean(&self) -> Option<u64> {
        self.sum.checked_div(self.count())
    }

    /// The value below which a share (0 to 1) of the counted ones lies; `None` when there are none.
    pub fn percentile(&self, share: f64) -> Option<u64> {
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

    pub(super) fn sum(&self) -> u64 {
        self.sum
    }

    fn add_at(&mut self, place: usize, bucket: u16, count: u64) {
        match self.counts.get_mut(place) {
            Some((known, sum)) if *known == bucket => *sum += count,
            _ => self.counts.insert(place, (bucket, count)),
        }
    }
}

fn bucket_of(value: u64) -> u16 {
    if value < SUBS {
        return value as u16;
    }
    let shift = value.ilog2() - SUB_BITS;
    (u64::from(shift) * SUBS + (value >> shift)) as u16
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
            let told = histogram.percentile(share).unwrap() as f64;
            assert!((told / truth - 1.0).abs() < 0.07, "{share}: {told} for {truth}");
        }
        assert_eq!(histogram.mean(), Some(durations.iter().sum::<u64>() / 10_000));
        assert_eq!(Histogram::default().percentile(0.5), None);
        assert_eq!(Histogram::default().mean(), None);
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
