//! The files of the call log: two for each UTC day, calls and bodies.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::day::Day;

/// The folder `calls` in the data folder.
#[derive(Clone, Debug)]
pub(in crate::store) struct Folder(PathBuf);

/// The files of one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentFiles {
    /// The day.
    pub day: Day,
    /// Bytes of the calls, write-ahead log included.
    pub calls_bytes: u64,
    /// Bytes of the bodies, write-ahead log included; 0 when none are kept.
    pub bodies_bytes: u64,
}

impl Folder {
    /// Makes the folder, readable by its owner alone, where it is missing.
    pub(in crate::store) fn create(path: PathBuf) -> std::io::Result<Self> {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path)?;
        Ok(Folder(path))
    }

    /// The folder, which need not exist; it is not made.
    pub(in crate::store) fn existing(path: PathBuf) -> Self {
        Folder(path)
    }

    pub(in crate::store) fn path(&self) -> &Path {
        &self.0
    }

    pub(in crate::store) fn calls(&self, day: Day) -> PathBuf {
        self.0.join(format!("{day}.db"))
    }

    pub(in crate::store) fn bodies(&self, day: Day) -> PathBuf {
        self.0.join(format!("{day}.bodies.db"))
    }

    /// The days that have calls, oldest first.
    pub(in crate::store) fn days(&self) -> std::io::Result<Vec<Day>> {
        self.days_with(".db")
    }

    /// The days that have bodies, oldest first.
    pub(in crate::store) fn days_with_bodies(&self) -> std::io::Result<Vec<Day>> {
        self.days_with(".bodies.db")
    }

    fn days_with(&self, suffix: &str) -> std::io::Result<Vec<Day>> {
        let mut days = Vec::new();
        let entries = match std::fs::read_dir(&self.0) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(days),
            entries => entries?,
        };
        for entry in entries {
            let name = entry?.file_name();
            days.extend(name.to_str().and_then(|name| name.strip_suffix(suffix)).and_then(Day::parse));
        }
        days.sort_unstable();
        Ok(days)
    }

    /// The days and their sizes, oldest first.
    pub(in crate::store) fn sizes(&self) -> std::io::Result<Vec<SegmentFiles>> {
        let sized =
            |day| SegmentFiles { day, calls_bytes: bytes_of(&self.calls(day)), bodies_bytes: bytes_of(&self.bodies(day)) };
        Ok(self.days()?.into_iter().map(sized).collect())
    }
}

/// Removes a database. Its log goes first: a log without its database would be replayed into the next file of that name.
pub(in crate::store) fn remove_database(path: &Path) -> std::io::Result<()> {
    for file in [beside(path, "-wal"), beside(path, "-shm"), path.to_owned()] {
        match std::fs::remove_file(file) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// The length of a database and of its log.
pub(in crate::store) fn bytes_of(path: &Path) -> u64 {
    let length = |path: &Path| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    length(path) + length(&beside(path, "-wal"))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
