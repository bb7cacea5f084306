//! The write side of the sums: they gather in memory and are added to the tables in one transaction, together with the
//! mark of how much of each segment they hold.

use std::collections::hash_map::Entry;
use std::path::Path;
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt};
use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, OptionalExtension};

use super::dimension::{Dimension, Level, Member, NO_MEMBER, contributions, differences, split_name, table};
use super::sums::Sums;
use super::{MINUTES_KEPT_S, OTHER_MEMBER, ROLLUPS};
use crate::domain::CallRecord;
use crate::store::connection::{DatabaseError, Durability, open_writer};
use crate::store::segments::{Change, Day, Mark};

/// Model names that get sums of their own. Clients choose the names they ask for, so there must be an end; calls with
/// further names are summed as one.
const MOST_MODELS: i64 = 10_000;
/// The part of them that names which no provider was ever asked for may take.
const MOST_UNSERVED_MODELS: i64 = 1_000;
/// Minutes of one table that are removed at a time, so that removing never takes long.
const MINUTES_REMOVED_AT_ONCE: i64 = 60;

type Sum = (Level, i64, Dimension, i64);

/// Adds calls to the sums.
pub(in crate::store) struct RollupWriter {
    connection: Connection,
    /// What is not in the tables yet, by minute.
    pending: HashMap<(Dimension, i64, i64), Sums>,
    names: HashMap<(Dimension, i64), Arc<str>>,
    models: HashMap<Arc<str>, i64>,
    served_models: HashMap<Arc<str>, i64>,
    provider_models: HashMap<(i64, Arc<str>), i64>,
    new_names: Vec<(Dimension, i64, Arc<str>)>,
    marks: HashMap<Day, Applied>,
}

/// How much of a segment the sums hold.
#[derive(Clone, Debug)]
pub(in crate::store) struct Applied {
    /// Which file of that day.
    pub(in crate::store) identity: Vec<u8>,
    /// How much of it.
    pub(in crate::store) mark: Mark,
    /// Whether it may be written further.
    pub(in crate::store) open: bool,
}

/// Makes the next start look whether the sums lack something of any day: for a copy of them that was made while the days
/// grew.
pub(in crate::store) fn expect_more(path: &Path) -> Result<(), DatabaseError> {
    open_writer(path, &ROLLUPS, Durability::Normal)?.execute("UPDATE applied SET open = 1", ())?;
    Ok(())
}

impl RollupWriter {
    /// Opens or creates the database of the sums.
    pub(in crate::store) fn open(path: &Path) -> Result<Self, DatabaseError> {
        let connection = open_writer(path, &ROLLUPS, Durability::Normal)?;
        connection.create_scalar_function(
            "add_sums",
            2,
            FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC,
            |context| {
                let mut sums = Sums::default();
                for place in 0..2 {
                    let damaged = || rusqlite::Error::UserFunctionError("damaged sums".into());
                    sums.add_packed(context.get_raw(place).as_blob()?).ok_or_else(damaged)?;
                }
                Ok(sums.pack())
            },
        )?;
        let mut writer = RollupWriter {
            connection,
            pending: HashMap::new(),
            names: HashMap::new(),
            models: HashMap::new(),
            served_models: HashMap::new(),
            provider_models: HashMap::new(),
            new_names: Vec::new(),
            marks: HashMap::new(),
        };
        writer.load_names()?;
        writer.fill_ever()?;
        Ok(writer)
    }

    /// Adds up the days of a database that was made before there were sums of all time.
    fn fill_ever(&mut self) -> Result<(), DatabaseError> {
        let [ever, day] = [Level::Ever, Level::Day].map(|level| table(Dimension::Client, level));
        let is_filled = format!("SELECT EXISTS (SELECT 1 FROM {ever}) OR NOT EXISTS (SELECT 1 FROM {day})");
        if self.connection.query_row(&is_filled, (), |row| row.get(0))? {
            return Ok(());
        }
        let transaction = self.connection.transaction()?;
        transaction.execute_batch(&format!(
            "INSERT INTO {ever} (bucket, member, sums) SELECT 0, member, sums FROM {day} WHERE true
             ON CONFLICT (bucket, member) DO UPDATE SET sums = add_sums(sums, excluded.sums)"
        ))?;
        Ok(transaction.commit()?)
    }

