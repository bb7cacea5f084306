-- Saved conversations. A message is a node of a tree: an edit or another answer is a sibling, and nothing is overwritten.

CREATE TABLE chats (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    owner TEXT NOT NULL,            -- user:7, token:3 or configured; nobody else reaches it
    title TEXT NOT NULL,
    pinned INTEGER NOT NULL,
    settings TEXT NOT NULL,         -- JSON: model, system prompt, parameters
    leaf INTEGER,                   -- last message of the branch that is shown
    created_ms INTEGER NOT NULL,
    active_ms INTEGER NOT NULL,     -- when its last message was written
    deleted_ms INTEGER
) STRICT;
CREATE INDEX chats_list ON chats (owner, pinned DESC, active_ms DESC, id DESC) WHERE deleted_ms IS NULL;

CREATE TABLE chat_messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    chat INTEGER NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    parent INTEGER REFERENCES chat_messages (id) ON DELETE CASCADE,
    state TEXT NOT NULL,            -- done, running, stopped or failed
    text TEXT NOT NULL,
    reasoning TEXT NOT NULL,
    answer TEXT,                    -- JSON: model, call, tokens, cost, error; null: its owner wrote it
    created_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX chat_messages_chat ON chat_messages (chat);
CREATE INDEX chat_messages_parent ON chat_messages (parent);
CREATE INDEX chat_messages_running ON chat_messages (id) WHERE state = 'running';

CREATE TABLE chat_images (
    message INTEGER NOT NULL REFERENCES chat_messages (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    media_type TEXT NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (message, position)
) STRICT;
