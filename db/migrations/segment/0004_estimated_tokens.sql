-- Tokens that a call was expected to use, by which limits and scripts went; null where it did not come so far.
ALTER TABLE calls ADD COLUMN estimated_tokens INTEGER;
