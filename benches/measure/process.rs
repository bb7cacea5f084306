//! The processes that are measured: how they are started and ended, the CPU time and memory that the kernel counts for them.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

/// A child that is killed when it is dropped.
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts a command; what it says goes to `log`.
    pub fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let log = fs::File::create(log)?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        Ok(Process { child: command.spawn().with_context(|| format!("start {command:?}"))? })
    }

    /// Starts a command that prints `listening on http://ADDRESS` when it is ready; what it says on standard error goes to `log`.
    pub fn start_listening(command: &mut Command, log: &Path) -> Result<(Self, SocketAddr)> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(fs::File::create(log)?);
        let mut process = Process { child: command.spawn().with_context(|| format!("start {command:?}"))? };
        let stdout = process.child.stdout.take().context("standard output was not piped")?;
        for line in BufReader::new(stdout).lines() {
            if let Some(address) = line?.strip_prefix("listening on http://") {
                return Ok((process, address.trim_end_matches('/').parse()?));
            }
        }
        anyhow::bail!("{command:?} ended without listening:\n{}", fs::read_to_string(log).unwrap_or_default())
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// CPU time of this process and its children so far.
    pub fn cpu(&self) -> Result<CpuTime> {
        let mut time = CpuTime::default();
        for process in family(self.id()) {
            for task in fs::read_dir(format!("/proc/{process}/task"))?.flatten() {
                let Ok(text) = fs::read_to_string(task.path().join("schedstat")) else { continue };
                let nanoseconds = text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(0);
                time.by_task.insert(task.file_name().to_string_lossy().into_owned(), nanoseconds);
            }
            time.ticks += ticks(process);
        }
        Ok(time)
    }

    /// A line of the process's status, in bytes: `VmRSS` (resident now) or `VmHWM` (resident at most).
    pub fn memory(&self, line: &str) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        let found = status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':'));
        let kibibytes: u64 = found.and_then(|text| text.trim().strip_suffix(" kB")?.parse().ok()).context("no such line")?;
        Ok(kibibytes * 1024)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A master process ends its workers only when it is asked to end. Failing here means that it has ended already.
        let asked = Command::new("kill").arg(self.id().to_string()).stderr(Stdio::null()).status();
        for _ in 0..50 {
            if asked.is_err() || self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        self.child.kill().and_then(|()| self.child.wait()).ok();
    }
}

/// CPU time of a process family at one moment, user and system together.
#[derive(Clone, Debug, Default)]
pub struct CpuTime {
    by_task: HashMap<String, u64>,
    ticks: u64,
}

impl CpuTime {
    /// Nanoseconds since an earlier moment: the scheduler's own count for each thread, or the coarser count of the process
    /// (in steps of 10 ms) where threads have ended in between.
    pub fn since(&self, earlier: &CpuTime) -> u64 {
        if earlier.by_task.keys().any(|task| !self.by_task.contains_key(task)) {
            return (self.ticks - earlier.ticks) * 10_000_000;
        }
        self.by_task.iter().map(|(task, now)| now - earlier.by_task.get(task).unwrap_or(&0)).sum()
    }
}

fn family(parent: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
    std::iter::once(parent).chain(children.split_whitespace().filter_map(|id| id.parse().ok())).collect()
}

fn ticks(process: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum()
}
