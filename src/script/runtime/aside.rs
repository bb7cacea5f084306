//! Where a slow script runs: a worker that computes for milliseconds keeps every other call of its thread waiting.

use tokio::runtime::{Handle, RuntimeFlavor};

/// Runs something long. On a worker of a runtime with several, its other calls are handed to another thread first, which costs
/// some ten microseconds; a runtime of a single thread has nobody to hand them to.
pub fn aside<T>(run: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(run),
        _ => run(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn calls_of_the_same_worker_go_on_meanwhile() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
        let went_on = std::sync::Arc::new(AtomicBool::new(false));
        let seen = went_on.clone();
        let long = runtime.spawn(async move {
            tokio::spawn(async move { seen.store(true, Ordering::SeqCst) });
            aside(|| {
                let began = Instant::now();
                while !went_on.load(Ordering::SeqCst) {
                    assert!(began.elapsed() < Duration::from_secs(10), "the other task waits for this one");
                    std::thread::sleep(Duration::from_millis(1));
                }
            });
        });
        runtime.block_on(long).unwrap();
    }

    #[test]
    fn it_runs_everywhere() {
        assert_eq!(aside(|| 1), 1);
        let alone = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert_eq!(alone.block_on(async { aside(|| 2) }), 2);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        assert_eq!(runtime.block_on(async { tokio::task::spawn_blocking(|| aside(|| 3)).await.unwrap() }), 3);
    }
}
