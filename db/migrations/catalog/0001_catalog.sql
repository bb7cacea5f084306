-- The catalog: what an operator configured, and what must survive a restart.
-- Ids are never used again. Names are unique among rows that are not deleted; a deleted row stays for a day, so that
-- the deletion can be undone. Times are UTC unix milliseconds. Columns that hold JSON say so.

CREATE TABLE sealing (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    canary BLOB NOT NULL
) STRICT;

CREATE TABLE providers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    base_url TEXT NOT NULL,
    exact_base_url INTEGER NOT NULL,
    auth TEXT NOT NULL,
    headers BLOB,               -- sealed JSON: an extra header may carry a secret
    pass_headers TEXT,          -- JSON
    timeouts TEXT NOT NULL,     -- JSON
    proxy BLOB,                 -- sealed: a proxy's URL may carry a password
    is_default INTEGER NOT NULL,
    allow_private INTEGER NOT NULL,
    attempts INTEGER,
    time_zone TEXT,
    probe TEXT NOT NULL,        -- JSON
    enabled INTEGER NOT NULL,
    version INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    deleted_ms INTEGER
) STRICT;
CREATE UNIQUE INDEX providers_name ON providers (name) WHERE deleted_ms IS NULL;

CREATE TABLE keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    provider INTEGER NOT NULL REFERENCES providers (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    secret BLOB NOT NULL,       -- sealed
    fingerprint BLOB NOT NULL,  -- keyed hash of the secret: finds duplicates without opening any
    tags TEXT,                  -- JSON
    weight INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    models TEXT,                -- JSON; null is every model
    limits TEXT,                -- JSON
    account TEXT,
    version INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    deleted_ms INTEGER
) STRICT;
-- Of two conflicts SQLite reports the one of the younger index: the name.
CREATE UNIQUE INDEX keys_fingerprint ON keys (provider, fingerprint) WHERE deleted_ms IS NULL;
CREATE UNIQUE INDEX keys_name ON keys (provider, name) WHERE deleted_ms IS NULL;

CREATE TABLE models (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    strategy TEXT,
    price TEXT,                 -- JSON
    capabilities TEXT NOT NULL, -- JSON
    answer_ms INTEGER,
    enabled INTEGER NOT NULL,
    visible INTEGER NOT NULL,
    version INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    deleted_ms INTEGER
) STRICT;
CREATE UNIQUE INDEX models_name ON models (name) WHERE deleted_ms IS NULL;

CREATE TABLE model_targets (
    model INTEGER NOT NULL REFERENCES models (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    provider INTEGER NOT NULL REFERENCES providers (id) ON DELETE CASCADE,
    upstream_model TEXT NOT NULL,
    tier INTEGER NOT NULL,
    weight INTEGER NOT NULL,
    PRIMARY KEY (model, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX model_targets_provider ON model_targets (provider);

CREATE TABLE clients (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    token_hash BLOB NOT NULL,
    token_hint TEXT NOT NULL,
    tags TEXT,                  -- JSON
    models TEXT,                -- JSON; null is every model
    key_tags TEXT,              -- JSON; null is every key
    limits TEXT,                -- JSON
    expires_at INTEGER,
    allow_ips TEXT,             -- JSON; null is anywhere
    allow_debug INTEGER NOT NULL,
    enabled INTEGER NOT NULL,
    version INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    deleted_ms INTEGER
) STRICT;
CREATE UNIQUE INDEX clients_token ON clients (token_hash) WHERE deleted_ms IS NULL;
CREATE UNIQUE INDEX clients_name ON clients (name) WHERE deleted_ms IS NULL;

CREATE TABLE settings (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    value TEXT NOT NULL,        -- JSON
    version INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE key_states (
    key INTEGER PRIMARY KEY REFERENCES keys (id) ON DELETE CASCADE,
    state TEXT NOT NULL,        -- JSON of the rotator
    updated_ms INTEGER NOT NULL
) STRICT;

-- Models that a provider was seen to list, and by which of its keys.
CREATE TABLE synced_models (
    provider INTEGER NOT NULL REFERENCES providers (id) ON DELETE CASCADE,
    model TEXT NOT NULL,
    first_seen_ms INTEGER NOT NULL,
    vanished_ms INTEGER,        -- no longer listed since
    removed_ms INTEGER,         -- taken out by the operator: a later list does not bring it back
    PRIMARY KEY (provider, model)
) STRICT, WITHOUT ROWID;

CREATE TABLE synced_model_keys (
    key INTEGER NOT NULL REFERENCES keys (id) ON DELETE CASCADE,
    provider INTEGER NOT NULL,
    model TEXT NOT NULL,
    PRIMARY KEY (key, model),
    FOREIGN KEY (provider, model) REFERENCES synced_models (provider, model) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX synced_model_keys_model ON synced_model_keys (provider, model);

-- Which key made an object at a provider. No references: an owner outlives its key.
CREATE TABLE object_owners (
    object TEXT PRIMARY KEY,
    provider INTEGER NOT NULL,
    key INTEGER NOT NULL,
    account TEXT,
    client INTEGER,
    call BLOB NOT NULL,
    model TEXT,
    awaits_usage INTEGER NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX object_owners_created ON object_owners (created_ms);

-- What the bootstrap file said when it was last applied, by field: an edit made elsewhere stays until the file's own
-- value changes. Secrets are fingerprints here.
CREATE TABLE file_values (
    noun TEXT NOT NULL,
    name TEXT NOT NULL,
    row INTEGER NOT NULL,
    fields TEXT NOT NULL,       -- JSON
    PRIMARY KEY (noun, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms INTEGER NOT NULL,
    actor TEXT NOT NULL,
    address TEXT,
    action TEXT NOT NULL,
    noun TEXT NOT NULL,
    row INTEGER NOT NULL,
    name TEXT NOT NULL,
    changes TEXT NOT NULL       -- JSON: field -> {"from", "to"}; secrets are hints
) STRICT;
CREATE TRIGGER audit_is_append_only_update BEFORE UPDATE ON audit BEGIN SELECT raise(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_is_append_only_delete BEFORE DELETE ON audit BEGIN SELECT raise(ABORT, 'the audit log is append-only'); END;
