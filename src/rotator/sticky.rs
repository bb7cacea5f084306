//! The same key for the same client: for `sticky`.
//!
//! Ready keys stand in a table by their own hash. A client walks the table by its hash and takes the first key that it meets, so
//! a key that rests moves only its own clients, and they come back with it. The table grows and shrinks with the number of
//! ready keys, by powers of two and late, so the walk stays short however many keys rest.
//!
//! A pick looks at memory that nobody else uses, so what it touches is what it costs: the keys of a cell lie in one line of the
//! processor's cache, and a cell is seldom empty.

use std::collections::HashMap;

use super::random::{mix, scale};

/// Most steps of a walk.
const MOST_STEPS: u64 = 64;
/// Keys that a cell holds in its line.
const IN_LINE: usize = 7;
/// The table grows from so many keys for each cell on; of the cells then, one in twenty is empty and one in eighty overfull.
const MOST_MEAN: usize = 3;
/// The table shrinks when so many cells stand against one key.
const SPARSE: usize = 2;

/// Ready keys by hash.
#[derive(Debug)]
pub(super) struct Sticky {
    cells: Vec<Cell>,
    /// Keys of overfull cells.
    spilled: HashMap<usize, Vec<Entry>>,
    /// What is known of each place.
    known: Vec<Known>,
    len: usize,
    /// Heaviest weight so far: the others accept fewer of the clients that meet them.
    heaviest: u16,
}

/// One line of the cache.
#[derive(Clone, Debug, Default)]
#[repr(align(64))]
struct Cell {
    entries: [Entry; IN_LINE],
    len: u8,
    has_spilled: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    place: u32,
    hash: u16,
    weight: u16,
}

#[derive(Clone, Copy, Debug, Default)]
struct Known {
    hash: u64,
    weight: u16,
    is_in: bool,
}

impl Default for Sticky {
    fn default() -> Self {
        Sticky { cells: vec![Cell::default()], spilled: HashMap::new(), known: Vec::new(), len: 0, heaviest: 1 }
    }
}

impl Sticky {
    /// A key became ready. `id` names it the same over restarts.
    pub(super) fn insert(&mut self, place: u32, id: u64, weight: u32) {
        if self.known.len() <= place as usize {
            self.known.resize(place as usize + 1, Known::default());
        }
        let weight = weight.min(u16::MAX.into()) as u16;
        self.known[place as usize] = Known { hash: mix(id, 0x9e37_79b9_7f4a_7c15), weight, is_in: true };
        self.heaviest = self.heaviest.max(weight);
        self.link(place);
        self.len += 1;
        if self.len > self.cells.len() * MOST_MEAN {
            self.resize(self.cells.len() * 2);
        }
    }

    /// A key is ready no longer.
    pub(super) fn remove(&mut self, place: u32) {
        self.known[place as usize].is_in = false;
        self.unlink(place);
        self.len -= 1;
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
    fn best_in(&self, at: usize, affinity: u64, step: u64) -> Option<u32> {
        let cell = &self.cells[at];
        let spilled = if cell.has_spilled { self.spilled.get(&at).map_or(&[][..], Vec::as_slice) } else { &[] };
        let entries = cell.entries[..cell.len.into()].iter().chain(spilled);
        let fits = entries.filter_map(|entry| {
            let fit = mix(affinity, entry.hash.into());
            let accepts = scale(mix(fit, step), self.heaviest.into()) < u64::from(entry.weight);
            accepts.then_some((fit, entry.place))
        });
        fits.max().map(|(_, place)| place)
    }

    fn cell(&self, hash: u64) -> usize {
        scale(hash, self.cells.len() as u64) as usize
    }

    fn link(&mut self, place: u32) {
        let Known { hash, weight, .. } = self.known[place as usize];
        let at = self.cell(hash);
        let entry = Entry { place, hash: hash as u16, weight };
        let cell = &mut self.cells[at];
        match cell.entries.get_mut(usize::from(cell.len)) {
            Some(free) => (*free, cell.len) = (entry, cell.len + 1),
            None => {
                cell.has_spilled = true;
                self.spilled.entry(at).or_default().push(entry);
            }
        }
    }

    fn unlink(&mut self, place: u32) {
        let at = self.cell(self.known[place as usize].hash);
        let cell = &mut self.cells[at];
        let mut spilled = if cell.has_spilled { self.spilled.remove(&at).unwrap_or_default() } else { Vec::new() };
        let len = usize::from(cell.len);
        match cell.entries[..len].iter().position(|entry| entry.place == place) {
            Some(found) => {
                cell.entries.swap(found, len - 1);
                match spilled.pop() {
                    Some(entry) => cell.entries[len - 1] = entry,
                    None => cell.len -= 1,
                }
            }
            None => spilled.retain(|entry| entry.place != place),
        }
        cell.has_spilled = !spilled.is_empty();
        if cell.has_spilled {
            self.spilled.insert(at, spilled);
        }
    }

    fn resize(&mut self, cells: usize) {
        self.cells.clear();
        self.cells.resize(cells, Cell::default());
        self.spilled.clear();
        for place in 0..self.known.len() as u32 {
            if self.known[place as usize].is_in {
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
    fn overfull_cells_lose_nobody() {
        let mut sticky = Sticky::default();
        (0..5_000).for_each(|place| sticky.insert(place, place.into(), 1));
        assert!(!sticky.spilled.is_empty(), "some cells of many are overfull");
        let mut met = vec![false; 5_000];
        (0..200_000).for_each(|client| met[first(&sticky, client) as usize] = true);
        assert!(met.iter().all(|met| *met), "every key has clients");
        (0..5_000).step_by(2).for_each(|place| sticky.remove(place));
        assert!((0..50_000).all(|client| first(&sticky, client) % 2 == 1), "none that left is met");
        (1..5_000).step_by(2).for_each(|place| sticky.remove(place));
        assert!(sticky.spilled.is_empty() && sticky.walk(1).next().is_none());
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
