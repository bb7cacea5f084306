//! Keys in turn, by weight and without clumps: for `round_robin` and, rank by rank, for `priority`.
//!
//! Keys of one weight form a class and take turns in a list. Between classes the earliest deadline wins: a class with weight w
//! and n ready keys is due every 1 / (w · n) of a round, so a pick costs the same for one key and for 100,000.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::list::{Links, List};

/// One round of a class with weight 1 and one key, in virtual time.
const ROUND: u128 = 1 << 64;

/// Ready keys in turn.
#[derive(Debug, Default)]
pub(super) struct Turns {
    classes: Vec<Class>,
    class_by_kind: HashMap<(i32, u32), u32>,
    class_of: Vec<u32>,
    links: Links,
    /// By rank; a lower rank has every turn while one of its keys is ready.
    wheels: BTreeMap<i32, Wheel>,
}

/// Keys of one rank and weight.
#[derive(Debug)]
struct Class {
    rank: i32,
    weight: u32,
    list: List,
    due: u128,
}

/// The turns of one rank.
#[derive(Debug, Default)]
struct Wheel {
    now: u128,
    turns: BTreeSet<(u128, u32)>,
}

impl Class {
    fn stride(&self) -> u128 {
        ROUND / (u128::from(self.weight.max(1)) * u128::from(self.list.len.max(1)))
    }
}

impl Turns {
    /// A key became ready; it goes behind its peers.
    pub(super) fn insert(&mut self, place: u32, rank: i32, weight: u32) {
        let number = self.class_number(rank, weight);
        if self.class_of.len() <= place as usize {
            self.class_of.resize(place as usize + 1, 0);
        }
        self.class_of[place as usize] = number;
        self.resize_class(number, |links, list| links.push_back(list, place));
    }

    /// A key is ready no longer.
    pub(super) fn remove(&mut self, place: u32) {
        let number = self.class_of[place as usize];
        self.resize_class(number, |links, list| links.remove(list, place));
    }

    /// The next key in turn among the first `most` that `takes` accepts; it goes behind its peers.
    pub(super) fn choose(&mut self, most: usize, mut takes: impl FnMut(u32) -> bool) -> Option<u32> {
        let (classes, links) = (&self.classes, &self.links);
        let turns = self.wheels.values().flat_map(|wheel| &wheel.turns);
        let (due, number, place) = turns
            .flat_map(|(due, number)| links.walk(&classes[*number as usize].list).map(move |place| (*due, *number, place)))
            .take(most)
            .find(|(_, _, place)| takes(*place))?;
        let class = &mut self.classes[number as usize];
        if class.list.first != class.list.last {
            self.links.remove(&mut class.list, place);
            self.links.push_back(&mut class.list, place);
        }
        class.due = due + class.stride();
        let wheel = self.wheels.entry(class.rank).or_default();
        wheel.now = wheel.now.max(due);
        wheel.turns.remove(&(due, number));
        wheel.turns.insert((class.due, number));
        Some(place)
    }

    fn class_number(&mut self, rank: i32, weight: u32) -> u32 {
        let classes = &mut self.classes;
        *self.class_by_kind.entry((rank, weight)).or_insert_with(|| {
            classes.push(Class { rank, weight, list: List::default(), due: 0 });
            classes.len() as u32 - 1
        })
    }

    /// Changes a class's list. What is left until its next turn shrinks or grows with its share of the turns.
    fn resize_class(&mut self, number: u32, change: impl FnOnce(&mut Links, &mut List)) {
        let class = &mut self.classes[number as usize];
        let wheel = self.wheels.entry(class.rank).or_default();
        let before = class.list.len;
        wheel.turns.remove(&(class.due, number));
        change(&mut self.links, &mut class.list);
        let after = class.list.len;
        class.due = match (before, after) {
            (_, 0) => {
                if wheel.turns.is_empty() {
                    self.wheels.remove(&class.rank);
                }
                return;
            }
            (0, _) => wheel.now + class.stride(),
            _ => wheel.now + class.due.saturating_sub(wheel.now) * u128::from(before) / u128::from(after),
        };
        wheel.turns.insert((class.due, number));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(turns: &mut Turns, picks: usize) -> Vec<u32> {
        (0..picks).map(|_| turns.choose(1024, |_| true).unwrap()).collect()
    }

    #[test]
    fn equal_keys_take_strict_turns() {
        let mut turns = Turns::default();
        (0..3).for_each(|place| turns.insert(place, 0, 1));
        assert_eq!(run(&mut turns, 6), [0, 1, 2, 0, 1, 2]);
        turns.remove(1);
        assert_eq!(run(&mut turns, 3), [0, 2, 0]);
        turns.insert(1, 0, 1);
        assert_eq!(run(&mut turns, 3), [2, 0, 1]);
    }

    #[test]
    fn a_round_holds_the_weights_exactly_and_without_clumps() {
        let mut turns = Turns::default();
        for (place, weight) in [(0, 1), (1, 2), (2, 5)] {
            turns.insert(place, 0, weight);
        }
        for _ in 0..3 {
            let round = run(&mut turns, 8);
            let count = |place| round.iter().filter(|p| **p == place).count();
            assert_eq!((count(0), count(1), count(2)), (1, 2, 5), "{round:?}");
            assert!(!round.windows(4).any(|run| run.iter().all(|place| *place == 2)), "{round:?}");
        }
    }

    #[test]
    fn a_lower_rank_goes_first_while_it_is_ready() {
        let mut turns = Turns::default();
        turns.insert(0, 5, 1);
        turns.insert(1, -1, 1);
        assert_eq!(run(&mut turns, 2), [1, 1]);
        turns.remove(1);
        assert_eq!(run(&mut turns, 1), [0]);
        assert_eq!(turns.choose(10, |_| false), None);
        turns.insert(1, -1, 1);
        assert_eq!(turns.choose(10, |place| place != 1), Some(0));
    }

    #[test]
    fn those_that_are_skipped_stay_next_in_turn() {
        let mut turns = Turns::default();
        (0..3).for_each(|place| turns.insert(place, 0, 1));
        assert_eq!(turns.choose(10, |place| place == 2), Some(2));
        assert_eq!(run(&mut turns, 3), [0, 1, 2]);
        assert_eq!(turns.choose(2, |place| place == 2), None, "it stands behind the last look");
    }
}
