-- Sums by provider and its own name of the model that served; in `names` they stand as `7/gpt-4o-mini`. Calls of before stand under
-- none of them.
CREATE TABLE provider_model_minute (bucket INTEGER, member INTEGER, sums BLOB NOT NULL, PRIMARY KEY (bucket, member)) STRICT, WITHOUT ROWID;
CREATE TABLE provider_model_quarter (bucket INTEGER, member INTEGER, sums BLOB NOT NULL, PRIMARY KEY (bucket, member)) STRICT, WITHOUT ROWID;
CREATE TABLE provider_model_hour (bucket INTEGER, member INTEGER, sums BLOB NOT NULL, PRIMARY KEY (bucket, member)) STRICT, WITHOUT ROWID;
CREATE TABLE provider_model_day (bucket INTEGER, member INTEGER, sums BLOB NOT NULL, PRIMARY KEY (bucket, member)) STRICT, WITHOUT ROWID;
