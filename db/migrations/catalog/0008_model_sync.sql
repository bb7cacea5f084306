-- When what a provider's keys list was last taken over.
ALTER TABLE providers ADD COLUMN models_synced_ms INTEGER;
UPDATE providers SET models_synced_ms = (SELECT max(first_seen_ms) FROM synced_models WHERE provider = providers.id);

-- What an operator says that a provider charges for a model: it comes before the price table.
CREATE TABLE model_prices (
    provider INTEGER NOT NULL REFERENCES providers (id) ON DELETE CASCADE,
    model TEXT NOT NULL,
    price TEXT NOT NULL,        -- JSON
    PRIMARY KEY (provider, model)
) STRICT, WITHOUT ROWID;