    fn load_names(&mut self) -> Result<(), DatabaseError> {
        let mut statement = self.connection.prepare("SELECT dimension, member, name FROM names")?;
        let mut rows = statement.query(())?;
        while let Some(row) = rows.next()? {
            let (text, member, name): (String, i64, Arc<str>) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let Some(dimension) = Dimension::ALL.into_iter().find(|dimension| dimension.as_str() == text) else { continue };
            match dimension {
                Dimension::Model => drop(self.models.insert(name, member)),
                Dimension::ServedModel => drop(self.served_models.insert(name, member)),
                Dimension::ProviderModel => {
                    let (provider, model) = split_name(&name);
                    self.provider_models.extend(provider.map(|provider| ((provider, model), member)));
                }
                _ => drop(self.names.insert((dimension, member), name)),
            }
        }
        Ok(())
    }

    /// Adds a call. Probes count nowhere.
    pub(in crate::store) fn add(&mut self, record: &CallRecord) {
        if record.probe {
            return;
        }
        let minute = minute_of(record);
        let was_tried = !record.attempts.is_empty();
        contributions(record, |dimension, member, addition| {
            let member = self.member(dimension, member, was_tried);
            self.pending.entry((dimension, minute, member)).or_default().add_call(addition);
        });
    }

    /// Adds the difference that a later usage makes.
    pub(in crate::store) fn amend(&mut self, before: &CallRecord, now: &CallRecord) {
        if now.probe {
            return;
        }
        let minute = minute_of(now);
        let was_tried = !now.attempts.is_empty();
        differences(before, now, |dimension, member, addition| {
            let member = self.member(dimension, member, was_tried);
            self.pending.entry((dimension, minute, member)).or_default().add_call(addition);
        });
    }

    /// Adds a change that a segment holds beyond its mark.
    pub(in crate::store) fn catch_up(&mut self, change: &Change) {
        match change {
            Change::Call(record) => self.add(record),
            Change::Amended(before, now) => self.amend(before, now),
        }
    }

    fn member(&mut self, dimension: Dimension, member: Member<'_>, was_tried: bool) -> i64 {
        match member {
            Member::None => NO_MEMBER,
            Member::Number(number) => number,
            Member::Row(row, name) => {
                if self.names.get(&(dimension, row)).is_none_or(|known| known != name) {
                    self.names.insert((dimension, row), name.clone());
                    self.new_names.push((dimension, row, name.clone()));
                }
                row
            }
            Member::Name(name) => {
                let models = if dimension == Dimension::Model { &mut self.models } else { &mut self.served_models };
                if let Some(known) = models.get(name) {
                    return *known;
                }
                let number = models.len() as i64 + 1;
                if number > if was_tried { MOST_MODELS } else { MOST_UNSERVED_MODELS } {
                    return OTHER_MEMBER;
                }
                models.insert(name.clone(), number);
                self.new_names.push((dimension, number, name.clone()));
                number
            }
            Member::NameAt(provider, model) => {
                let number = self.provider_models.len() as i64 + 1;
                match self.provider_models.entry((provider, model.clone())) {
                    Entry::Occupied(known) => *known.get(),
                    Entry::Vacant(_) if number > MOST_MODELS => OTHER_MEMBER,
                    Entry::Vacant(place) => {
                        self.new_names.push((dimension, number, format!("{provider}/{model}").into()));
                        *place.insert(number)
                    }
                }
            }
        }
    }

    /// How much of a segment the sums hold, pending ones included; nothing, if they know another file of that day.
    pub(in crate::store) fn mark(&self, day: Day, identity: &[u8]) -> Result<Mark, DatabaseError> {
        if let Some(applied) = self.marks.get(&day).filter(|applied| applied.identity == identity) {
            return Ok(applied.mark);
        }
        let mut statement =
            self.connection.prepare_cached("SELECT calls, amendments FROM applied WHERE day = ?1 AND identity = ?2")?;
        let read = |row: &rusqlite::Row<'_>| Ok(Mark { calls: row.get(0)?, amendments: row.get(1)? });
        Ok(statement.query_row((day.0, identity), read).optional()?.unwrap_or_default())
    }

    /// Notes how much of a segment has been added; written with the next [`RollupWriter::commit`].
    pub(in crate::store) fn set_applied(&mut self, day: Day, applied: Applied) {
        self.marks.insert(day, applied);
    }

    /// Whether the sums may lack something of a day.
    pub(in crate::store) fn may_lack(&self, day: Day) -> Result<bool, DatabaseError> {
        let mut statement = self.connection.prepare_cached("SELECT open FROM applied WHERE day = ?1")?;
        Ok(statement.query_row((day.0,), |row| row.get(0)).optional()?.unwrap_or(true))
    }

