-- One UTC day of calls. Times are UTC unix milliseconds, durations microseconds, money nano-dollars.

-- Tells this file from another of the same day (a restored backup, a file made anew after its removal), so that the
-- rollups know how much of it they hold.
CREATE TABLE segment (identity BLOB NOT NULL) STRICT;
INSERT INTO segment (identity) VALUES (randomblob(16));

-- Texts that repeat. A column of type ANY holds a row of this table (an integer) or, once the table is full, the text itself.
CREATE TABLE names (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;

-- `seq` counts calls as they were written; `id` (UUIDv7) orders them by the time they began and is the only index.
CREATE TABLE calls (
    seq INTEGER PRIMARY KEY,
    id BLOB NOT NULL,
    started_ms INTEGER NOT NULL,
    total_us INTEGER NOT NULL,
    first_token_us INTEGER,
    method ANY NOT NULL,
    path ANY NOT NULL,
    api ANY NOT NULL,
    stream INTEGER NOT NULL,
    status INTEGER NOT NULL,
    outcome ANY NOT NULL,
    error_code ANY,
    client_id INTEGER,
    client_name ANY,
    model_asked ANY,
    model_served ANY,
    provider_id INTEGER,
    provider_name ANY,
    key_id INTEGER,
    key_name ANY,
    attempts INTEGER NOT NULL,
    probe INTEGER NOT NULL,
    blank INTEGER NOT NULL,
    cost INTEGER,
    input INTEGER,
    output INTEGER,
    cached_read INTEGER,
    reasoning INTEGER,
    usage_quality INTEGER NOT NULL,
    bytes_in INTEGER NOT NULL,
    bytes_out INTEGER NOT NULL,
    client_request_id TEXT,
    upstream_request_id TEXT,
    client_ip BLOB,
    usage_partial INTEGER NOT NULL,
    cache_write INTEGER,
    audio_input INTEGER,
    audio_output INTEGER,
    image_input INTEGER,
    image_output INTEGER,
    pictures INTEGER,
    audio_ms INTEGER,
    characters INTEGER,
    usage_raw TEXT,
    error_message TEXT,
    tags TEXT,
    attributes TEXT,
    dropped_headers ANY
) STRICT;
CREATE UNIQUE INDEX calls_by_id ON calls (id);

-- `id` is the call's `seq` * 1000 + the attempt's place, so that no second index is needed.
CREATE TABLE attempts (
    id INTEGER PRIMARY KEY,
    offset_us INTEGER NOT NULL,
    provider_id INTEGER NOT NULL,
    provider_name ANY NOT NULL,
    key_id INTEGER NOT NULL,
    key_name ANY NOT NULL,
    model ANY,
    status INTEGER,
    queue_us INTEGER NOT NULL,
    connect_us INTEGER,
    first_byte_us INTEGER,
    first_token_us INTEGER,
    last_byte_us INTEGER,
    chosen_by ANY NOT NULL,
    pool INTEGER NOT NULL,
    ready INTEGER NOT NULL,
    tier INTEGER NOT NULL,
    script ANY,
    passed_over TEXT,
    verdict TEXT,
    message TEXT
) STRICT;

-- Usage that became known after the call had ended, at most once for each call; `before` is what the call said until then.
CREATE TABLE amendments (
    seq INTEGER PRIMARY KEY,
    call INTEGER NOT NULL UNIQUE REFERENCES calls (seq),
    before TEXT NOT NULL
) STRICT;
