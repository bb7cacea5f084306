//! Reading an archive: unpacked into a folder of its own, and believed only when all of it is as it was written.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::error::BackupError;
use super::manifest::{FileEntry, Manifest};
use super::{FORMAT, MANIFEST, SCRIPTS, failed, is_script, place, schema_of};
use crate::store::catalog::{CATALOG_FILE, sealed_contents};
use crate::store::connection::verify;
use crate::store::sealing::{MASTER_KEY_FILE, MasterKey, MasterKeyError, MasterKeySource, SealedContents};

/// A manifest is some hundred bytes for each day.
const LONGEST_MANIFEST: u64 = 16 * 1024 * 1024;

/// An archive that lies unpacked in a folder and is whole.
#[derive(Debug)]
pub struct Unpacked {
    folder: PathBuf,
    manifest: Manifest,
}

/// Unpacks an archive into an empty folder and compares every file with the manifest. Blocks.
///
/// # Errors
/// The bytes are no archive, or not those that were written; a newer Keywheel wrote them; the folder cannot be written.
pub fn unpack(archive: impl Read, folder: &Path) -> Result<Unpacked, BackupError> {
    let plain = zstd::Decoder::new(archive).map_err(damaged)?;
    let mut archive = tar::Archive::new(plain);
    let mut found = BTreeMap::new();
    let mut manifest = None;
    for entry in archive.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        let name = name_of(&entry)?;
        if manifest.is_some() {
            return Err(BackupError::Damaged(format!("{name} stands behind the manifest")));
        }
        if name == MANIFEST {
            manifest = Some(read_manifest(entry)?);
        } else {
            let written = write(&mut entry, &name, folder)?;
            if found.insert(name.clone(), written).is_some() {
                return Err(BackupError::Damaged(format!("{name} stands in it twice")));
            }
        }
    }
    // What is behind the last entry has to be read too: the checksum of the whole is.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(damaged)?;
    let manifest = manifest.ok_or_else(|| BackupError::Damaged("its end is missing".to_owned()))?;
    compare(&manifest, &found)?;
    Ok(Unpacked { folder: folder.to_owned(), manifest })
}

impl Unpacked {
    /// What the archive says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Looks every database through, and whether a master key opens what is sealed: that of the source, that of the archive,
    /// or `beside`, a file of the data folder.
    ///
    /// # Errors
    /// A database is damaged or newer; the key is missing, or another one.
    pub fn check(&self, source: &MasterKeySource, beside: Option<&Path>, data: &Path) -> Result<(), BackupError> {
        let mut held = SealedContents::default();
        for FileEntry { name, .. } in &self.manifest.files {
            let Some(schema) = schema_of(name) else { continue };
            let refuse = |source| BackupError::Database { name: name.clone(), source };
            let found = verify(&self.folder.join(name), schema, |connection| {
                if name == CATALOG_FILE { sealed_contents(connection).map(Some) } else { Ok(None) }
            });
            held = found.map_err(refuse)?.unwrap_or(held);
        }
        let own = self.folder.join(MASTER_KEY_FILE);
        let files: Vec<&Path> = [own.as_path()].into_iter().chain(beside).collect();
        match MasterKey::fitting(source, &files, &held) {
            Err(MasterKeyError::Missing { secrets, .. }) => {
                Err(BackupError::KeyNeeded { secrets, file: data.join(MASTER_KEY_FILE) })
            }
            Err(MasterKeyError::Mismatch { origin, secrets, .. }) => {
                Err(MasterKeyError::Mismatch { origin, file: data.join(MASTER_KEY_FILE), secrets }.into())
            }
            other => Ok(other.map(drop)?),
        }
    }

    /// The scripts, by their path in the script folder.
    ///
    /// # Errors
    /// A file cannot be read any more.
    pub fn scripts(&self) -> Result<Vec<(String, String)>, BackupError> {
        let names = self.manifest.files.iter().filter_map(|file| file.name.strip_prefix(SCRIPTS));
        let read = |name: &str| {
            let path = self.folder.join(SCRIPTS).join(name);
            Ok((name.to_owned(), std::fs::read_to_string(&path).map_err(failed("read", &path))?))
        };
        names.map(read).collect()
    }

