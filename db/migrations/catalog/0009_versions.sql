-- Versions of conversations, and of what is known of a provider's models: an edit can name the one that it was made from.
ALTER TABLE chats ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE providers ADD COLUMN models_version INTEGER NOT NULL DEFAULT 1;
