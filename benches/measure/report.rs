//! What was measured: figures for programs in `target/bench/results.json`, the table for people in `BENCHMARKS.md`.

use std::fmt::Write as _;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::nginx;

const BEGIN: &str = "<!-- bench:begin -->";
const END: &str = "<!-- bench:end -->";

/// One line of the table.
#[derive(Clone, Debug, Deserialize, Serialize)]
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
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Section {
    title: String,
    rows: Vec<Row>,
    /// Its figures.
    pub figures: Map<String, Value>,
    /// When, on what and of what they are: [`facts`] before the part began.
    facts: Value,
}

impl Section {
    /// An empty part. Parts with the same title share a table.
    pub fn new(title: &str) -> Self {
        Section { title: title.to_owned(), rows: Vec::new(), figures: Map::new(), facts: facts() }
    }

    /// Adds a line, and prints it, since the whole takes minutes.
    pub fn add(&mut self, row: Row) {
        println!("  {}: {} | {}", row.what, row.measured, row.beside);
        self.rows.push(row);
    }

    /// Keeps the part in a folder, in place of what was measured of it before.
    pub fn keep(&self, folder: &Path, part: &str) -> Result<()> {
        fs::create_dir_all(folder)?;
        Ok(fs::write(folder.join(part).with_extension("json"), serde_json::to_string_pretty(self)? + "\n")?)
    }

    /// What was last measured of a part, if ever.
    pub fn kept(folder: &Path, part: &str) -> Result<Option<Self>> {
        match fs::read_to_string(folder.join(part).with_extension("json")) {
            Ok(text) => Ok(Some(serde_json::from_str(&text)?)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn fact(&self, name: &str) -> String {
        self.facts[name].as_str().map_or_else(|| self.facts[name].to_string(), str::to_owned)
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

/// The machine and the versions that figures belong to.
fn facts() -> Value {
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
        "load_average": load.split(' ').next().unwrap_or_default(),
    })
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map_or_else(|_| "unknown".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The tables in Markdown, each with the time, build and load of its parts.
pub fn tables(parts: &[(&str, Section)]) -> String {
    let mut text = String::new();
    if let Some((_, last)) = parts.last() {
        let fact = |name| last.fact(name);
        let (cores, processor, memory, kernel) = (fact("cores"), fact("processor"), fact("memory_gib"), fact("kernel"));
        text = format!("On {cores} × {processor}, {memory} GiB, {kernel}; {}; {}.\n", fact("rustc"), fact("nginx"));
    }
    for group in parts.chunk_by(|(_, one), (_, next)| one.title == next.title) {
        let head = "| what | measured | beside | limit | holds |\n|---|---|---|---|---|\n";
        write!(text, "\n### {}\n\n{head}", group[0].1.title).expect("a string takes everything");
        for row in group.iter().flat_map(|(_, section)| &section.rows) {
            let holds = row.holds.map_or("", |holds| if holds { "yes" } else { "**no**" });
            writeln!(text, "| {} | {} | {} | {} | {holds} |", row.what, row.measured, row.beside, row.limit)
                .expect("a string takes everything");
        }
        let when: Vec<String> = group
            .iter()
            .map(|(part, section)| {
                format!(
                    "`{part}` {} at `{}`, load average {}",
                    section.fact("date"),
                    section.fact("commit"),
                    section.fact("load_average")
                )
            })
            .collect();
        write!(text, "\n{}.\n", when.join("; ")).expect("a string takes everything");
    }
    text
}

/// Writes the figures of the parts for programs.
pub fn write_figures(file: &Path, parts: &[(&str, Section)]) -> Result<()> {
    let figures: Map<String, Value> = parts
        .iter()
        .map(|(part, section)| ((*part).to_owned(), json!({ "facts": section.facts, "figures": section.figures })))
        .collect();
    Ok(fs::write(file, serde_json::to_string_pretty(&figures)? + "\n")?)
}

/// Puts the table between the marks of a page.
pub fn write_page(file: &Path, table: &str) -> Result<()> {
    let page = fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
    let (before, rest) = page.split_once(BEGIN).context("the page has no begin mark")?;
    let (_, after) = rest.split_once(END).context("the page has no end mark")?;
    Ok(fs::write(file, format!("{before}{BEGIN}\n{table}\n{END}{after}"))?)
}
