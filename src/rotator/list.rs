//! Places of keys in order: a dense array for counting and drawing, linked lists for turns.

/// No place.
pub(super) const NONE: u32 = u32::MAX;

/// A set of places as a dense array: insertion, removal and drawing in constant time.
#[derive(Debug, Default)]
pub(super) struct Dense {
    items: Vec<u32>,
    at: Vec<u32>,
}

impl Dense {
    pub(super) fn items(&self) -> &[u32] {
        &self.items
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn insert(&mut self, place: u32) {
        if self.at.len() <= place as usize {
            self.at.resize(place as usize + 1, NONE);
        }
        if self.at[place as usize] == NONE {
            self.at[place as usize] = self.items.len() as u32;
            self.items.push(place);
        }
    }

    pub(super) fn remove(&mut self, place: u32) {
        let Some(at) = self.at.get_mut(place as usize).filter(|at| **at != NONE) else { return };
        let hole = std::mem::replace(at, NONE) as usize;
        self.items.swap_remove(hole);
        if let Some(moved) = self.items.get(hole) {
            self.at[*moved as usize] = hole as u32;
        }
    }
}

/// Before and after of every place; a place stands in at most one list.
#[derive(Debug, Default)]
pub(super) struct Links {
    near: Vec<(u32, u32)>,
}

/// A list of places: its first, its last, how many.
#[derive(Clone, Copy, Debug)]
pub(super) struct List {
    pub(super) first: u32,
    pub(super) last: u32,
    pub(super) len: u32,
}

impl Default for List {
    fn default() -> Self {
        List { first: NONE, last: NONE, len: 0 }
    }
}

impl Links {
    /// Appends a place that stands in no list.
    pub(super) fn push_back(&mut self, list: &mut List, place: u32) {
        if self.near.len() <= place as usize {
            self.near.resize(place as usize + 1, (NONE, NONE));
        }
        self.near[place as usize] = (list.last, NONE);
        match list.last {
            NONE => list.first = place,
            last => self.near[last as usize].1 = place,
        }
        list.last = place;
        list.len += 1;
    }

    /// Takes out a place that stands in this list.
    pub(super) fn remove(&mut self, list: &mut List, place: u32) {
        let (before, after) = self.near[place as usize];
        match before {
            NONE => list.first = after,
            before => self.near[before as usize].1 = after,
        }
        match after {
            NONE => list.last = before,
            after => self.near[after as usize].0 = before,
        }
        list.len -= 1;
    }

    /// The places of a list, first to last.
    pub(super) fn walk(&self, list: &List) -> impl Iterator<Item = u32> {
        let mut place = list.first;
        std::iter::from_fn(move || {
            let here = place;
            if here == NONE {
                return None;
            }
            place = self.near[here as usize].1;
            Some(here)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dense_set_has_no_holes() {
        let mut set = Dense::default();
        for place in [5, 1, 9, 1] {
            set.insert(place);
        }
        set.remove(5);
        set.remove(7);
        assert_eq!(set.items(), [9, 1]);
        set.remove(1);
        set.insert(5);
        assert_eq!((set.items(), set.len()), (&[9, 5][..], 2));
    }

    #[test]
    fn a_list_keeps_its_order() {
        let (mut links, mut list) = (Links::default(), List::default());
        for place in [3, 0, 7] {
            links.push_back(&mut list, place);
        }
        links.remove(&mut list, 0);
        links.push_back(&mut list, 0);
        assert_eq!(links.walk(&list).collect::<Vec<_>>(), [3, 7, 0]);
        for place in [3, 0, 7] {
            links.remove(&mut list, place);
        }
        assert_eq!((links.walk(&list).count(), list.len), (0, 0));
    }
}
