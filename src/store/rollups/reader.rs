//! Statistics: sums over a stretch of time by member, and series over an axis.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::Connection;

use super::OTHER_MEMBER;
use super::axis::{Axis, Range};
use super::dimension::{Dimension, Level, NO_MEMBER, split_name, table};
use super::sums::Sums;
use crate::domain::Outcome;
use crate::store::connection::DatabaseError;

/// Of whom some sums are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberName {
    /// The row id in the catalog, for providers, keys and clients; for a provider's model that of the provider.
    pub id: Option<i64>,
    /// The latest name; `None` for calls that have no such member (no client, no key), for all others together, and for
    /// the total.
    pub name: Option<Arc<str>>,
    /// All further members together.
    pub is_others: bool,
}

/// The sums of one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberSums {
    /// Of whom.
    pub member: MemberName,
    /// What.
    pub sums: Sums,
}

/// The series of one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// Of whom.
    pub member: MemberName,
    /// One item for each bucket of the axis, zeros included.
    pub buckets: Vec<Sums>,
    /// All buckets together.
    pub sum: Sums,
}

/// By what members are ranked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rank {
    /// The number of calls.
    #[default]
    Calls,
    /// What the calls cost.
    Cost,
    /// Input and output tokens.
    Tokens,
    /// Calls that did not succeed, and failed attempts.
    Failures,
}

impl Rank {
    fn of(self, sums: &Sums) -> i64 {
        match self {
            Rank::Calls => sums.calls,
            Rank::Cost => sums.cost.0,
            Rank::Tokens => sums.input.saturating_add(sums.output),
            Rank::Failures => sums.calls - sums.with_outcome(Outcome::Success) + sums.failed_attempts,
        }
    }
}

/// The sums of every member in a stretch of time, the greatest first.
pub(in crate::store) fn totals(
    connection: &Connection,
    dimension: Dimension,
    range: Range,
    rank: Rank,
) -> Result<Vec<MemberSums>, DatabaseError> {
    let snapshot = connection.unchecked_transaction()?;
    let names = Names::load(&snapshot, dimension)?;
    let ranked = ranked(&snapshot, dimension, range, rank)?;
    Ok(ranked.into_iter().map(|(member, sums)| MemberSums { member: names.of(member), sums }).collect())
}

/// The series of the `top` greatest members and of all others together: the greatest first, the others last. The total
/// is always one series; of the other dimensions only members with calls have one.
pub(in crate::store) fn series(
    connection: &Connection,
    dimension: Dimension,
    axis: &Axis,
    rank: Rank,
    top: usize,
) -> Result<Vec<Series>, DatabaseError> {
    let snapshot = connection.unchecked_transaction()?;
    let total = || {
        let ranked = ranked(&snapshot, Dimension::Total, axis.range(), rank);
        ranked.map(|mut total| total.pop().map(|(_, sum)| sum).unwrap_or_default())
    };
    let mut lines = match dimension {
        Dimension::Total => vec![(NO_MEMBER, total()?)],
        _ => ranked(&snapshot, dimension, axis.range(), rank)?,
    };
    let has_others = lines.len() > top || lines.iter().any(|(member, _)| *member == OTHER_MEMBER);
    lines.retain(|(member, _)| *member != OTHER_MEMBER);
    lines.truncate(top.max(1));
    if has_others {
        // Every dimension adds up to the total, so the others are what the chosen ones leave of it.
        let mut others: Sums = total()?;
        lines.iter().for_each(|(_, sum)| others.take_away(sum));
        lines.push((OTHER_MEMBER, others));
    }
    let mut buckets = vec![vec![Sums::default(); axis.buckets.len()]; lines.len()];
    let places: HashMap<i64, usize> = lines.iter().enumerate().map(|(place, (member, _))| (*member, place)).collect();
    let bucket_of = |second: i64| axis.buckets.partition_point(|bucket| bucket.to_ms <= second * 1000);
    let pieces = pieces_of(axis);
    for piece in &pieces {
        visit(&snapshot, dimension, *piece, |second, member, packed| match places.get(&member) {
            Some(line) if member != OTHER_MEMBER => buckets[*line].get_mut(bucket_of(second))?.add_packed(packed),
            _ => Some(()),
        })?;
    }
    if has_others && let Some((others, chosen)) = buckets.split_last_mut() {
        for piece in &pieces {
            visit(&snapshot, Dimension::Total, *piece, |second, _, packed| {
                others.get_mut(bucket_of(second))?.add_packed(packed)
            })?;
        }
        for (at, others) in others.iter_mut().enumerate() {
            chosen.iter().for_each(|line| others.take_away(&line[at]));
        }
    }
    let names = Names::load(&snapshot, dimension)?;
    let finished = lines.into_iter().zip(buckets);
    Ok(finished.map(|((member, sum), buckets)| Series { member: names.of(member), buckets, sum }).collect())
}