    /// Moves databases and master key into a data folder on the same disk that has none. The catalog comes last: with it
    /// the rest is there.
    ///
    /// # Errors
    /// A file cannot be moved.
    pub fn move_into(&self, data: &Path) -> Result<(), BackupError> {
        let is_moved = |name: &&str| schema_of(name).is_some() || *name == MASTER_KEY_FILE;
        let mut names: Vec<&str> = self.manifest.files.iter().map(|file| file.name.as_str()).filter(is_moved).collect();
        names.sort_by_key(|name| *name == CATALOG_FILE);
        place::move_all(&self.folder, data, &names)
    }
}

/// The name of an entry, if an archive may have one of that name.
fn name_of<R: Read>(entry: &tar::Entry<'_, R>) -> Result<String, BackupError> {
    let bytes = entry.path_bytes();
    let name = String::from_utf8_lossy(&bytes).into_owned();
    let is_known = name == MANIFEST || name == MASTER_KEY_FILE || schema_of(&name).is_some() || is_script(&name);
    if is_known && entry.header().entry_type().is_file() {
        Ok(name)
    } else {
        Err(BackupError::Damaged(format!("{} does not belong there", name.escape_debug())))
    }
}

fn read_manifest(entry: impl Read) -> Result<Manifest, BackupError> {
    let mut text = Vec::new();
    entry.take(LONGEST_MANIFEST).read_to_end(&mut text).map_err(damaged)?;
    let unreadable = |error: serde_json::Error| BackupError::Damaged(format!("its manifest cannot be read: {error}"));
    let plain: serde_json::Value = serde_json::from_slice(&text).map_err(unreadable)?;
    if plain["format"].as_u64().is_some_and(|format| format > u64::from(FORMAT)) {
        return Err(BackupError::Newer { version: plain["keywheel"].as_str().unwrap_or("?").escape_debug().to_string() });
    }
    serde_json::from_value(plain).map_err(unreadable)
}

/// Writes an entry for its owner alone; its length and its checksum.
fn write(entry: &mut impl Read, name: &str, folder: &Path) -> Result<(u64, String), BackupError> {
    let path = folder.join(name);
    if let Some(parent) = path.parent() {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(parent).map_err(failed("make", parent))?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&path).map_err(failed("write", &path))?;
    let (mut digest, mut bytes) = (Sha256::new(), 0);
    let mut piece = vec![0; 64 * 1024];
    loop {
        let count = entry.read(&mut piece).map_err(damaged)?;
        if count == 0 {
            break;
        }
        digest.update(&piece[..count]);
        file.write_all(&piece[..count]).map_err(failed("write", &path))?;
        bytes += count as u64;
    }
    File::sync_all(&file).map_err(failed("write", &path))?;
    Ok((bytes, format!("{:x}", digest.finalize())))
}

fn compare(manifest: &Manifest, found: &BTreeMap<String, (u64, String)>) -> Result<(), BackupError> {
    let fault = |name: &str, why: &str| Err(BackupError::Damaged(format!("{name} {why}")));
    for FileEntry { name, bytes, sha256 } in &manifest.files {
        match found.get(name) {
            None => return fault(name, "is missing"),
            Some((length, _)) if length != bytes => return fault(name, "has another length than it had"),
            Some((_, sum)) if sum != sha256 => return fault(name, "does not have the bytes that it had"),
            Some(_) => {}
        }
    }
    if let Some(stray) = found.keys().find(|name| manifest.files.iter().all(|file| file.name != **name)) {
        return fault(stray, "is not in its manifest");
    }
    if !found.contains_key(CATALOG_FILE) {
        return fault(CATALOG_FILE, "is missing");
    }
    if found.contains_key(MASTER_KEY_FILE) != manifest.master_key {
        return fault(MASTER_KEY_FILE, "is not what its manifest says");
    }
    Ok(())
}

fn damaged(error: io::Error) -> BackupError {
    BackupError::Damaged(error.to_string())
}
