-- What checks of keys found out: the newest of each key.
CREATE TABLE key_checks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key INTEGER NOT NULL REFERENCES keys (id) ON DELETE CASCADE,
    at_ms INTEGER NOT NULL,
    verdict TEXT NOT NULL,
    asked TEXT,
    status INTEGER,
    message TEXT,
    elapsed_ms INTEGER NOT NULL,
    by TEXT NOT NULL
) STRICT;
CREATE INDEX key_checks_key ON key_checks (key, id);
