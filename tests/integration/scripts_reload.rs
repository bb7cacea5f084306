//! Scripts that change while calls are under way: no call fails, none is judged by two sets.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use keywheel::mock::{Behaviour, MockProvider};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::app::{chat_body, read};
use crate::process::{Process, number_from};
use crate::scripts::bootstrap;

/// Longest wait for a set to be live: a machine that is busy with other things may take seconds for what takes milliseconds.
const LONG: Duration = Duration::from_secs(30);
/// Memory that sets may leave behind in all, whatever their number: what the allocator keeps for itself.
const MOST_GROWTH_KIB: u64 = 64 * 1024;

/// Puts a folder with both files of a set in the place of the one before, in one step.
fn swap_in(root: &Path, name: &str, first: &str, second: &str) {
    let (set, link) = (root.join("sets").join(name), root.join("link"));
    std::fs::create_dir_all(&set).expect("the folder of the set");
    std::fs::write(set.join("10-first.rhai"), first).expect("the first file");
    std::fs::write(set.join("20-second.rhai"), second).expect("the second file");
    symlink(&set, &link).expect("a link");
    std::fs::rename(&link, root.join("scripts")).expect("the link takes its place");
}

/// What one file notes at the beginning of a call must be what the other one knows at its end.
fn swap_in_number(root: &Path, number: u64) {
    let first = format!("fn on_request(req) {{ req.attributes.begun = {number}; }}");
    let second = format!(
        "fn on_response(req, resp) {{\n    resp.headers[\"x-begun\"] = req.attributes.begun;\n    \
         resp.headers[\"x-ended\"] = {number};\n}}\n\
         fn test_both_belong_together() {{\n    assert({number} >= 0);\n}}"
    );
    swap_in(root, &number.to_string(), &first, &second);
}

/// Makes a call. The number of the set that judged it, from its beginning to its end.
async fn judged_by(process: &Process) -> u64 {
    let answer = read(process.request("POST", "/v1/chat/completions").body(chat_body(false))).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let number = |name: &str| answer.header(name).parse::<u64>().unwrap_or_else(|_| panic!("no {name}: {:?}", answer.headers));
    assert_eq!(number("x-begun"), number("x-ended"), "one set judged how the call began, another how it ended");
    number("x-ended")
}

/// Calls from so many clients until it is told to stop.
fn callers(process: &Arc<Process>, count: usize) -> (Arc<AtomicBool>, Arc<AtomicU64>, JoinSet<()>) {
    let (is_over, made) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut callers = JoinSet::new();
    for _ in 0..count {
        let (process, is_over, made) = (process.clone(), is_over.clone(), made.clone());
        callers.spawn(async move {
            let mut newest = 0;
            while !is_over.load(Ordering::Relaxed) {
                let number = judged_by(&process).await;
                assert!(number >= newest, "set {newest} was live before set {number}");
                newest = number;
                made.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    (is_over, made, callers)
}

/// `KEYWHEEL_TEST_RELOADS=1000` for a longer look.
#[tokio::test(flavor = "multi_thread")]
async fn reloads_under_load_fail_no_call_and_mix_no_sets() {
    let reloads = number_from("KEYWHEEL_TEST_RELOADS", 50);
    let provider = MockProvider::start().await;
    // A call takes a while, so that sets change in the middle of it.
    let reply = json!({"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]});
    provider.behave(move |request| (request.path() != "/v1/models").then(|| Behaviour::answer(200).delay_ms(4).json(&reply)));
    let folder = tempfile::tempdir().expect("a folder");
    swap_in_number(folder.path(), 0);
    let process = Arc::new(Process::start(folder.path(), &bootstrap(&provider), &[("KEYWHEEL_THREADS", "2")]).await);
    let (is_over, made, mut callers) = callers(&process, 6);
    let mut live_after = Vec::new();
    let mut memory = Vec::new();
    for number in 1..=reloads {
        if number % 10 == 0 {
            swap_in(folder.path(), &format!("broken-{number}"), "fn on_request(req) { reject(400, \"broken\", \"\") }", "fn (");
            wait_until_refused(&process).await;
        }
        swap_in_number(folder.path(), number);
        let swapped = Instant::now();
        while judged_by(&process).await < number {
            assert!(swapped.elapsed() < LONG, "set {number} never went live");
            assert!(callers.try_join_next().is_none(), "a caller ended");
        }
        live_after.push(swapped.elapsed());
        memory.push(process.resident_kib());
    }
    is_over.store(true, Ordering::Relaxed);
    while let Some(ended) = callers.join_next().await {
        ended.expect("no call failed, and none was judged by two sets");
    }
    live_after.sort();
    let (half, most) = (live_after[live_after.len() / 2], live_after[live_after.len() * 99 / 100]);
    let (before, after) = (memory[memory.len() / 4], memory[memory.len() - 1]);
    println!(
        "{reloads} reloads under {} calls: live after {half:?}, 99 % after {most:?}; memory {before} KiB, then {after} KiB",
        made.load(Ordering::Relaxed)
    );
    assert!(after < before + MOST_GROWTH_KIB, "memory grew from {before} to {after} KiB");
    let state = process.admin("GET", "/api/scripts", Value::Null).await.json();
    assert_eq!(state["failed_reloads"], json!(reloads / 10), "{}", state["last_reload"]);
    assert_eq!(state["last_reload"]["ok"], true);
}

async fn wait_until_refused(process: &Process) {
    let began = Instant::now();
    while process.admin("GET", "/api/scripts", Value::Null).await.json()["last_reload"]["ok"] == true {
        assert!(began.elapsed() < LONG, "broken scripts were never noticed");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
