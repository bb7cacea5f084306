//! Making an archive: each database is copied, looked through and packed, one after another.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use sha2::{Digest, Sha256};

use super::error::BackupError;
use super::manifest::{BackupCounts, FileEntry, Manifest};
use super::{FORMAT, MANIFEST, SCRIPTS, failed};
use crate::domain::to_rfc3339;
use crate::store::catalog::{CATALOG, CATALOG_FILE, sealed_contents};
use crate::store::connection::{DatabaseError, Schema, copy, open_reader, verify};
use crate::store::rollups::{ROLLUPS, ROLLUPS_FILE, expect_more};
use crate::store::sealing::{MASTER_KEY_FILE, MasterKey, MasterKeySource, SealedContents};
use crate::store::segments::{BODIES, CALLS, CALLS_FOLDER, Folder};

/// Zstandard's own default: most of what it can save, at about the speed of a disk.
const LEVEL: i32 = 3;

/// What goes into an archive.
#[derive(Debug)]
pub struct BackupPlan<'a> {
    /// The data folder; a server may be using it.
    pub data: &'a Path,
    /// A folder for one copy at a time: it needs room for the largest database.
    pub scratch: &'a Path,
    /// The scripts, by their path in the script folder.
    pub scripts: &'a [(&'a str, &'a str)],
    /// Where the master key may be; `None` leaves it out.
    pub master_key: Option<&'a MasterKeySource>,
    /// UTC unix milliseconds.
    pub now_ms: i64,
}

/// Writes an archive of a data folder. Blocks for as long as the disks take.
///
/// # Errors
/// There is no catalog, it or the sums cannot be copied, the master key is wanted and does not fit, or the archive cannot be
/// written. A day that cannot be copied is left out, and the manifest says so.
pub fn back_up(plan: &BackupPlan<'_>, out: impl Write) -> Result<Manifest, BackupError> {
    let catalog = plan.data.join(CATALOG_FILE);
    if !catalog.exists() {
        return Err(BackupError::NoData(plan.data.to_owned()));
    }
    let mut packer = Packer::new(plan, out)?;
    packer.sums()?;
    packer.days()?;
    let held = packer.catalog(&catalog)?;
    packer.master_key(&held)?;
    packer.scripts()?;
    packer.finish(held.secrets)
}

struct Packer<'a, W: Write> {
    plan: &'a BackupPlan<'a>,
    archive: tar::Builder<zstd::Encoder<'static, W>>,
    counts: BackupCounts,
    left_out: Vec<String>,
    files: Vec<FileEntry>,
    holds_key: bool,
}

impl<'a, W: Write> Packer<'a, W> {
    fn new(plan: &'a BackupPlan<'a>, out: W) -> Result<Self, BackupError> {
        let mut packed = zstd::Encoder::new(out, LEVEL).map_err(BackupError::Output)?;
        packed.include_checksum(true).map_err(BackupError::Output)?;
        Ok(Packer {
            plan,
            archive: tar::Builder::new(packed),
            counts: BackupCounts::default(),
            left_out: Vec::new(),
            files: Vec::new(),
            holds_key: false,
        })
    }

    fn sums(&mut self) -> Result<(), BackupError> {
        let path = self.plan.data.join(ROLLUPS_FILE);
        // It is made anew from the days where it is missing.
        if !path.exists() {
            return Ok(());
        }
        let copied = self.copied(ROLLUPS_FILE, &path, &ROLLUPS, |_| Ok(()))?;
        expect_more(&copied.path).map_err(copied.refuse())?;
        self.add_copy(copied)
    }

    fn days(&mut self) -> Result<(), BackupError> {
        let folder = Folder::existing(self.plan.data.join(CALLS_FOLDER));
        for day in folder.days().map_err(failed("list", folder.path()))? {
            let name = format!("{CALLS_FOLDER}/{day}");
            let count = |connection: &Connection| {
                Ok(connection.query_row("SELECT count(*) FROM calls", (), |row| row.get::<_, u32>(0))?)
            };
            if let Some(calls) = self.day(&format!("{name}.db"), &folder.calls(day), &CALLS, count)? {
                self.counts.days += 1;
                self.counts.calls += u64::from(calls);
            }
            self.day(&format!("{name}.bodies.db"), &folder.bodies(day), &BODIES, |_| Ok(()))?;
        }
        Ok(())
    }

