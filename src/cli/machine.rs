//! What the machine gives the process: threads and file descriptors.

use std::num::NonZeroUsize;

use anyhow::Context;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime::Runtime;

/// A runtime with this many worker threads; `None`: one for every two processors.
///
/// Every further thread makes a call dearer, since threads wake each other and hand tasks over, and the kernel's network, the
/// recorder and the readers of the log want processors too. A single worker is the thread that calls, with no hand-over at all.
pub(super) fn runtime(threads: Option<NonZeroUsize>) -> anyhow::Result<Runtime> {
    let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let mut builder = match threads.map_or((processors / 2).max(1), NonZeroUsize::get) {
        1 => tokio::runtime::Builder::new_current_thread(),
        threads => {
            let mut builder = tokio::runtime::Builder::new_multi_thread();
            builder.worker_threads(threads);
            builder
        }
    };
    builder.enable_all().thread_name("keywheel").build().context("cannot start worker threads")
}

/// Has the memory allocator's pages be small ones. A huge page is in memory whole as soon as a byte of it is used, and what
/// thousands of streams use lies scattered: each would take 8 KiB more, and a start 12 MiB. Calls cost about 1 % more for it.
pub(super) fn keep_pages_small() {
    // Elsewhere than on Linux, and where it is refused, memory is the only thing that is lost.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
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
