-- The sums of all time by client, so that budgets without an end are known at a start without adding up every day. `bucket` is 0.
-- What earlier days hold is added by `store::rollups::RollupWriter::open`.

CREATE TABLE client_ever (bucket INTEGER, member INTEGER, sums BLOB NOT NULL, PRIMARY KEY (bucket, member)) STRICT, WITHOUT ROWID;
