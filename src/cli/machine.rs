//! What the machine gives the process: threads and file descriptors.

use std::num::NonZeroUsize;

use anyhow::Context;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime::Runtime;

/// A runtime with this many worker threads; `None`: one for each processor.
pub(super) fn runtime(threads: Option<NonZeroUsize>) -> anyhow::Result<Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(threads) = threads {
        builder.worker_threads(threads.get());
    }
    builder.enable_all().thread_name("keywheel").build().context("cannot start worker threads")
}

/// Raises the number of files and sockets that the process may open as far as it may itself; returns that number.
///
/// Shells commonly allow 1,024, and each call needs two sockets.
pub(super) fn raise_open_files() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum || setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_err() {
        return current;
    }
    maximum
}
