//! The order in which a strategy offers ready keys, and how far a pick looks.

use super::chance::Chance;
use super::filter::Filter;
use super::flight::Flight;
use super::random::Random;
use super::slot::Slot;
use super::sticky::Sticky;
use super::turns::Turns;
use crate::domain::Strategy;

/// Most keys that one pick looks at. A pool in which this many ready keys in a row cannot take the call counts as one in which
/// none can: a pick never scans a large pool.
const MOST_LOOKS: usize = 1_024;
/// Draws by chance before a pick looks at one key after the other.
const DRAWS: usize = 16;
/// A key is hot for sticky clients from this many calls in flight on, over twice the mean of ready keys.
const HOT_FROM: u64 = 4;

/// Ready keys as a strategy wants them.
#[derive(Debug)]
pub(super) enum Order {
    /// In turn.
    Turns(Turns),
    /// In turn, those of the first rank before all others.
    Ranks(Turns),
    /// By calls in flight.
    Flight(Flight),
    /// By chance.
    Chance(Chance),
    /// The faster of two by chance.
    Fastest(Chance),
    /// The same for the same client.
    Sticky(Sticky),
}

/// What a choice depends on besides the keys.
pub(super) struct Circumstances<'a> {
    pub(super) random: &'a mut Random,
    /// Hash of the client, for sticky selection.
    pub(super) affinity: Option<u64>,
    /// Calls in flight over the whole pool.
    pub(super) in_flight: u64,
    /// Every ready key, in no order.
    pub(super) ready: &'a [u32],
}

impl Order {
    pub(super) fn new(strategy: Strategy) -> Self {
        match strategy {
            Strategy::RoundRobin => Order::Turns(Turns::default()),
            Strategy::Priority => Order::Ranks(Turns::default()),
            Strategy::LeastInFlight => Order::Flight(Flight::default()),
            Strategy::WeightedRandom => Order::Chance(Chance::default()),
            Strategy::Fastest => Order::Fastest(Chance::default()),
            Strategy::Sticky => Order::Sticky(Sticky::default()),
        }
    }

    /// A key became ready.
    pub(super) fn insert(&mut self, place: u32, slot: &Slot) {
        let weight = slot.key.weight;
        match self {
            Order::Turns(turns) => turns.insert(place, 0, weight),
            Order::Ranks(turns) => turns.insert(place, slot.key.priority, weight),
            Order::Flight(flight) => flight.insert(place, slot.in_flight, weight),
            Order::Chance(chance) | Order::Fastest(chance) => chance.insert(place, weight),
            Order::Sticky(sticky) => sticky.insert(place, slot.key.id.0 as u64, weight),
        }
    }

    /// A key is ready no longer.
    pub(super) fn remove(&mut self, place: u32) {
        match self {
            Order::Turns(turns) | Order::Ranks(turns) => turns.remove(place),
            Order::Flight(flight) => flight.remove(place),
            Order::Chance(chance) | Order::Fastest(chance) => chance.remove(place),
            Order::Sticky(sticky) => sticky.remove(place),
        }
    }

    /// Whether calls in flight move a key.
    pub(super) fn minds_load(&self) -> bool {
        matches!(self, Order::Flight(_))
    }

    /// A ready key has another number of calls in flight.
    pub(super) fn load_changed(&mut self, place: u32, slot: &Slot) {
        if let Order::Flight(flight) = self {
            flight.change(place, slot.in_flight, slot.key.weight);
        }
    }

    /// The key that takes the call.
    pub(super) fn choose(&mut self, filter: &mut Filter<'_>, with: Circumstances<'_>) -> Option<u32> {
        match self {
            Order::Turns(turns) | Order::Ranks(turns) => turns.choose(MOST_LOOKS, |place| filter.takes(place)),
            Order::Flight(flight) => flight.walk().take(MOST_LOOKS).find(|place| filter.takes(*place)),
            Order::Chance(chance) => {
                let mut draws = (0..DRAWS).map_while(|_| chance.draw(with.random));
                draws.find(|place| filter.takes(*place)).or_else(|| one_by_one(filter, with))
            }
            Order::Fastest(chance) => faster_of_two(chance, filter, with),
            Order::Sticky(sticky) => same_for_client(sticky, filter, with),
        }
    }
}

fn faster_of_two(chance: &Chance, filter: &mut Filter<'_>, with: Circumstances<'_>) -> Option<u32> {
    for _ in 0..DRAWS / 2 {
        let (one, other) = (chance.draw(with.random)?, chance.draw(with.random)?);
        let (faster, slower) = if filter.expected_ms(other) < filter.expected_ms(one) { (other, one) } else { (one, other) };
        if filter.takes(faster) {
            return Some(faster);
        }
        if slower != faster && filter.takes(slower) {
            return Some(slower);
        }
    }
    one_by_one(filter, with)
}

fn same_for_client(sticky: &Sticky, filter: &mut Filter<'_>, with: Circumstances<'_>) -> Option<u32> {
    let affinity = with.affinity.unwrap_or_else(|| with.random.next());
    let mean_twice = 2 * with.in_flight / with.ready.len().max(1) as u64;
    let mut hot = None;
    for place in sticky.walk(affinity) {
        if filter.in_flight(place) >= HOT_FROM + mean_twice {
            hot = hot.or(Some(place));
        } else if filter.takes(place) {
            return Some(place);
        }
    }
    hot.filter(|place| filter.takes(*place)).or_else(|| one_by_one(filter, with))
}

/// Looks at one ready key after the other, from a random one on.
fn one_by_one(filter: &mut Filter<'_>, with: Circumstances<'_>) -> Option<u32> {
    let from = with.random.below(with.ready.len() as u64) as usize;
    let round = with.ready[from..].iter().chain(&with.ready[..from]);
    round.copied().take(MOST_LOOKS).find(|place| filter.takes(*place))
}
