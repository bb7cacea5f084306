-- What scripts decided in a call, and which of their hooks failed: a JSON array.
ALTER TABLE calls ADD COLUMN script_notes TEXT;
