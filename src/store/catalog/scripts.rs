//! Versions of the script folder: which files it had, who made them so, and when.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::Store;
use super::audit;
use super::edit::Edit;
use super::error::StoreError;

/// Versions that are kept; older ones are forgotten.
const KEPT: i64 = 1_000;

/// A state of the script folder that was live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptVersion {
    /// Rises with each version.
    pub id: i64,
    /// The short name of exactly these texts; two versions may have the same.
    pub version: String,
    /// What made it so, such as `write 20-route.rhai`.
    pub action: String,
    /// Who.
    pub actor: String,
    /// UTC unix milliseconds.
    pub at_ms: i64,
}

/// The texts of a version, by name.
pub type ScriptTexts = BTreeMap<String, Arc<str>>;

impl Edit<'_> {
    /// Remembers the script folder as it is live now, and writes into the audit log what made it so. The answer is the
    /// version's id.
    pub fn record_scripts(&mut self, version: &str, action: &str, texts: &ScriptTexts) -> Result<i64, StoreError> {
        let before = latest(&self.transaction)?;
        self.transaction.execute(
            "INSERT INTO script_versions (version, action, actor, at_ms) VALUES (?1, ?2, ?3, ?4)",
            (version, action, &self.actor().name, self.now_ms()),
        )?;
        let id = self.transaction.last_insert_rowid();
        for (name, text) in texts {
            let hash = Sha256::digest(text.as_bytes()).to_vec();
            self.transaction
                .prepare_cached("INSERT OR IGNORE INTO script_texts (hash, text) VALUES (?1, ?2)")?
                .execute((&hash, &**text))?;
            self.transaction
                .prepare_cached("INSERT INTO script_version_files (version, name, text) VALUES (?1, ?2, ?3)")?
                .execute((id, name, &hash))?;
        }
        forget(&self.transaction, id - KEPT)?;
        let from = before.map(|before| before.version);
        let changes: Map<String, Value> =
            [("version".to_owned(), json!({ "from": from, "to": version }))].into_iter().collect();
        audit::append(&self.transaction, self.actor(), "update", "script", (id, action), &changes)?;
        Ok(id)
    }
}

impl Edit<'_> {
    /// Writes into the audit log that something was done with scripts that changes none.
    pub fn note_scripts(&mut self, action: &str, details: Value) -> Result<(), StoreError> {
        let details = super::row::object(details);
        audit::append(&self.transaction, self.actor(), action, "script", (0, ""), &details)
    }
}

impl Store {
    /// The newest versions of the script folder, only those older than `before` when it is given.
    pub async fn script_versions(&self, before: Option<i64>, limit: u32) -> Result<Vec<ScriptVersion>, StoreError> {
        self.database
            .readers()
            .call(move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT * FROM script_versions WHERE id < coalesce(?1, 9223372036854775807) ORDER BY id DESC LIMIT ?2",
                )?;
                let rows = statement.query_map((before, limit), version)?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }

    /// The newest version of the script folder; `None`: there has been none.
    pub async fn latest_script_version(&self) -> Result<Option<ScriptVersion>, StoreError> {
        self.database.readers().call(|connection| latest(connection)).await
    }

    /// A version of the script folder, with its texts.
    pub async fn script_version(&self, id: i64) -> Result<Option<(ScriptVersion, ScriptTexts)>, StoreError> {
        self.database
            .readers()
            .call(move |connection| {
                let mut select = connection.prepare_cached("SELECT * FROM script_versions WHERE id = ?1")?;
                let Some(version) = select.query_row([id], version).optional()? else { return Ok(None) };
                let mut statement = connection.prepare_cached(
                    "SELECT files.name, texts.text FROM script_version_files files JOIN script_texts texts ON texts.hash = files.text
                     WHERE files.version = ?1",
                )?;
                let texts = statement.query_map([id], |row| Ok((row.get(0)?, row.get::<_, String>(1)?.into())))?;
                Ok(Some((version, texts.collect::<Result<_, _>>()?)))
            })
            .await
    }
}

fn version(row: &Row<'_>) -> rusqlite::Result<ScriptVersion> {
    Ok(ScriptVersion {
        id: row.get("id")?,
        version: row.get("version")?,
        action: row.get("action")?,
        actor: row.get("actor")?,
        at_ms: row.get("at_ms")?,
    })
}

fn latest(connection: &Connection) -> Result<Option<ScriptVersion>, StoreError> {
    let mut select = connection.prepare_cached("SELECT * FROM script_versions ORDER BY id DESC LIMIT 1")?;
    Ok(select.query_row((), version).optional()?)
}

/// Forgets versions up to an id, and texts that no version has any more.
fn forget(connection: &Connection, up_to: i64) -> Result<(), StoreError> {
    if connection.execute("DELETE FROM script_versions WHERE id <= ?1", [up_to])? > 0 {
        connection.execute("DELETE FROM script_texts WHERE hash NOT IN (SELECT text FROM script_version_files)", ())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Actor, MasterKeySource};

    fn texts(files: &[(&str, &str)]) -> ScriptTexts {
        files.iter().map(|(name, text)| ((*name).to_owned(), (*text).into())).collect()
    }

    #[tokio::test]
    async fn versions_are_kept_and_old_ones_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), &MasterKeySource::default()).unwrap();
        let record = |now_ms: i64, version: &str, files: ScriptTexts| {
            let (actor, version) = (Actor { name: "anna".into(), address: None, now_ms }, version.to_owned());
            store.edit::<_, StoreError, _>(actor, move |edit| edit.record_scripts(&version, "write a.rhai", &files))
        };
        let first = record(1, "v1", texts(&[("a.rhai", "1"), ("b.rhai", "same")])).await.unwrap();
        let second = record(2, "v2", texts(&[("a.rhai", "2"), ("b.rhai", "same")])).await.unwrap();
        let listed: Vec<_> =
            store.script_versions(None, 10).await.unwrap().into_iter().map(|row| (row.id, row.version)).collect();
        assert_eq!(listed, [(second, "v2".to_owned()), (first, "v1".to_owned())]);
        assert_eq!(store.script_versions(Some(second), 10).await.unwrap().len(), 1);
        let (row, files) = store.script_version(first).await.unwrap().unwrap();
        assert_eq!((row.actor.as_str(), row.at_ms, files), ("anna", 1, texts(&[("a.rhai", "1"), ("b.rhai", "same")])));
        let entry = store.audit(crate::store::AuditFilter { limit: 1, ..Default::default() }).await.unwrap().remove(0);
        assert_eq!((entry.noun.as_str(), entry.row, &entry.changes["version"]["from"]), ("script", second, &json!("v1")));

        let actor = Actor { name: "anna".into(), address: None, now_ms: 3 };
        let many = move |edit: &mut Edit<'_>| (0..KEPT).try_for_each(|_| edit.record_scripts("v", "x", &texts(&[])).map(drop));
        store.edit::<_, StoreError, _>(actor, many).await.unwrap();
        assert_eq!(store.script_version(second).await.unwrap(), None);
        assert_eq!(store.script_versions(None, 2_000).await.unwrap().len() as i64, KEPT);
        let left = |connection: &mut Connection| {
            Ok::<i64, StoreError>(connection.query_row("SELECT count(*) FROM script_texts", (), |row| row.get(0))?)
        };
        assert_eq!(store.database.readers().call(left).await.unwrap(), 0);
    }
}
