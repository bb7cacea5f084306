//! Keys by calls in flight: for `least_in_flight`.
//!
//! Keys with the same load for their weight stand in one list, first come first served; the list with the least load is first.

use std::collections::BTreeMap;

use super::list::{Links, List};

/// Ready keys by load.
#[derive(Debug, Default)]
pub(super) struct Flight {
    lists: BTreeMap<u64, List>,
    load_of: Vec<u64>,
    links: Links,
}

/// Calls in flight for a weight, as a number that orders them.
fn load(in_flight: u32, weight: u32) -> u64 {
    (u64::from(in_flight) << 32) / u64::from(weight.max(1))
}

impl Flight {
    /// A key became ready.
    pub(super) fn insert(&mut self, place: u32, in_flight: u32, weight: u32) {
        let load = load(in_flight, weight);
        if self.load_of.len() <= place as usize {
            self.load_of.resize(place as usize + 1, 0);
        }
        self.load_of[place as usize] = load;
        self.links.push_back(self.lists.entry(load).or_default(), place);
    }

    /// A key is ready no longer.
    pub(super) fn remove(&mut self, place: u32) {
        let load = self.load_of[place as usize];
        if let Some(list) = self.lists.get_mut(&load) {
            self.links.remove(list, place);
            if list.len == 0 {
                self.lists.remove(&load);
            }
        }
    }

    /// A ready key has another number of calls in flight.
    pub(super) fn change(&mut self, place: u32, in_flight: u32, weight: u32) {
        if self.load_of[place as usize] != load(in_flight, weight) {
            self.remove(place);
            self.insert(place, in_flight, weight);
        }
    }

    /// Keys with the least load first.
    pub(super) fn walk(&self) -> impl Iterator<Item = u32> {
        self.lists.values().flat_map(|list| self.links.walk(list))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_load_for_its_weight_goes_first() {
        let mut flight = Flight::default();
        for (place, in_flight, weight) in [(0, 2, 1), (1, 3, 2), (2, 5, 5), (3, 1, 1)] {
            flight.insert(place, in_flight, weight);
        }
        assert_eq!(flight.walk().collect::<Vec<_>>(), [2, 3, 1, 0]);
        flight.change(0, 0, 1);
        flight.remove(2);
        assert_eq!(flight.walk().collect::<Vec<_>>(), [0, 3, 1]);
        flight.change(0, 1, 1);
        assert_eq!(flight.walk().collect::<Vec<_>>(), [3, 0, 1], "who came last waits longest");
    }
}
