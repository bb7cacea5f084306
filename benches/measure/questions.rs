//! Questions to the admin API, each put again and again, and their rows.

use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::Bench;
use crate::keywheel::ADMIN_TOKEN;
use crate::report::{Row, Section, Spread};
use crate::wire::Connection;

/// What a page waits for is there within so many milliseconds.
const LIMIT_MS: f64 = 50.0;
const ROUNDS: usize = 21;

/// A question, as a row of the table.
pub struct Question<'t> {
    /// Its figure's name, without the unit.
    pub name: &'t str,
    /// The row's first column.
    pub what: &'t str,
    /// The row's third column.
    pub beside: &'t str,
    /// The path and what follows it.
    pub path: &'t str,
    /// Bytes that an answer has at least.
    pub least_bytes: u64,
}

/// Puts a question and adds its row.
pub async fn put(bench: &Bench, address: SocketAddr, section: &mut Section, question: &Question<'_>) -> Result<()> {
    let mut figures = Vec::new();
    for _ in 0..bench.rounds(ROUNDS) {
        figures.push(timed(get(address, question)).await?);
    }
    add_row(section, question.name, question.what, question.beside, figures);
    Ok(())
}

async fn get(address: SocketAddr, question: &Question<'_>) -> Result<()> {
    let path = question.path;
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {ADMIN_TOKEN}\r\n\r\n");
    let answer = Connection::open(address).await?.call(request.as_bytes(), true).await?;
    ensure!(answer.status == 200, "{path} is answered {}: {}", answer.status, String::from_utf8_lossy(&answer.body));
    ensure!(answer.length >= question.least_bytes, "{path} is answered with {} bytes", answer.length);
    Ok(())
}

/// Milliseconds that an answer took.
pub async fn timed(work: impl Future<Output = Result<()>>) -> Result<f64> {
    let began = Instant::now();
    work.await.context("a question")?;
    Ok(began.elapsed().as_secs_f64() * 1_000.0)
}

/// Adds the row of a question, from the milliseconds that its answers took.
pub fn add_row(section: &mut Section, name: &str, what: &str, beside: &str, figures: Vec<f64>) {
    let spread = Spread::of(figures.into_iter());
    section.add(Row {
        what: what.to_owned(),
        measured: format!("{} ms", spread.text(1)),
        beside: beside.to_owned(),
        limit: format!("≤ {LIMIT_MS} ms"),
        holds: Some(spread.median <= LIMIT_MS),
    });
    section.figures.insert(format!("{name}_ms"), spread.to_json());
}
