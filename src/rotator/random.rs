//! A small seeded generator (wyrand). It chooses keys, never secrets.

/// A generator whose whole state is one number.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    /// A generator that always yields the same for the same seed.
    pub(super) fn new(seed: u64) -> Self {
        Random(seed)
    }

    /// 64 random bits.
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0xa076_1d64_78bd_642f);
        fold(self.0, self.0 ^ 0xe703_7ed1_a0b4_28db)
    }

    /// A number below `bound`; 0 for a bound of 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        scale(self.next(), bound)
    }
}

/// Mixes two numbers into one, well enough to place keys in a table. A single fold would turn neighbouring numbers into an
/// arithmetic sequence.
pub(super) fn mix(one: u64, other: u64) -> u64 {
    let folded = fold(one ^ 0xa076_1d64_78bd_642f, other ^ 0xe703_7ed1_a0b4_28db);
    fold(folded ^ 0x8ebc_6af0_9c88_c6e3, 0x5899_65cc_7537_4cc3)
}

/// Maps 64 random bits to a number below `bound` without a division.
pub(super) fn scale(bits: u64, bound: u64) -> u64 {
    ((u128::from(bits) * u128::from(bound)) >> 64) as u64
}

fn fold(one: u64, other: u64) -> u64 {
    let product = u128::from(one) * u128::from(other);
    (product >> 64) as u64 ^ product as u64
}
