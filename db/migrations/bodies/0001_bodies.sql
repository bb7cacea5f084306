-- The bodies of one UTC day of calls, apart from the calls so that they can be removed sooner.

-- `side` is 0 for what the client sent, 1 for what it was sent; `bytes` is a zstd frame of `size` bytes.
CREATE TABLE bodies (
    seq INTEGER PRIMARY KEY,
    call BLOB NOT NULL,
    side INTEGER NOT NULL,
    truncated INTEGER NOT NULL,
    size INTEGER NOT NULL,
    bytes BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX bodies_by_call ON bodies (call, side);
