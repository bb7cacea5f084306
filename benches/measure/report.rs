//! What was measured: figures for programs in `target/bench/results.json`, the table for people in `BENCHMARKS.md`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use crate::nginx;

const BEGIN: &str = "<!-- bench:begin -->";
const END: &str = "<!-- bench:end -->";

/// One line of the table.
#[derive(Clone, Debug)]
pub struct Row {
    /// What is measured.
    pub what: String,
    /// The figure, with its unit and spread.
    pub measured: String,
    /// What it is measured against, or under which circumstances.
    pub beside: String,
    /// What must hold; empty where nothing must.
    pub limit: String,
    /// Whether it holds; `None` where nothing must, or where it could not be told.
    pub holds: Option<bool>,
}

/// The lines and figures of one part of the bench.
#[derive(Clone, Debug)]
pub struct Section {
    title: &'static str,
    rows: Vec<Row>,
    /// Its figures.
    pub figures: Map<String, Value>,
}

impl Section {
    /// An empty part.
    pub fn new(title: &'static str) -> Self {
        Section { title, rows: Vec::new(), figures: Map::new() }
    }

    /// Adds a line, and prints it, since the whole takes minutes.
    pub fn add(&mut self, row: Row) {
        println!("  {}: {}", row.what, row.measured);
        self.rows.push(row);
    }
}

/// The middle of some figures and how far they lie apart.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    /// The middle one.
    pub median: f64,
    /// The smallest.
    pub least: f64,
    /// The largest.
    pub most: f64,
}

impl Spread {
    /// Of at least one figure.
    pub fn of(figures: impl Iterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = figures.collect();
        sorted.sort_unstable_by(f64::total_cmp);
        Spread { median: sorted[sorted.len() / 2], least: sorted[0], most: sorted[sorted.len() - 1] }
    }

    /// `MEDIAN (LEAST–MOST)`.
    pub fn text(&self, digits: usize) -> String {
        format!("{:.digits$} ({:.digits$}–{:.digits$})", self.median, self.least, self.most)
    }

    /// For the figures.
    pub fn to_json(self) -> Value {
        json!({ "median": self.median, "least": self.least, "most": self.most })
    }
}

/// The machine and the versions that the figures belong to.
pub fn facts() -> Value {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("").trim_start_matches(['\t', ' ', ':']);
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory_kb: u64 = memory.split_whitespace().nth(1).and_then(|kb| kb.parse().ok()).unwrap_or(0);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    json!({
        "date": output("date", &["-u", "+%Y-%m-%d %H:%M UTC"]),
        "commit": output("git", &["describe", "--always", "--dirty", "--abbrev=10"]),
        "processor": model,
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "memory_gib": (memory_kb as f64 / 1_048_576.0).round(),
        "kernel": output("uname", &["-sr"]),
        "rustc": output("rustc", &["--version"]),
        "nginx": nginx::version(),
        "load_average_at_start": load.split(' ').next().unwrap_or_default(),
    })
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map_or_else(|_| "unknown".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The table in Markdown.
pub fn table(facts: &Value, sections: &[Section]) -> String {
    let fact = |name: &str| facts[name].as_str().map_or_else(|| facts[name].to_string(), str::to_owned);
    let mut text = format!(
        "Measured {} at commit `{}` on {} × {}, {} GiB, {}; {}; nginx {}; load average at the start {}.\n",
        fact("date"),
        fact("commit"),
        fact("cores"),
        fact("processor"),
        fact("memory_gib"),
        fact("kernel"),
        fact("rustc"),
        facts["nginx"].as_str().unwrap_or("not installed"),
        fact("load_average_at_start"),
    );
    let mut title = "";
    for section in sections {
        if section.title != title {
            title = section.title;
            write!(text, "\n### {title}\n\n| what | measured | beside | limit | holds |\n|---|---|---|---|---|\n")
                .expect("a string takes everything");
        }
        for row in &section.rows {
            let holds = row.holds.map_or("", |holds| if holds { "yes" } else { "**no**" });
            writeln!(text, "| {} | {} | {} | {} | {holds} |", row.what, row.measured, row.beside, row.limit)
                .expect("a string takes everything");
        }
    }
    text
}

/// Writes the figures.
pub fn write_figures(file: &Path, facts: &Value, sections: &[Section]) -> Result<()> {
    let mut figures = json!({ "facts": facts });
    for section in sections {
        for (name, value) in &section.figures {
            figures[section.title][name] = value.clone();
        }
    }
    fs::create_dir_all(file.parent().context("a file in a folder")?)?;
    Ok(fs::write(file, serde_json::to_string_pretty(&figures)? + "\n")?)
}

/// Puts the table between the marks of a page.
pub fn write_page(file: &Path, table: &str) -> Result<()> {
    let page = fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
    let (before, rest) = page.split_once(BEGIN).context("the page has no begin mark")?;
    let (_, after) = rest.split_once(END).context("the page has no end mark")?;
    Ok(fs::write(file, format!("{before}{BEGIN}\n{table}\n{END}{after}"))?)
}
