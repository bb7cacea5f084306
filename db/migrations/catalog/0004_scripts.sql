-- Every state of the script folder that was live, so that it can be read, compared and brought back. A text is kept once,
-- however many versions have it.

CREATE TABLE script_texts (
    hash BLOB PRIMARY KEY,      -- SHA-256
    text TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE script_versions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    version TEXT NOT NULL,      -- the short name of exactly these texts
    action TEXT NOT NULL,
    actor TEXT NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE script_version_files (
    version INTEGER NOT NULL REFERENCES script_versions (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    text BLOB NOT NULL REFERENCES script_texts (hash),
    PRIMARY KEY (version, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX script_version_files_text ON script_version_files (text);
