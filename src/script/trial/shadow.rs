//! Shadow: a draft beside the live set, on copies of the requests that come in. What it decides is counted, never obeyed.
//!
//! The data plane hands over a copy and goes on: it never waits, and when the shadow is behind, requests are left out.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;

use super::compare::{Comparison, SideBySide};
use super::input::TrialInput;
use super::installation::Installation;
use super::set::TrialStore;
use crate::clock::Clock;
use crate::domain::CallId;
use crate::script::error::Problem;
use crate::script::live::Scripts;
use crate::script::objects::{Missing, RequestParts};
use crate::script::set::ScriptSet;
use crate::script::sources::Sources;
use crate::script::stats::HookReport;

/// Requests that may wait.
const QUEUE: usize = 64;
/// Longest body that is copied, in bytes: those that wait take at most 16 MiB.
const BODY_BYTES: usize = 256 * 1024;
/// Longest sleep of the thread before it looks whether its time is over.
const LOOK: Duration = Duration::from_millis(200);

/// How a draft runs in shadow.
pub struct ShadowOptions {
    /// The draft.
    pub sources: Sources,
    /// The share of requests that it sees, above 0 and up to 1.
    pub share: f64,
    /// Unix milliseconds at which it ends.
    pub until_ms: i64,
    /// Where requests would go.
    pub installation: Arc<dyn Installation>,
}

/// What a shadow has found.
#[derive(Clone, Debug, PartialEq)]
pub struct ShadowReport {
    /// Whether it still runs.
    pub running: bool,
    /// The version of the live set that the last request was compared with.
    pub live: String,
    /// The draft's version.
    pub draft: String,
    /// Unix milliseconds at which it began.
    pub began_ms: i64,
    /// Unix milliseconds at which it ends, or ended.
    pub until_ms: i64,
    /// The share of requests that it sees.
    pub share: f64,
    /// Requests that were left out because it was behind.
    pub missed: u64,
    /// What differs.
    pub comparison: Comparison,
    /// What the live set's hooks did.
    pub live_hooks: Vec<HookReport>,
    /// What the draft's hooks did.
    pub draft_hooks: Vec<HookReport>,
}

/// The shadow of an installation: none, one that runs, or one that has ended.
#[derive(Default)]
pub struct ShadowSlot {
    /// Whether requests are wanted, so that a call without a shadow looks at one flag.
    wanted: AtomicBool,
    shadow: Mutex<Option<Arc<Shadow>>>,
}

struct Shadow {
    stopped: AtomicBool,
    requests: SyncSender<(TrialInput, Arc<ScriptSet>)>,
    /// A request is seen when the mix of its id is below.
    threshold: u64,
    share: f64,
    began_ms: i64,
    until_ms: Mutex<i64>,
    missed: AtomicU64,
    clock: Clock,
    found: Mutex<SideBySide>,
}

impl Scripts {
    /// Starts a draft in shadow; one that runs is ended.
    ///
    /// # Errors
    /// What stands against the draft.
    pub fn start_shadow(self: &Arc<Self>, options: ShadowOptions) -> Result<(), Vec<Problem>> {
        let live = self.trial(self.current().sources().clone(), TrialStore::CopyOfLive)?;
        let draft = self.trial(options.sources, TrialStore::CopyOfLive)?;
        let (requests, waiting) = sync_channel(QUEUE);
        let clock = self.surroundings().clock;
        let shadow = Arc::new(Shadow {
            stopped: AtomicBool::new(false),
            requests,
            threshold: (options.share.clamp(0.0, 1.0) * u64::MAX as f64) as u64,
            share: options.share,
            began_ms: clock.now().unix_ms,
            until_ms: Mutex::new(options.until_ms),
            missed: AtomicU64::new(0),
            clock,
            found: Mutex::new(SideBySide::new(live, draft)),
        });
        self.stop_shadow();
        let (worker, scripts, installation) = (shadow.clone(), Arc::downgrade(self), options.installation);
        let run = move || {
            worker.run(&waiting, &scripts, &*installation);
            if let Some(scripts) = scripts.upgrade() {
                scripts.shadow_slot().end(&worker);
            }
        };
        let slot = self.shadow_slot();
        *slot.shadow.lock() = Some(shadow.clone());
        slot.wanted.store(true, Ordering::Release);
        if let Err(cause) = thread::Builder::new().name("shadow".to_owned()).spawn(run) {
            tracing::error!(%cause, "a draft cannot run in shadow");
            slot.end(&shadow);
        }
        Ok(())
    }

