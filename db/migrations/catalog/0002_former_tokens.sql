-- A client's token that was replaced and is taken for a while yet.
ALTER TABLE clients ADD COLUMN former_token TEXT; -- JSON