    /// Forgets a segment that was removed. Its sums stay.
    pub(in crate::store) fn forget(&mut self, day: Day) -> Result<(), DatabaseError> {
        self.marks.remove(&day);
        self.connection.execute("DELETE FROM applied WHERE day = ?1", (day.0,))?;
        self.connection.execute("DELETE FROM thinned WHERE day = ?1", (day.0,))?;
        Ok(())
    }

    /// Notes that a segment is about to lose calls that the sums hold.
    pub(in crate::store) fn set_thinned(&mut self, day: Day) -> Result<(), DatabaseError> {
        self.connection.prepare_cached("INSERT OR IGNORE INTO thinned (day) VALUES (?1)")?.execute((day.0,))?;
        Ok(())
    }

    /// Whether something waits to be written.
    pub(in crate::store) fn is_pending(&self) -> bool {
        !self.pending.is_empty() || !self.marks.is_empty()
    }

    /// Writes what is pending, names and marks in one transaction. On an error all of it stays pending.
    pub(in crate::store) fn commit(&mut self, now_ms: i64) -> Result<(), DatabaseError> {
        if !self.is_pending() {
            return Ok(());
        }
        let transaction = self.connection.unchecked_transaction()?;
        for (dimension, member, name) in &self.new_names {
            transaction
                .prepare_cached("INSERT OR REPLACE INTO names (dimension, member, name) VALUES (?1, ?2, ?3)")?
                .execute((dimension.as_str(), member, &**name))?;
        }
        for ((level, bucket, dimension, member), sums) in in_buckets(&self.pending, oldest_minute(now_ms)) {
            let table = table(dimension, level);
            transaction
                .prepare_cached(&format!(
                    "INSERT INTO {table} (bucket, member, sums) VALUES (?1, ?2, ?3) \
                     ON CONFLICT (bucket, member) DO UPDATE SET sums = add_sums(sums, excluded.sums)"
                ))?
                .execute((bucket, member, sums.pack()))?;
        }
        for (day, Applied { identity, mark, open }) in &self.marks {
            transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO applied (day, identity, calls, amendments, open) VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute((day.0, identity, mark.calls, mark.amendments, open))?;
        }
        transaction.commit()?;
        self.pending.clear();
        self.new_names.clear();
        self.marks.clear();
        Ok(())
    }

    /// Removes minutes that are older than two days, a bounded number at a time.
    pub(in crate::store) fn remove_old_minutes(&mut self, now_ms: i64) -> Result<(), DatabaseError> {
        let oldest_kept = oldest_minute(now_ms);
        for dimension in Dimension::ALL {
            let table = table(dimension, Level::Minute);
            let oldest: Option<i64> =
                self.connection.query_row(&format!("SELECT min(bucket) FROM {table}"), (), |row| row.get(0))?;
            let Some(oldest) = oldest.filter(|oldest| *oldest < oldest_kept) else { continue };
            let until = oldest_kept.min(oldest + MINUTES_REMOVED_AT_ONCE * 60);
            self.connection.execute(&format!("DELETE FROM {table} WHERE bucket < ?1"), (until,))?;
        }
        Ok(())
    }

    /// Folds the write-ahead log into the file.
    pub(in crate::store) fn checkpoint(&self) -> Result<(), DatabaseError> {
        Ok(self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()))?)
    }
}

impl std::fmt::Debug for RollupWriter {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("RollupWriter").field("pending", &self.pending.len()).finish_non_exhaustive()
    }
}

fn minute_of(record: &CallRecord) -> i64 {
    Level::Minute.floor(record.id.unix_ms().div_euclid(1000))
}

/// The oldest minute that is kept, with some slack for queries that began before it went.
fn oldest_minute(now_ms: i64) -> i64 {
    Level::Hour.floor(now_ms.div_euclid(1000)) - MINUTES_KEPT_S - 3600
}

/// Pending minutes as rows of every level, in the order of the tables' keys.
fn in_buckets(pending: &HashMap<(Dimension, i64, i64), Sums>, oldest_minute: i64) -> Vec<(Sum, Sums)> {
    let mut folded: HashMap<Sum, Sums> = HashMap::with_capacity(pending.len() * Level::ALL.len());
    for ((dimension, minute, member), sums) in pending {
        let ever = (*dimension == Dimension::Client).then_some(Level::Ever);
        for level in Level::ALL.into_iter().chain(ever) {
            if level == Level::Minute && *minute < oldest_minute {
                continue;
            }
            folded.entry((level, level.floor(*minute), *dimension, *member)).or_default().add(sums);
        }
    }
    let mut rows: Vec<_> = folded.into_iter().collect();
    rows.sort_unstable_by_key(|(key, _)| *key);
    rows
}
