//! Measures what `BENCHMARKS.md` reports of the build that the image holds: `make bench` runs everything; `cargo build --profile
//! dist` and then `cargo bench --bench measure -- NAME…` runs parts, whose figures take the place of their last ones. With one of
//! these the figures are only printed: `--quick` with a tenth of the calls, `--alone` without nginx (to look at Keywheel with a
//! profiler), `--binary=PATH` another build of Keywheel, `--against=PATH` one more beside it.

mod backend;
mod compare;
mod dashboard;
mod hooks;
mod keys;
mod keywheel;
mod load;
mod log;
mod memory;
mod nginx;
mod process;
mod questions;
mod report;
mod retention;
mod scripts;
mod selection;
mod start;
mod wire;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tempfile::TempDir;

use process::Process;
use report::Section;

/// Where and how thoroughly is measured.
pub struct Bench {
    scratch: TempDir,
    quick: bool,
    alone: bool,
    binary: PathBuf,
    against: Option<PathBuf>,
}

impl Bench {
    /// A fresh folder for a part.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.scratch.path().join(name);
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// Calls of a round.
    pub fn calls(&self, full: u64) -> u64 {
        if self.quick { full / 10 } else { full }
    }

    /// Rounds that count.
    pub fn rounds(&self, full: usize) -> usize {
        if self.quick { 3 } else { full }
    }

    /// Starts the provider as a process of its own.
    pub fn backend(&self, name: &str) -> Result<(Process, SocketAddr)> {
        let mut command = Command::new(std::env::current_exe()?);
        Process::start_listening(command.arg("--backend"), &self.folder(name)?.join("backend.err"))
    }
}

/// The parts in the order in which they run. A further one is a file with a `measure` of its own, its name here and its line in
/// [`run`]; parts whose sections have the same title share a table.
const PARTS: [&str; 15] = [
    "plain",
    "burst",
    "paced",
    "selection",
    "start",
    "log",
    "dashboard",
    "keys",
    "retention",
    "memory",
    "hooks",
    "scripts",
    "reloads",
    "hostile",
    "replay",
];

/// Lets this process, and those that it starts, have as many sockets as it may: slow readers need thousands.
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    // Where it is refused, opening the streams says what is missing.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

fn main() -> Result<()> {
    raise_open_files();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if arguments.first().is_some_and(|first| first == "--backend") {
        return runtime.block_on(backend::serve());
    }
    let says = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let path = |flag: &str| arguments.iter().find_map(|argument| argument.strip_prefix(flag)).map(PathBuf::from);
    let bench = Bench {
        scratch: TempDir::new()?,
        quick: says("--quick"),
        alone: says("--alone"),
        binary: path("--binary=").unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/dist/keywheel")),
        against: path("--against="),
    };
    ensure!(bench.binary.exists(), "there is no {}: `cargo build --profile dist` makes it", bench.binary.display());
    let wanted: Vec<&str> = arguments.iter().map(String::as_str).filter(|argument| !argument.starts_with("--")).collect();
    if let Some(unknown) = wanted.iter().find(|name| !PARTS.contains(name)) {
        bail!("there is no part {unknown}; the parts are {}", PARTS.join(", "));
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let kept = root.join("target/bench/parts");
    let counts = !arguments.iter().any(|argument| argument.starts_with("--") && argument != "--bench");
    for part in PARTS.into_iter().filter(|part| wanted.is_empty() || wanted.contains(part)) {
        println!("{part}");
        let section = runtime.block_on(run(&bench, part))?;
        if counts {
            section.keep(&kept, part)?;
        }
    }
    if !counts {
        return Ok(());
    }
    let mut parts = Vec::new();
    for part in PARTS {
        parts.extend(Section::kept(&kept, part)?.map(|section| (part, section)));
    }
    report::write_figures(&root.join("target/bench/results.json"), &parts)?;
    report::write_page(&root.join("BENCHMARKS.md"), &report::tables(&parts))
}

async fn run(bench: &Bench, part: &str) -> Result<Section> {
    match part {
        "plain" | "burst" | "paced" => compare::measure(bench, part).await,
        "start" => start::measure(bench).await,
        "selection" => selection::measure(bench).await,
        "log" => log::measure(bench).await,
        "dashboard" => dashboard::measure(bench).await,
        "keys" => keys::measure(bench).await,
        "retention" => retention::measure(bench).await,
        "memory" => memory::measure(bench).await,
        "hooks" => hooks::measure(),
        "scripts" | "reloads" | "hostile" | "replay" => scripts::measure(bench, part).await,
        _ => bail!("there is no part {part}"),
    }
}
