//! The same key for the same client: for `sticky`.
//!
//! Ready keys stand in a table by their own hash. A client walks the table by its hash and takes the first key that it meets, so
//! a key that rests moves only its own clients, and they come back with it. The table grows and shrinks with the number of
//! ready keys, by powers of two and late, so the walk stays short however many keys rest.

use super::list::NONE;
use super::random::{mix, scale};

/// Most steps of a walk.
const MOST_STEPS: u64 = 64;
/// The table shrinks when so many cells stand against one key.
const SPARSE: usize = 8;

/// Ready keys by hash.
#[derive(Debug)]
pub(super) struct Sticky {
    /// First place of each cell.
    cells: Vec<u32>,
    entries: Vec<Entry>,
    len: usize,
    /// Heaviest weight so far: the others accept fewer of the clients that meet them.
    heaviest: u32,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    hash: u64,
    weight: u32,
    next: u32,
    is_in: bool,
}

impl Default for Sticky {
    fn default() -> Self {
        Sticky { cells: vec![NONE], entries: Vec::new(), len: 0, heaviest: 1 }
    }
}

impl Sticky {
    /// A key became ready. `id` names it the same over restarts.
    pub(super) fn insert(&mut self, place: u32, id: u64, weight: u32) {
        let empty = Entry { hash: 0, weight: 1, next: NONE, is_in: false };
        if self.entries.len() <= place as usize {
            self.entries.resize(place as usize + 1, empty);
        }
        self.entries[place as usize] = Entry { hash: mix(id, 0x9e37_79b9_7f4a_7c15), weight, ..empty };
        self.heaviest = self.heaviest.max(weight);
        self.link(place);
        self.len += 1;
        if self.len > self.cells.len() {
            self.resize(self.cells.len() * 2);
        }
    }

    /// A key is ready no longer.
    pub(super) fn remove(&mut self, place: u32) {
        let cell = self.cell(self.entries[place as usize].hash);
        let next = self.entries[place as usize].next;
        self.entries[place as usize].is_in = false;
        self.len -= 1;
        let mut here = self.cells[cell];
        if here == place {
            self.cells[cell] = next;
        }
        while here != NONE {
            let entry = &mut self.entries[here as usize];
            if entry.next == place {
                entry.next = next;
            }
            here = self.entries[here as usize].next;
        }
        if self.cells.len() > 1 && self.len * SPARSE < self.cells.len() {
            self.resize(self.cells.len() / 2);
        }
    }

    /// Keys that a client meets, the same ones in the same order as long as they are ready. A key may come up more than once.
    pub(super) fn walk(&self, affinity: u64) -> impl Iterator<Item = u32> {
        let step = move |step| self.best_in(self.cell(mix(affinity, step)), affinity, step);
        (0..MOST_STEPS).filter_map(step)
    }

    /// Of the keys in a cell that accept the client, the one that suits it best.
    fn best_in(&self, cell: usize, affinity: u64, step: u64) -> Option<u32> {
        let mut best: Option<(u64, u32)> = None;
        let mut place = self.cells[cell];
        while place != NONE {
            let entry = &self.entries[place as usize];
            let fit = mix(affinity, entry.hash);
            let accepts = scale(mix(fit, step), self.heaviest.into()) < u64::from(entry.weight);
            if accepts && best.is_none_or(|(most, _)| fit > most) {
                best = Some((fit, place));
            }
            place = entry.next;
        }
        best.map(|(_, place)| place)
    }

    fn cell(&self, hash: u64) -> usize {
        scale(hash, self.cells.len() as u64) as usize
    }

    fn link(&mut self, place: u32) {
        let cell = self.cell(self.entries[place as usize].hash);
        let entry = &mut self.entries[place as usize];
        (entry.next, entry.is_in) = (self.cells[cell], true);
        self.cells[cell] = place;
    }

    fn resize(&mut self, cells: usize) {
        self.cells.clear();
        self.cells.resize(cells, NONE);
        for place in 0..self.entries.len() as u32 {
            if self.entries[place as usize].is_in {
                self.link(place);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(sticky: &Sticky, client: u64) -> u32 {
        sticky.walk(mix(client, 1)).next().unwrap()
    }

    #[test]
    fn a_key_that_leaves_moves_only_its_own_clients() {
        let mut sticky = Sticky::default();
        (0..20).for_each(|place| sticky.insert(place, place.into(), 1));
        let before: Vec<u32> = (0..2_000).map(|client| first(&sticky, client)).collect();
        for gone in 0..15 {
            sticky.remove(gone);
            for (client, place) in before.iter().enumerate().filter(|(_, place)| **place > gone) {
                assert_eq!(first(&sticky, client as u64), *place);
            }
        }
        (0..15).for_each(|place| sticky.insert(place, place.into(), 1));
        assert_eq!((0..2_000).map(|client| first(&sticky, client)).collect::<Vec<_>>(), before, "they come back with it");
    }

    #[test]
    fn clients_are_spread_by_weight() {
        let mut sticky = Sticky::default();
        (0..10u32).for_each(|place| sticky.insert(place, place.into(), if place < 5 { 1 } else { 3 }));
        let light = (0..20_000).filter(|client| first(&sticky, *client) < 5).count();
        assert!((4_000..6_000).contains(&light), "{light} of 20,000, a quarter expected");
    }

    #[test]
    fn a_walk_stays_short_when_nearly_all_rest() {
        let mut sticky = Sticky::default();
        (0..4_096).for_each(|place| sticky.insert(place, place.into(), 1));
        (0..4_090).for_each(|place| sticky.remove(place));
        let found = (0..1_000).filter(|client| sticky.walk(mix(*client, 1)).next().is_some()).count();
        assert_eq!(found, 1_000);
        (4_090..4_096).for_each(|place| sticky.remove(place));
        assert_eq!(sticky.walk(5).next(), None);
    }
}