    /// One file of a day. Retention may take it meanwhile, and one that is damaged must not cost all others.
    fn day<T>(
        &mut self,
        name: &str,
        path: &Path,
        schema: &'static Schema,
        look: impl FnOnce(&Connection) -> Result<T, DatabaseError>,
    ) -> Result<Option<T>, BackupError> {
        if !path.exists() {
            return Ok(None);
        }
        match self.copied(name, path, schema, look) {
            Ok(mut copied) => {
                let found = copied.found.take();
                self.add_copy(copied)?;
                Ok(found)
            }
            Err(_) if !path.exists() => Ok(None),
            Err(error @ BackupError::Database { .. }) => {
                self.left_out.push(error.to_string());
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn catalog(&mut self, path: &Path) -> Result<SealedContents, BackupError> {
        let mut copied = self
            .copied(CATALOG_FILE, path, &CATALOG, |connection| Ok((sealed_contents(connection)?, count_rows(connection)?)))?;
        let (held, counts) = copied.found.take().unwrap_or_default();
        let BackupCounts { days, calls, .. } = self.counts;
        self.counts = BackupCounts { days, calls, ..counts };
        self.add_copy(copied)?;
        Ok(held)
    }

    fn master_key(&mut self, held: &SealedContents) -> Result<(), BackupError> {
        let Some(source) = self.plan.master_key else { return Ok(()) };
        let file = self.plan.data.join(MASTER_KEY_FILE);
        if let Some(key) = MasterKey::fitting(source, &[&file], held)? {
            self.add(MASTER_KEY_FILE, key.to_text().as_bytes())?;
            self.holds_key = true;
        }
        Ok(())
    }

    fn scripts(&mut self) -> Result<(), BackupError> {
        for (name, text) in self.plan.scripts {
            self.add(&format!("{SCRIPTS}{name}"), text.as_bytes())?;
            self.counts.scripts += 1;
        }
        Ok(())
    }

    fn finish(mut self, secrets: u64) -> Result<Manifest, BackupError> {
        let manifest = Manifest {
            format: FORMAT,
            keywheel: env!("CARGO_PKG_VERSION").to_owned(),
            made_at: to_rfc3339(self.plan.now_ms),
            master_key: self.holds_key,
            secrets,
            counts: std::mem::take(&mut self.counts),
            left_out: std::mem::take(&mut self.left_out),
            files: std::mem::take(&mut self.files),
        };
        let text = serde_json::to_vec_pretty(&manifest).map_err(|error| BackupError::Output(error.into()))?;
        self.add(MANIFEST, &text)?;
        let packed = self.archive.into_inner().map_err(BackupError::Output)?;
        packed.finish().and_then(|mut out| out.flush()).map_err(BackupError::Output)?;
        Ok(manifest)
    }

    /// Copies a database as it is at this moment, and looks it through.
    fn copied<T>(
        &self,
        name: &str,
        path: &Path,
        schema: &'static Schema,
        look: impl FnOnce(&Connection) -> Result<T, DatabaseError>,
    ) -> Result<Copied<T>, BackupError> {
        let mut copied = Copied { name: name.to_owned(), path: self.plan.scratch.join(name.replace('/', "-")), found: None };
        let work = || {
            copy(&open_reader(path, schema)?, &copied.path)?;
            verify(&copied.path, schema, look)
        };
        copied.found = Some(work().map_err(copied.refuse())?);
        Ok(copied)
    }

    fn add_copy<T>(&mut self, copied: Copied<T>) -> Result<(), BackupError> {
        let mut file = File::open(&copied.path).map_err(failed("read", &copied.path))?;
        let bytes = file.metadata().map_err(failed("read", &copied.path))?.len();
        file.rewind().map_err(failed("read", &copied.path))?;
        self.append(&copied.name, bytes, file)
    }

    fn add(&mut self, name: &str, bytes: &[u8]) -> Result<(), BackupError> {
        self.append(name, bytes.len() as u64, bytes)
    }

    fn append(&mut self, name: &str, bytes: u64, content: impl Read) -> Result<(), BackupError> {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes);
        header.set_mode(0o600);
        header.set_mtime((self.plan.now_ms / 1_000).max(0) as u64);
        let mut content = Summing { content, digest: Sha256::new() };
        self.archive.append_data(&mut header, name, &mut content).map_err(BackupError::Output)?;
        self.files.push(FileEntry { name: name.to_owned(), bytes, sha256: format!("{:x}", content.digest.finalize()) });
        Ok(())
    }
}

/// A copy of a database, which goes away with this.
struct Copied<T> {
    name: String,
    path: PathBuf,
    found: Option<T>,
}

impl<T> Copied<T> {
    fn refuse(&self) -> impl Fn(DatabaseError) -> BackupError + use<T> {
        let name = self.name.clone();
        move |source| BackupError::Database { name: name.clone(), source }
    }
}

impl<T> Drop for Copied<T> {
    fn drop(&mut self) {
        // What is left over goes with its folder.
        drop(std::fs::remove_file(&self.path));
    }
}

/// Sums what is read of it.
struct Summing<R> {
    content: R,
    digest: Sha256,
}

impl<R: Read> Read for Summing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.content.read(buffer)?;
        self.digest.update(&buffer[..count]);
        Ok(count)
    }
}

fn count_rows(connection: &Connection) -> Result<BackupCounts, DatabaseError> {
    let count = |table: &str, condition: &str| -> Result<u64, DatabaseError> {
        // A database of an older version does not have every table yet.
        if !connection.table_exists(None::<&str>, table)? {
            return Ok(0);
        }
        let select = format!("SELECT count(*) FROM {table} {condition}");
        Ok(connection.query_row(&select, (), |row| row.get::<_, u32>(0))?.into())
    };
    const KEPT: &str = "WHERE deleted_ms IS NULL";
    Ok(BackupCounts {
        providers: count("providers", KEPT)?,
        keys: count("keys", KEPT)?,
        models: count("models", KEPT)?,
        clients: count("clients", KEPT)?,
        users: count("users", KEPT)?,
        chats: count("chats", KEPT)?,
        audit: count("audit", "")?,
        ..BackupCounts::default()
    })
}
