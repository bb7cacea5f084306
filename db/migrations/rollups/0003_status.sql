-- Sums by the HTTP status that the client saw; `member` is the status. Calls of before stand under none of them.
CREATE TABLE status_minute (bucket INTEGER, member INTEGER, sums BLOB NOT NULL, PRIMARY KEY (bucket, member)) STRICT, WITHOUT ROWID;
CREATE TABLE status_quarter (bucket INTEGER, member INTEGER, sums BLOB NOT NULL, PRIMARY KEY (bucket, member)) STRICT, WITHOUT ROWID;
CREATE TABLE status_hour (bucket INTEGER, member INTEGER, sums BLOB NOT NULL, PRIMARY KEY (bucket, member)) STRICT, WITHOUT ROWID;
CREATE TABLE status_day (bucket INTEGER, member INTEGER, sums BLOB NOT NULL, PRIMARY KEY (bucket, member)) STRICT, WITHOUT ROWID;
