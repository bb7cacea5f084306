//! Watching the folder: what changes on disk goes live by itself.
//!
//! Events only say that it is worth a look; what counts is the folder's contents. So it does not matter whether an editor
//! writes in place or renames, whether a mount swaps a symlink, or how many events one save makes. A slow look besides finds
//! what no event told of: some mounts have none, a link may lead to a file elsewhere, and a folder that was removed takes its
//! watch along.

use std::path::{self, Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Weak};
use std::time::Duration;
use std::{fs, thread};

use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};

use super::error::Problem;
use super::live::{Scripts, read};
use super::sources::Sources;
use crate::clock::Clock;

/// Silence after an event before the folder is read: a save is often several events.
const QUIET: Duration = Duration::from_millis(30);
/// Longest wait for that silence, in a burst.
const BURST: Duration = Duration::from_millis(150);
/// Longest wait for a file that was emptied or moved away to be written: an editor that saves in place empties it first, one that
/// keeps a copy renames it, and a filter must not be gone meanwhile.
const ABSENT: Duration = Duration::from_millis(150);
/// Between two looks at such a file.
const ABSENT_LOOK: Duration = Duration::from_millis(10);
/// Between two looks that no event asked for.
const SLOW_LOOK: Duration = Duration::from_secs(2);

/// How the folder is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchMode {
    /// By the system's events, with a look every two seconds besides.
    Events,
    /// By a look every so many milliseconds alone, 50 or more: for mounts without events.
    Poll(u64),
}

/// Stops watching when it is dropped.
pub struct ScriptWatch {
    stopped: Arc<AtomicBool>,
    wake: SyncSender<()>,
}

impl Drop for ScriptWatch {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        // A full channel has woken the thread already.
        _ = self.wake.try_send(());
    }
}

impl Scripts {
    /// Watches the folder on a thread of its own until the answer is dropped. Without a folder there is nothing to do.
    pub fn watch(self: &Arc<Self>, mode: WatchMode) -> ScriptWatch {
        let (wake, woken) = sync_channel(1);
        let stopped = Arc::new(AtomicBool::new(false));
        if let Some(folder) = self.folder() {
            let look_every = match mode {
                WatchMode::Events => SLOW_LOOK,
                WatchMode::Poll(ms) => Duration::from_millis(ms.max(50)),
            };
            let mut watch = Watch {
                scripts: Arc::downgrade(self),
                // Events name absolute paths.
                folder: path::absolute(folder).unwrap_or_else(|_| folder.to_owned()),
                look_every,
                wake: (mode == WatchMode::Events).then(|| wake.clone()),
                watched: None,
            };
            watch.watch_folder();
            let stopped = stopped.clone();
            let spawned = thread::Builder::new().name("scripts".to_owned()).spawn(move || watch.run(&woken, &stopped));
            if let Err(cause) = spawned {
                tracing::error!(%cause, "the script folder is not watched: changes go live at a restart or through the API");
            }
        }
        ScriptWatch { stopped, wake }
    }
}

struct Watch {
    scripts: Weak<Scripts>,
    folder: PathBuf,
    look_every: Duration,
    /// Where events go; `None` when the folder is polled.
    wake: Option<SyncSender<()>>,
    /// The watcher, and which folder it watches.
    watched: Option<(RecommendedWatcher, Option<Identity>)>,
}

/// Which folder a path leads to: a folder that was removed and made anew, or swapped by its link, is another one.
type Identity = (PathBuf, u64);

impl Watch {
    fn run(mut self, woken: &Receiver<()>, stopped: &AtomicBool) {
        loop {
            match woken.recv_timeout(self.look_every) {
                Ok(()) => wait_for_quiet(woken),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => thread::sleep(self.look_every),
            }
            if stopped.load(Ordering::Relaxed) {
                return;
            }
            let Some(scripts) = self.scripts.upgrade() else { return };
            // Watched first and read then: what changes in between is an event.
            self.watch_folder();
            scripts.reload_from(|folder| read_written(folder, scripts.current().sources()));
        }
    }

    /// Watches the folder, and the place it stands in, unless that is so already.
    fn watch_folder(&mut self) {
        let Some(wake) = &self.wake else { return };
        let identity = identity(&self.folder);
        if self.watched.as_ref().is_some_and(|(_, watched)| *watched == identity) {
            return;
        }
        let (wake, inside) = (wake.clone(), self.folder.clone());
        let on_event = move |event: notify::Result<Event>| {
            // An error may mean that events were lost, so it is worth a look as well; that a file was read is not.
            let is_idle = event.is_ok_and(|event| event.kind.is_access() || !concerns(&event, &inside));
            if !is_idle {
                // A full channel has woken the thread already.
                _ = wake.try_send(());
            }
        };
        match start_watcher(on_event, &self.folder) {
            Ok(watcher) => self.watched = Some((watcher, identity)),
            Err(cause) => {
                let folder = self.folder.display();
                tracing::warn!(%cause, %folder, "no events from the script folder: it is looked at every two seconds");
                self.wake = None;
            }
        }
    }
}

fn start_watcher(
    on_event: impl FnMut(notify::Result<Event>) + Send + 'static,
    folder: &Path,
) -> notify::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(on_event)?;
    if let Some(parent) = folder.parent().filter(|parent| parent.is_dir()) {
        watcher.watch(parent, RecursiveMode::NonRecursive)?;
    }
    if folder.is_dir() {
        watcher.watch(folder, RecursiveMode::Recursive)?;
    }
    Ok(watcher)
}

fn concerns(event: &Event, folder: &Path) -> bool {
    event.paths.is_empty() || event.paths.iter().any(|path| path.starts_with(folder))
}

fn identity(folder: &Path) -> Option<Identity> {
    let path = fs::canonicalize(folder).ok()?;
    #[cfg(unix)]
    let number = std::os::unix::fs::MetadataExt::ino(&fs::metadata(&path).ok()?);
    #[cfg(not(unix))]
    let number = 0;
    Some((path, number))
}

/// Reads the folder once no file is empty or gone that had a text before, or has been so for long enough to be meant.
fn read_written(folder: Option<&Path>, before: &Sources) -> Result<Sources, Vec<Problem>> {
    let clock = Clock::start();
    loop {
        let sources = read(folder)?;
        let is_absent =
            |(name, text): (&str, &Arc<str>)| !text.is_empty() && sources.get(name).is_none_or(|now| now.is_empty());
        if !before.iter().any(is_absent) || Duration::from_micros(clock.micros()) >= ABSENT {
            return Ok(sources);
        }
        thread::sleep(ABSENT_LOOK);
    }
}

/// Waits until a burst of events is over.
fn wait_for_quiet(woken: &Receiver<()>) {
    let clock = Clock::start();
    while Duration::from_micros(clock.micros()) < BURST && woken.recv_timeout(QUIET).is_ok() {}
}
