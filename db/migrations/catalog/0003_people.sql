-- People and programs that use the control plane. Secrets are hashes: SHA-256 of random ones, argon2id of passwords.

CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    password TEXT,              -- argon2id, as a PHC string; null is none yet
    disabled INTEGER NOT NULL,
    version INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    deleted_ms INTEGER
) STRICT;
-- Names that differ in case alone would be taken for one another.
CREATE UNIQUE INDEX users_name ON users (name COLLATE NOCASE) WHERE deleted_ms IS NULL;

CREATE TABLE admin_tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    token_hash BLOB NOT NULL,
    token_hint TEXT NOT NULL,
    expires_at INTEGER,
    version INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    deleted_ms INTEGER
) STRICT;
CREATE UNIQUE INDEX admin_tokens_token ON admin_tokens (token_hash) WHERE deleted_ms IS NULL;
CREATE UNIQUE INDEX admin_tokens_name ON admin_tokens (name) WHERE deleted_ms IS NULL;

CREATE TABLE sessions (
    hash BLOB PRIMARY KEY,
    user INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    sets_password INTEGER NOT NULL,  -- began with a link: a password may be set without the former one
    created_ms INTEGER NOT NULL,
    seen_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_user ON sessions (user);

-- Links that let somebody in without a password.
CREATE TABLE links (
    hash BLOB PRIMARY KEY,
    purpose TEXT NOT NULL,      -- setup, password or visit
    user INTEGER REFERENCES users (id) ON DELETE CASCADE,  -- null for setup
    expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX links_user ON links (user);

-- When a user or an admin token was last at work. Written now and then, and no edit of the row.
CREATE TABLE last_used (
    noun TEXT NOT NULL,
    row INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (noun, row)
) STRICT, WITHOUT ROWID;
