//! A decaying mean of a key's latency.

/// A sample's share of the mean.
const SAMPLE_SHARE: f32 = 0.2;
/// Without samples the mean halves in this time, so that a slow key is tried again; in tenths of a second.
const HALF_LIFE: f32 = 300.0;

/// Mean milliseconds to the first byte.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Latency {
    mean_ms: f32,
    /// When the last sample was taken, in tenths of a second.
    sampled: u32,
}

impl Latency {
    /// The mean that was saved, without its age.
    pub(super) fn restored(mean_ms: f64, now_ms: u64) -> Self {
        Latency { mean_ms: mean_ms as f32, sampled: tenths(now_ms) }
    }

    /// Takes a sample.
    pub(super) fn add(&mut self, sample_ms: u64, now_ms: u64) {
        let sample = sample_ms as f32;
        let known = self.mean_ms > 0.0;
        self.mean_ms = if known { self.mean_ms + (sample - self.mean_ms) * SAMPLE_SHARE } else { sample.max(0.001) };
        self.sampled = tenths(now_ms);
    }

    /// The mean of the samples, when there is one.
    pub(super) fn mean_ms(self) -> Option<f64> {
        (self.mean_ms > 0.0).then_some(f64::from(self.mean_ms))
    }

    /// What another call is expected to wait: the mean, less with age, more with calls in flight. A key without samples is
    /// tried before the others.
    pub(super) fn expected(self, in_flight: u32, now_ms: u64) -> f32 {
        let age = tenths(now_ms).saturating_sub(self.sampled) as f32;
        (self.mean_ms * (-age / HALF_LIFE).exp2()).max(1.0) * (in_flight as f32 + 1.0)
    }
}

fn tenths(now_ms: u64) -> u32 {
    (now_ms / 100) as u32
}

#[cfg(test)]
mod tests {
    use super::Latency;

    #[test]
    fn slow_is_forgotten_with_time_and_load_counts() {
        let (mut slow, mut fast) = (Latency::default(), Latency::default());
        slow.add(800, 1_000);
        fast.add(100, 1_000);
        assert!(fast.expected(0, 1_000) < slow.expected(0, 1_000));
        assert!(fast.expected(9, 1_000) > slow.expected(0, 1_000));
        fast.add(100, 200_000);
        assert!(fast.expected(0, 200_000) > slow.expected(0, 200_000), "an old figure fades");
        assert!(Latency::default().expected(0, 0) < fast.expected(0, 200_000));
        assert_eq!(slow.mean_ms(), Some(800.0));
        assert_eq!(Latency::default().mean_ms(), None);
    }
}
