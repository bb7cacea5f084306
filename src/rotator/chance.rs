//! Keys by chance, by weight: for `weighted_random` and `fastest`.

use std::collections::HashMap;

use super::random::Random;

/// Ready keys in classes of one weight, with a tree of sums over the classes: a draw costs the same for one key and for 100,000.
#[derive(Debug, Default)]
pub(super) struct Chance {
    classes: Vec<Class>,
    class_by_weight: HashMap<u32, u32>,
    /// Class and index of each place.
    at: Vec<(u32, u32)>,
    sums: Sums,
}

#[derive(Debug)]
struct Class {
    weight: u32,
    places: Vec<u32>,
}

impl Chance {
    /// A key became ready.
    pub(super) fn insert(&mut self, place: u32, weight: u32) {
        let number = self.class_number(weight);
        let places = &mut self.classes[number as usize].places;
        if self.at.len() <= place as usize {
            self.at.resize(place as usize + 1, (0, 0));
        }
        self.at[place as usize] = (number, places.len() as u32);
        places.push(place);
        self.sums.add(number as usize, i64::from(weight));
    }

    /// A key is ready no longer.
    pub(super) fn remove(&mut self, place: u32) {
        let (number, index) = self.at[place as usize];
        let class = &mut self.classes[number as usize];
        class.places.swap_remove(index as usize);
        if let Some(moved) = class.places.get(index as usize) {
            self.at[*moved as usize].1 = index;
        }
        let weight = i64::from(class.weight);
        self.sums.add(number as usize, -weight);
    }

    /// A ready key, each by its weight.
    pub(super) fn draw(&self, random: &mut Random) -> Option<u32> {
        if self.sums.total == 0 {
            return None;
        }
        let (number, rest) = self.sums.find(random.below(self.sums.total));
        let class = &self.classes[number];
        class.places.get((rest / u64::from(class.weight)) as usize).copied()
    }

    fn class_number(&mut self, weight: u32) -> u32 {
        if let Some(number) = self.class_by_weight.get(&weight) {
            return *number;
        }
        let number = self.classes.len() as u32;
        self.classes.push(Class { weight, places: Vec::new() });
        self.class_by_weight.insert(weight, number);
        self.sums.grow();
        number
    }
}

/// Sums over a growing row of numbers (a Fenwick tree): change and search take as many steps as the row's length has bits.
#[derive(Debug, Default)]
struct Sums {
    tree: Vec<u64>,
    total: u64,
}

impl Sums {
    /// Appends a zero.
    fn grow(&mut self) {
        let at = self.tree.len() + 1;
        let covered = at & at.wrapping_neg();
        let mut sum = 0;
        let mut below = at - 1;
        while below > at - covered {
            sum += self.tree[below - 1];
            below &= below - 1;
        }
        self.tree.push(sum);
    }

    /// Adds to the number at an index.
    fn add(&mut self, index: usize, amount: i64) {
        self.total = self.total.wrapping_add_signed(amount);
        let mut at = index + 1;
        while at <= self.tree.len() {
            self.tree[at - 1] = self.tree[at - 1].wrapping_add_signed(amount);
            at += at & at.wrapping_neg();
        }
    }

    /// The index whose number holds the point, counted from the row's begin, and how far into it. `point` is below the total.
    fn find(&self, mut point: u64) -> (usize, u64) {
        let mut at = 0;
        let mut step = self.tree.len().checked_ilog2().map_or(0, |bits| 1 << bits);
        while step > 0 {
            if let Some(sum) = self.tree.get(at + step - 1)
                && *sum <= point
            {
                point -= sum;
                at += step;
            }
            step >>= 1;
        }
        (at, point)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_find_their_points() {
        let mut sums = Sums::default();
        for (index, amount) in [3, 0, 5, 1, 7].into_iter().enumerate() {
            sums.grow();
            sums.add(index, amount);
        }
        let found: Vec<usize> = (0..16).map(|point| sums.find(point).0).collect();
        assert_eq!(found, [0, 0, 0, 2, 2, 2, 2, 2, 3, 4, 4, 4, 4, 4, 4, 4]);
        assert_eq!(sums.find(5), (2, 2));
    }

    #[test]
    fn draws_follow_the_weights() {
        let (mut chance, mut random) = (Chance::default(), Random::new(7));
        for (place, weight) in [(0, 1), (1, 3), (2, 1), (3, 10), (4, 3)] {
            chance.insert(place, weight);
        }
        chance.remove(3);
        let mut counts = [0u32; 5];
        for _ in 0..80_000 {
            counts[chance.draw(&mut random).unwrap() as usize] += 1;
        }
        for (place, expected) in [(0, 10_000), (1, 30_000), (2, 10_000), (3, 0), (4, 30_000)] {
            assert!(counts[place].abs_diff(expected) < 600, "{counts:?}");
        }
        (0..3).chain(4..5).for_each(|place| chance.remove(place));
        assert_eq!(chance.draw(&mut random), None);
    }
}
