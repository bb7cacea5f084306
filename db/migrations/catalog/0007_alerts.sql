-- Alerts: what is watched, who is told, and what was told.

CREATE TABLE alert_rules (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    provider INTEGER,           -- null is every provider, or all calls
    threshold INTEGER NOT NULL,
    minutes INTEGER NOT NULL,
    min_calls INTEGER NOT NULL,
    percentile INTEGER NOT NULL,
    hold_s INTEGER NOT NULL,
    clear_s INTEGER NOT NULL,
    severity TEXT NOT NULL,
    channels TEXT,              -- JSON; null is all
    muted_until_ms INTEGER,
    enabled INTEGER NOT NULL,
    version INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    deleted_ms INTEGER
) STRICT;
CREATE UNIQUE INDEX alert_rules_name ON alert_rules (name) WHERE deleted_ms IS NULL;

CREATE TABLE alert_channels (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    url BLOB NOT NULL,          -- sealed: it carries a secret with most receivers
    secret BLOB NOT NULL,       -- sealed
    mail TEXT,                  -- JSON
    allow_private INTEGER NOT NULL,
    quiet TEXT,                 -- JSON
    least TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    retry_ms INTEGER NOT NULL,
    enabled INTEGER NOT NULL,
    version INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    deleted_ms INTEGER
) STRICT;
CREATE UNIQUE INDEX alert_channels_name ON alert_channels (name) WHERE deleted_ms IS NULL;

-- No references: what happened outlives its rule and its channel.
CREATE TABLE alerts (
    id INTEGER PRIMARY KEY,
    rule INTEGER NOT NULL,
    rule_name TEXT NOT NULL,
    kind TEXT NOT NULL,
    severity TEXT NOT NULL,
    subject TEXT NOT NULL,
    title TEXT NOT NULL,
    detail TEXT NOT NULL,
    opened_ms INTEGER NOT NULL,
    resolved_ms INTEGER,
    acknowledged_by TEXT,
    acknowledged_ms INTEGER,
    told TEXT NOT NULL          -- JSON: ids of channels
) STRICT;
CREATE INDEX alerts_open ON alerts (id) WHERE resolved_ms IS NULL;

CREATE TABLE alert_deliveries (
    id INTEGER PRIMARY KEY,
    channel INTEGER NOT NULL,
    channel_name TEXT NOT NULL,
    rule INTEGER,               -- null for a test
    message TEXT NOT NULL,      -- JSON
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    error TEXT,
    created_ms INTEGER NOT NULL,
    next_ms INTEGER NOT NULL,
    finished_ms INTEGER
) STRICT;
CREATE INDEX alert_deliveries_waiting ON alert_deliveries (id) WHERE state = 'waiting';
CREATE INDEX alert_deliveries_channel ON alert_deliveries (channel, id);

-- Rules that every installation begins with; nobody is told before there is a channel.
INSERT INTO alert_rules
    (name, kind, threshold, minutes, min_calls, percentile, hold_s, clear_s, severity, enabled, version, created_ms, updated_ms)
VALUES
    ('Key disabled', 'key_disabled', 0, 5, 20, 95, 0, 0, 'warning', 1, 1, 0, 0),
    ('No usable key', 'pool_below', 1, 5, 20, 95, 30, 60, 'critical', 1, 1, 0, 0),
    ('Calls fail', 'error_rate', 25, 5, 20, 95, 0, 60, 'warning', 1, 1, 0, 0),
    ('Calls are slow', 'latency', 30000, 5, 20, 95, 0, 60, 'warning', 0, 1, 0, 0),
    ('Budget used up', 'budget', 0, 5, 20, 95, 0, 0, 'warning', 1, 1, 0, 0),
    ('Budget cannot be enforced', 'budget_unenforced', 0, 5, 20, 95, 0, 3600, 'warning', 1, 1, 0, 0),
    ('Provider fails', 'breaker_open', 0, 5, 20, 95, 0, 60, 'critical', 1, 1, 0, 0),
    ('Call records are lost', 'log_dropped', 0, 5, 20, 95, 0, 600, 'critical', 1, 1, 0, 0),
    ('Disk nearly full', 'disk_low', 1024, 5, 20, 95, 0, 60, 'critical', 1, 1, 0, 0);