    /// Ends the shadow; what it found stays to be read. Whether one ran.
    pub fn stop_shadow(&self) -> bool {
        let slot = self.shadow_slot();
        let running = slot.shadow.lock().clone().filter(|shadow| !shadow.stopped.load(Ordering::Acquire));
        running.inspect(|shadow| slot.end(shadow)).is_some()
    }

    /// What the shadow has found; `None`: there was none since the start.
    pub fn shadow(&self) -> Option<ShadowReport> {
        let shadow = self.shadow_slot().shadow.lock().clone();
        shadow.map(|shadow| shadow.report())
    }

    /// Offers a request to the shadow. Without one this costs a look at a flag; `copy` is called for those it wants. `live` is the
    /// set that the call began with; `None`: one without hooks.
    #[inline]
    pub fn offer_to_shadow(&self, call: CallId, live: Option<&Arc<ScriptSet>>, copy: impl FnOnce() -> RequestParts) {
        let slot = self.shadow_slot();
        if slot.wanted.load(Ordering::Relaxed) {
            slot.offer(call, || (input(copy()), live.cloned().unwrap_or_else(|| self.current())));
        }
    }
}

impl ShadowSlot {
    fn end(&self, ended: &Arc<Shadow>) {
        ended.stop();
        let current = self.shadow.lock();
        if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, ended)) {
            self.wanted.store(false, Ordering::Release);
        }
    }

    #[cold]
    fn offer(&self, call: CallId, copy: impl FnOnce() -> (TrialInput, Arc<ScriptSet>)) {
        let Some(shadow) = self.shadow.lock().clone() else { return };
        if mix(call) > shadow.threshold || shadow.stopped.load(Ordering::Relaxed) {
            return;
        }
        if shadow.requests.try_send(copy()).is_err() {
            shadow.missed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Shadow {
    fn run(&self, waiting: &Receiver<(TrialInput, Arc<ScriptSet>)>, scripts: &Weak<Scripts>, installation: &dyn Installation) {
        loop {
            let now_ms = self.clock.now().unix_ms;
            if self.stopped.load(Ordering::Acquire) || now_ms >= *self.until_ms.lock() {
                return;
            }
            let (input, live) = match waiting.recv_timeout(LOOK) {
                Ok(request) => request,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let began_us = self.clock.micros();
            match self.follow(&live, scripts) {
                true => self.found.lock().compare(&input, None, installation),
                false => _ = self.missed.fetch_add(1, Ordering::Relaxed),
            }
            // It takes at most half of a processor: live calls come first.
            thread::sleep(Duration::from_micros(self.clock.micros() - began_us));
        }
    }

    /// Makes the set that a call began with the one to compare with. Whether that is so now.
    fn follow(&self, live: &ScriptSet, scripts: &Weak<Scripts>) -> bool {
        let mut found = self.found.lock();
        if found.live().version() == live.version() {
            return true;
        }
        let Some(scripts) = scripts.upgrade() else { return false };
        match scripts.trial_after(found.live(), live.sources().clone()) {
            Ok(set) => {
                found.set_live(set);
                true
            }
            Err(problems) => {
                let cause = problems.first().map(ToString::to_string);
                tracing::warn!(version = live.version(), cause, "the shadow cannot be compared with the live scripts");
                false
            }
        }
    }

    fn stop(&self) {
        if !self.stopped.swap(true, Ordering::AcqRel) {
            let mut until_ms = self.until_ms.lock();
            *until_ms = self.clock.now().unix_ms.min(*until_ms);
        }
    }

    fn report(&self) -> ShadowReport {
        let found = self.found.lock();
        ShadowReport {
            running: !self.stopped.load(Ordering::Acquire),
            live: found.live().version().to_owned(),
            draft: found.draft().version().to_owned(),
            began_ms: self.began_ms,
            until_ms: *self.until_ms.lock(),
            share: self.share,
            missed: self.missed.load(Ordering::Relaxed),
            comparison: found.comparison().clone(),
            live_hooks: found.live().reports(),
            draft_hooks: found.draft().reports(),
        }
    }
}

fn input(mut request: RequestParts) -> TrialInput {
    let is_long = request.body.len() > BODY_BYTES;
    if is_long {
        request.body = Default::default();
    }
    let at_ms = request.id.unix_ms();
    TrialInput { request, missing: Missing { body: is_long, headers: false }, at_ms, ..TrialInput::default() }
}

/// Spreads ids evenly, and always alike.
fn mix(call: CallId) -> u64 {
    let id = call.0.as_u128();
    crate::clock::Entropy::from_seed(id as u64 ^ (id >> 64) as u64).next_u64()
}
