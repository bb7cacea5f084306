//! Where the log lines of scripts go: to the log, so many a second, or to a list when a draft is tried.

use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// Longest line, in bytes; the rest is cut.
pub const LINE_BYTES: usize = 1024;
/// Most lines that one trial keeps.
const CAPTURED_LINES: usize = 200;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// For whoever writes the script.
    Debug,
    /// For the record.
    Info,
    /// Something is wrong.
    Warn,
}

/// A line that a script logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// How much it matters.
    pub level: LogLevel,
    /// The script's file name.
    pub script: String,
    /// What it says, without control characters.
    pub text: String,
}

/// Where lines go.
#[derive(Debug)]
pub enum LogSink {
    /// To the log, at most so many lines a second.
    Tracing(RateLimit),
    /// Into a list.
    Capture(Mutex<Vec<LogLine>>),
}

impl LogSink {
    /// A sink that writes at most `lines` lines a second to the log.
    pub fn tracing(lines: u32) -> Self {
        LogSink::Tracing(RateLimit { lines, ..RateLimit::default() })
    }

    /// A sink that keeps lines.
    pub fn capture() -> Self {
        LogSink::Capture(Mutex::default())
    }

    /// Takes a line. Control characters are escaped, so that a prompt cannot write to a terminal.
    pub fn write(&self, level: LogLevel, script: &str, text: &str, now_ms: i64) {
        match self {
            LogSink::Tracing(limit) => {
                let Some(dropped) = limit.admit(now_ms) else { return };
                if dropped > 0 {
                    tracing::warn!(dropped, "script log lines dropped");
                }
                let text = clean(text);
                match level {
                    LogLevel::Debug => tracing::debug!(script, "script: {text}"),
                    LogLevel::Info => tracing::info!(script, "script: {text}"),
                    LogLevel::Warn => tracing::warn!(script, "script: {text}"),
                }
            }
            LogSink::Capture(lines) => {
                let mut lines = lines.lock();
                if lines.len() < CAPTURED_LINES {
                    lines.push(LogLine { level, script: script.to_owned(), text: clean(text) });
                }
            }
        }
    }

    /// Whether a line of Keywheel's own about a script may be written now.
    pub fn admits(&self, now_ms: i64) -> bool {
        match self {
            LogSink::Tracing(limit) => limit.admit(now_ms).is_some(),
            LogSink::Capture(_) => false,
        }
    }

    /// Takes out what was captured.
    pub fn take(&self) -> Vec<LogLine> {
        match self {
            LogSink::Tracing(_) => Vec::new(),
            LogSink::Capture(lines) => std::mem::take(&mut lines.lock()),
        }
    }
}

/// Lines in a second.
#[derive(Debug, Default)]
pub struct RateLimit {
    lines: u32,
    second: AtomicI64,
    used: AtomicU32,
    dropped: AtomicU64,
}

impl RateLimit {
    /// `Some` when a line may be written, with the number of lines dropped since the last one.
    fn admit(&self, now_ms: i64) -> Option<u64> {
        let second = now_ms / 1000;
        if self.second.swap(second, Ordering::Relaxed) != second {
            self.used.store(0, Ordering::Relaxed);
        }
        if self.used.fetch_add(1, Ordering::Relaxed) < self.lines {
            return Some(self.dropped.swap(0, Ordering::Relaxed));
        }
        self.dropped.fetch_add(1, Ordering::Relaxed);
        None
    }
}

/// A text for one line: cut, control characters escaped.
pub fn clean(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(LINE_BYTES));
    for c in text.chars() {
        if line.len() >= LINE_BYTES {
            line.push('…');
            break;
        }
        if c.is_control() { line.extend(c.escape_default()) } else { line.push(c) }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_so_many_lines_a_second_pass() {
        let limit = RateLimit { lines: 3, ..RateLimit::default() };
        let passed = |ms| (0..10).filter(|_| limit.admit(ms).is_some()).count();
        assert_eq!(passed(5_000), 3);
        assert_eq!(passed(5_999), 0);
        assert_eq!(limit.admit(6_000), Some(17));
    }

    #[test]
    fn a_line_is_short_and_harmless() {
        assert_eq!(clean("a\u{1b}[2J\nb"), "a\\u{1b}[2J\\nb");
        assert_eq!(clean(&"é".repeat(5_000)).chars().count(), LINE_BYTES / 2 + 1);
    }

    #[test]
    fn a_trial_keeps_its_lines() {
        let sink = LogSink::capture();
        (0..500).for_each(|n| sink.write(LogLevel::Info, "a.rhai", &n.to_string(), 0));
        let lines = sink.take();
        assert_eq!(lines.len(), 200);
        assert_eq!((lines[3].text.as_str(), lines[3].script.as_str()), ("3", "a.rhai"));
        assert!(sink.take().is_empty());
    }
}
