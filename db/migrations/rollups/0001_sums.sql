-- Sums of calls. One table for each dimension and length of time, so that a statistic costs what it shows and not what the log holds.
-- `bucket` is the unix time in seconds at which the bucket begins. `member` is a row id of the catalog, a row of `names`, an
-- outcome's number, or 0 for none. `sums` is what `store::rollups::Sums` packs.

CREATE TABLE total_minute (bucket INTEGER, member INTEGER, sums BLOB NOT NULL, PRIMARY KEY (bucket, member)) STRICT, WITHOUT ROWID;
CREATE TABLE total_quarter (bucket INTEGER, member INTEGER, sums BLOB NOT NULL, PRIMARY KEY (bucket, member)) STRICT, WITHOUT ROWID;
CREATE TABLE total_hour (bucket INTEGER, member INTEGER, sums BLOB NOT NULL, PRIMARY KEY (bucket, member)) STRICT, WITHOUT ROWID;
CREATE TABLE total_day (bucket INTEGER, member INTEGER, sums BLOB NOT NULL, PRIMARY KEY (bucket, member)) STRICT, WITHOUT ROWID;
CREATE TABLE provider_minute (bucket INTEGER, member INTEGER, sums BLOB NOT NULL, PRIMARY KEY (bucket, member)) STRICT, WITHOUT ROWID;
CREATE TABLE provider_quarter (bucket INTEGER, member INTEGER, sums BLOB NOT NULL, PRIMARY KEY (bucket, member)) STRICT, WITHOUT ROWID;
CREATE TABLE provider_hour (bucket INTEGER, member INTEGER, sums BLOB NOT NULL, PRIMARY KEY (bucket, member)) STRICT, WITHOUT ROWID;
CREATE TABLE provider_day (bucket INTEGER, member INTEGER, sums BLOB NOT NULL, PRIMARY KEY (bucket, member)) STRICT, WITHOUT ROWID;
CREATE TABLE key_minute (bucket INTEGER, member INTEGER, sums BLOB NOT NULL, PRIMARY KEY (bucket, member)) STRICT, WITHOUT ROWID;
CREATE TABLE key_quarter (bucket INTEGER, member INTEGER, sums BLOB NOT NULL, PRIMARY KEY (bucket, member)) STRICT, WITHOUT ROWID;
CREATE TABLE key_hour (bucket INTEGER, member INTEGER, sums BLOB NOT NULL, PRIMARY KEY (bucket, member)) STRICT, WITHOUT ROWID;
CREATE TABLE key_day (bucket INTEGER, member INTEGER, sums BLOB NOT NULL, PRIMARY KEY (bucket, member)) STRICT, WITHOUT ROWID;
CREATE TABLE model_minute (bucket INTEGER, member INTEGER, sums BLOB NOT NULL, PRIMARY KEY (bucket, member)) STRICT, WITHOUT ROWID;
CREATE TABLE model_quarter (bucket INTEGER, member INTEGER, sums BLOB NOT NULL, PRIMARY KEY (bucket, member)) STRICT, WITHOUT ROWID;
CREATE TABLE model_hour (bucket INTEGER, member INTEGER, sums BLOB NOT NULL, PRIMARY KEY (bucket, member)) STRICT, WITHOUT ROWID;
CREATE TABLE model_day (bucket INTEGER, member INTEGER, sums BLOB NOT NULL, PRIMARY KEY (bucket, member)) STRICT, WITHOUT ROWID;
CREATE TABLE served_model_minute (bucket INTEGER, member INTEGER, sums BLOB NOT NULL, PRIMARY KEY (bucket, member)) STRICT, WITHOUT ROWID;
CREATE TABLE served_model_quarter (bucket INTEGER, member INTEGER, sums BLOB NOT NULL, PRIMARY KEY (bucket, member)) STRICT, WITHOUT ROWID;
CREATE TABLE served_model_hour (bucket INTEGER, member INTEGER, sums BLOB NOT NULL, PRIMARY KEY (bucket, member)) STRICT, WITHOUT ROWID;
CREATE TABLE served_model_day (bucket INTEGER, member INTEGER, sums BLOB NOT NULL, PRIMARY KEY (bucket, member)) STRICT, WITHOUT ROWID;
CREATE TABLE client_minute (bucket INTEGER, member INTEGER, sums BLOB NOT NULL, PRIMARY KEY (bucket, member)) STRICT, WITHOUT ROWID;
CREATE TABLE client_quarter (bucket INTEGER, member INTEGER, sums BLOB NOT NULL, PRIMARY KEY (bucket, member)) STRICT, WITHOUT ROWID;
CREATE TABLE client_hour (bucket INTEGER, member INTEGER, sums BLOB NOT NULL, PRIMARY KEY (bucket, member)) STRICT, WITHOUT ROWID;
CREATE TABLE client_day (bucket INTEGER, member INTEGER, sums BLOB NOT NULL, PRIMARY KEY (bucket, member)) STRICT, WITHOUT ROWID;
CREATE TABLE outcome_minute (bucket INTEGER, member INTEGER, sums BLOB NOT NULL, PRIMARY KEY (bucket, member)) STRICT, WITHOUT ROWID;
CREATE TABLE outcome_quarter (bucket INTEGER, member INTEGER, sums BLOB NOT NULL, PRIMARY KEY (bucket, member)) STRICT, WITHOUT ROWID;
CREATE TABLE outcome_hour (bucket INTEGER, member INTEGER, sums BLOB NOT NULL, PRIMARY KEY (bucket, member)) STRICT, WITHOUT ROWID;
CREATE TABLE outcome_day (bucket INTEGER, member INTEGER, sums BLOB NOT NULL, PRIMARY KEY (bucket, member)) STRICT, WITHOUT ROWID;

-- What a member was last called. For models the name is the identity, and `member` is given here.
CREATE TABLE names (
    dimension TEXT NOT NULL,
    member INTEGER NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (dimension, member)
) STRICT, WITHOUT ROWID;

-- How much of each segment these sums hold. `open` is 1 while the segment may hold more.
CREATE TABLE applied (
    day INTEGER PRIMARY KEY,
    identity BLOB NOT NULL,
    calls INTEGER NOT NULL,
    amendments INTEGER NOT NULL,
    open INTEGER NOT NULL
) STRICT;
