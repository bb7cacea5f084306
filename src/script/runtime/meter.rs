//! The meter: it counts the steps of the script that runs on this thread and stops it at its limits.
//!
//! Rhai reports progress to a callback that is given a number and nothing else, so what belongs to the current run lies in
//! thread-local cells. Rhai's own count is not used: it starts anew in functions that native functions call, so a loop
//! inside `filter(|k| …)` would escape it.

use std::cell::Cell;

use rhai::{Dynamic, EvalAltResult, Position};

use crate::clock::Clock;

/// Steps between two looks at the clock: reading it costs more than a step.
const CLOCK_EVERY: u64 = 16;

/// Processor time in microseconds that a run has past its deadline. A thread that waits for a processor is not slow itself: on a
/// busy machine a filter of a few microseconds would fail now and then.
const GRACE_US: u64 = 5_000;

/// What one run may use.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Steps.
    pub operations: u64,
    /// Microseconds on the clock, and then 5 ms of the processor's time at most.
    pub wall_us: u64,
}

/// Why a run was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It took too many steps.
    Operations,
    /// It took too long.
    Time,
}

struct Cells {
    used: Cell<u64>,
    check_at: Cell<u64>,
    limit: Cell<u64>,
    deadline_us: Cell<u64>,
    /// Processor time of this thread at which the grace past the deadline ends, once it has begun.
    grace_us: Cell<Option<u64>>,
    clock: Cell<Option<Clock>>,
    stopped: Cell<Option<Stop>>,
}

thread_local! {
    static METER: Cells = const {
        Cells {
            used: Cell::new(0),
            check_at: Cell::new(u64::MAX),
            limit: Cell::new(u64::MAX),
            deadline_us: Cell::new(u64::MAX),
            grace_us: Cell::new(None),
            clock: Cell::new(None),
            stopped: Cell::new(None),
        }
    };
}

/// The time from which a run is metered; what was metered before it on this thread goes on when it is dropped.
pub struct Metered {
    outer: Outer,
    began_us: u64,
    clock: Clock,
}

/// What the cells held before a run.
struct Outer {
    used: u64,
    check_at: u64,
    limit: u64,
    deadline_us: u64,
    grace_us: Option<u64>,
    clock: Option<Clock>,
    stopped: Option<Stop>,
}

/// Begins to meter a run on this thread.
pub fn begin(budget: Budget, clock: Clock) -> Metered {
    let began_us = clock.micros();
    METER.with(|cells| {
        let outer = Outer {
            used: cells.used.replace(0),
            check_at: cells.check_at.replace(CLOCK_EVERY),
            limit: cells.limit.replace(budget.operations),
            deadline_us: cells.deadline_us.replace(began_us.saturating_add(budget.wall_us)),
            grace_us: cells.grace_us.replace(None),
            clock: cells.clock.replace(Some(clock)),
            stopped: cells.stopped.replace(None),
        };
        Metered { outer, began_us, clock }
    })
}

impl Metered {
    /// Steps so far.
    pub fn operations(&self) -> u64 {
        METER.with(|cells| cells.used.get())
    }

    /// Microseconds so far.
    pub fn elapsed_us(&self) -> u64 {
        self.clock.micros() - self.began_us
    }
}

impl Drop for Metered {
    fn drop(&mut self) {
        let Outer { used, check_at, limit, deadline_us, grace_us, clock, stopped } = self.outer;
        METER.with(|cells| {
            cells.used.set(used);
            cells.check_at.set(check_at);
            cells.limit.set(limit);
            cells.deadline_us.set(deadline_us);
            cells.grace_us.set(grace_us);
            cells.clock.set(clock);
            cells.stopped.set(stopped);
        });
    }
}

/// Why the run on this thread was stopped, if it was.
pub fn stopped() -> Option<Stop> {
    METER.with(|cells| cells.stopped.get())
}