fn ranked(connection: &Connection, dimension: Dimension, range: Range, rank: Rank) -> Result<Vec<(i64, Sums)>, DatabaseError> {
    let mut pieces = Vec::new();
    cover(range.from_s, range.to_s, Level::Day, range.finest, &mut pieces);
    let mut by_member: HashMap<i64, Sums> = HashMap::new();
    for piece in pieces {
        visit(connection, dimension, piece, |_, member, packed| by_member.entry(member).or_default().add_packed(packed))?;
    }
    let mut ranked: Vec<(i64, Sums)> = by_member.into_iter().collect();
    ranked.sort_by_key(|(member, sums)| (std::cmp::Reverse(rank.of(sums)), *member));
    Ok(ranked)
}

/// The sums of every client over all time, in no order.
pub(in crate::store) fn client_totals_ever(connection: &Connection) -> Result<Vec<MemberSums>, DatabaseError> {
    let snapshot = connection.unchecked_transaction()?;
    let names = Names::load(&snapshot, Dimension::Client)?;
    let mut totals = Vec::new();
    visit(&snapshot, Dimension::Client, Piece { level: Level::Ever, from_s: 0, to_s: 1 }, |_, member, packed| {
        let mut sums = Sums::default();
        sums.add_packed(packed)?;
        totals.push(MemberSums { member: names.of(member), sums });
        Some(())
    })?;
    Ok(totals)
}

/// A stretch of time that the rows of one level fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) level: Level,
    pub(super) from_s: i64,
    pub(super) to_s: i64,
}

/// The pieces of an axis, cut at its buckets, so that no row reaches into two of them.
pub(super) fn pieces_of(axis: &Axis) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for bucket in &axis.buckets {
        cover(bucket.from_ms / 1000, bucket.to_ms / 1000, Level::Day, axis.finest, &mut pieces);
    }
    pieces
}

/// Fills a stretch with the longest buckets that fit: days inside, hours around them, and so on. Neighbours of one level
/// become one piece.
pub(super) fn cover(from_s: i64, to_s: i64, level: Level, finest: Level, pieces: &mut Vec<Piece>) {
    if from_s >= to_s {
        return;
    }
    let (inner_from, inner_to) = (level.ceil(from_s), level.floor(to_s));
    let finer = level.finer().filter(|finer| *finer >= finest);
    match (finer, inner_from < inner_to) {
        (Some(finer), true) => {
            cover(from_s, inner_from, finer, finest, pieces);
            push(Piece { level, from_s: inner_from, to_s: inner_to }, pieces);
            cover(inner_to, to_s, finer, finest, pieces);
        }
        (Some(finer), false) => cover(from_s, to_s, finer, finest, pieces),
        (None, _) => push(Piece { level, from_s: level.floor(from_s), to_s: level.ceil(to_s) }, pieces),
    }
}

fn push(piece: Piece, pieces: &mut Vec<Piece>) {
    match pieces.last_mut() {
        Some(last) if last.level == piece.level && last.to_s == piece.from_s => last.to_s = piece.to_s,
        _ => pieces.push(piece),
    }
}

/// Calls `add` with the bucket's second, the member and the packed sums of every row in a piece.
pub(super) fn visit(
    connection: &Connection,
    dimension: Dimension,
    piece: Piece,
    mut add: impl FnMut(i64, i64, &[u8]) -> Option<()>,
) -> Result<(), DatabaseError> {
    let table = table(dimension, piece.level);
    let mut statement =
        connection.prepare_cached(&format!("SELECT bucket, member, sums FROM {table} WHERE bucket >= ?1 AND bucket < ?2"))?;
    let mut rows = statement.query((piece.from_s, piece.to_s))?;
    while let Some(row) = rows.next()? {
        let packed = row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
        add(row.get(0)?, row.get(1)?, packed).ok_or_else(|| damaged(&table))?;
    }
    Ok(())
}

pub(super) fn damaged(table: &str) -> DatabaseError {
    let message = format!("damaged sums in {table}");
    DatabaseError::Damaged(rusqlite::Error::FromSqlConversionFailure(2, rusqlite::types::Type::Blob, message.into()))
}

/// The names of a dimension's members.
struct Names {
    dimension: Dimension,
    names: HashMap<i64, Arc<str>>,
}

impl Names {
    fn load(connection: &Connection, dimension: Dimension) -> Result<Self, DatabaseError> {
        let mut statement = connection.prepare_cached("SELECT member, name FROM names WHERE dimension = ?1")?;
        let names = statement.query_map((dimension.as_str(),), |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(Names { dimension, names: names.collect::<Result<_, _>>()? })
    }

    fn of(&self, member: i64) -> MemberName {
        if let (Dimension::ProviderModel, Some(name)) = (self.dimension, self.names.get(&member)) {
            let (id, model) = split_name(name);
            return MemberName { id, name: Some(model), is_others: false };
        }
        let is_row = matches!(self.dimension, Dimension::Provider | Dimension::Key | Dimension::Client);
        let name = match self.dimension {
            Dimension::Outcome => Outcome::ALL.get((member - 1).max(0) as usize).map(|outcome| outcome.as_str().into()),
            Dimension::Status => (member > NO_MEMBER).then(|| member.to_string().into()),
            _ => self.names.get(&member).cloned(),
        };
        MemberName { id: (is_row && member > NO_MEMBER).then_some(member), name, is_others: member == OTHER_MEMBER }
    }
}