/// Counts one step. `Some` stops the script; once stopped, it stays so.
#[inline]
pub fn tick() -> Option<Dynamic> {
    add(1).map(|_| Dynamic::UNIT)
}

/// Counts the work of a native function, such as the bytes that it reads, as steps of 64.
pub fn charge(work: usize) -> Result<(), Box<EvalAltResult>> {
    match add(1 + work as u64 / 64) {
        None => Ok(()),
        Some(_) => Err(EvalAltResult::ErrorTerminated(Dynamic::UNIT, Position::NONE).into()),
    }
}

#[inline]
fn add(steps: u64) -> Option<Stop> {
    METER.with(|cells| {
        let used = cells.used.get() + steps;
        cells.used.set(used);
        if used < cells.check_at.get() { None } else { check(cells, used) }
    })
}

#[cold]
fn check(cells: &Cells, used: u64) -> Option<Stop> {
    if cells.stopped.get().is_some() {
        return cells.stopped.get();
    }
    let stop = match used > cells.limit.get() {
        true => Some(Stop::Operations),
        false => is_late(cells).then_some(Stop::Time),
    };
    cells.stopped.set(stop);
    cells.check_at.set(if stop.is_some() { 0 } else { used + CLOCK_EVERY });
    stop
}

fn is_late(cells: &Cells) -> bool {
    let Some(clock) = cells.clock.get().filter(|clock| clock.micros() >= cells.deadline_us.get()) else { return false };
    let (used, until) = (clock.thread_micros(), cells.grace_us.get());
    if until.is_none() {
        cells.grace_us.set(Some(used + GRACE_US));
    }
    until.is_some_and(|until| used >= until)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: u64 = 60_000_000;

    #[test]
    fn a_run_is_stopped_at_its_steps_and_stays_stopped() {
        let _metered = begin(Budget { operations: 100, wall_us: LONG }, Clock::start());
        let steps = (0..1_000).take_while(|_| tick().is_none()).count();
        assert!((100..=100 + CLOCK_EVERY as usize).contains(&steps), "{steps}");
        assert_eq!(stopped(), Some(Stop::Operations));
        assert!(tick().is_some() && charge(0).is_err());
    }

    #[test]
    fn a_run_is_stopped_at_its_time() {
        let clock = Clock::start();
        let metered = begin(Budget { operations: u64::MAX, wall_us: 2_000 }, clock);
        while tick().is_none() {
            assert!(metered.elapsed_us() < 1_000_000);
        }
        assert_eq!(stopped(), Some(Stop::Time));
        assert!(metered.elapsed_us() >= 2_000);
    }

    #[test]
    fn a_thread_that_waited_is_no_slow_script() {
        let clock = Clock::start();
        let _metered = begin(Budget { operations: u64::MAX, wall_us: 1_000 }, clock);
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert!((0..1_000).all(|_| tick().is_none()), "a thousand steps are done within the grace");
        let used_us = clock.thread_micros();
        while tick().is_none() {
            assert!(clock.thread_micros() - used_us < 1_000_000);
        }
        assert_eq!(stopped(), Some(Stop::Time), "nobody waits for ever");
    }

    #[test]
    fn native_work_counts_by_its_size() {
        let metered = begin(Budget { operations: 1_000, wall_us: LONG }, Clock::start());
        assert!(charge(640).is_ok());
        assert_eq!(metered.operations(), 11);
        assert!(charge(64 * 2_000).is_err());
    }

    #[test]
    fn a_run_inside_a_run_has_its_own_count() {
        let outer = begin(Budget { operations: 1_000, wall_us: LONG }, Clock::start());
        tick();
        {
            let _inner = begin(Budget { operations: 1, wall_us: LONG }, Clock::start());
            (0..100).for_each(|_| drop(tick()));
            assert_eq!(stopped(), Some(Stop::Operations));
        }
        assert_eq!((outer.operations(), stopped()), (1, None));
        drop(outer);
        assert!((0..100).all(|_| tick().is_none()), "nothing is metered outside a run");
    }
}
