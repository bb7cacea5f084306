//! Model routes as rows, with their targets in a table of their own.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use rusqlite::{Connection, params};
use serde_json::{Map, Value, json};

use super::error::StoreError;
use super::row::{
    Columns, Json, Stored, Which, identity, json_or_default, json_or_null, object, parsed, select, stored, upsert,
};
use super::view::Catalog;
use crate::domain::{InvalidField, Model, ModelId, Price, Provider, ProviderId, Strategy, Target};
use crate::store::sealing::Sealer;

const COLUMNS: &[&str] = &[
    "id",
    "name",
    "strategy",
    "price",
    "capabilities",
    "answer_ms",
    "enabled",
    "visible",
    "version",
    "created_ms",
    "updated_ms",
];
static UPSERT: LazyLock<String> = LazyLock::new(|| upsert("models", COLUMNS));

impl Columns for Model {
    identity!(ModelId, "model", "models", models);

    fn check(&self, catalog: &Catalog) -> Result<(), StoreError> {
        self.validate()?;
        match self.targets.iter().find(|target| catalog.get::<Provider>(target.provider).is_none()) {
            Some(target) => {
                let message = format!("names no provider: {}", target.provider);
                Err(InvalidField { field: "targets.provider", message }.into())
            }
            None => Ok(()),
        }
    }

    fn fields(&self) -> Map<String, Value> {
        let target = |target: &Target| json!({ "provider": target.provider, "model": target.model, "tier": target.tier, "weight": target.weight });
        object(json!({
            "name": self.name,
            "strategy": self.strategy,
            "targets": self.targets.iter().map(target).collect::<Vec<_>>(),
            "price": self.price,
            "capabilities": self.capabilities,
            "answer_ms": self.answer_ms,
            "enabled": self.enabled,
            "visible": self.visible,
        }))
    }

    /// A price is as old as its figures.
    fn stamp(&mut self, before: Option<&Self>, now_ms: i64) {
        let Some(price) = &mut self.price else { return };
        match before.and_then(|before| before.price.as_ref()).filter(|before| before.charges_as(price)) {
            Some(before) => price.clone_from(before),
            None => Arc::make_mut(price).since_ms = Some(now_ms),
        }
    }

    fn hidden(&self) -> Vec<(&'static str, Vec<u8>)> {
        Vec::new()
    }

    fn conflict(_message: &str) -> &'static str {
        "name"
    }

    fn save(row: &Stored<Self>, connection: &Connection, _sealer: &Sealer) -> rusqlite::Result<()> {
        let model = &*row.value;
        connection.prepare_cached(&UPSERT)?.execute(params![
            model.id.0,
            model.name,
            model.strategy.map(Strategy::as_str),
            model.price.as_ref().map(Json),
            Json(&model.capabilities),
            model.answer_ms.map(u64::cast_signed),
            model.enabled,
            model.visible,
            row.version,
            row.created_ms,
            row.updated_ms,
        ])?;
        connection.prepare_cached("DELETE FROM model_targets WHERE model = ?1")?.execute([model.id.0])?;
        let mut insert = connection.prepare_cached(
            "INSERT INTO model_targets (model, position, provider, upstream_model, tier, weight) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        for (position, target) in (0i64..).zip(&model.targets) {
            insert.execute((model.id.0, position, target.provider.0, &target.model, target.tier, target.weight))?;
        }
        Ok(())
    }

    fn load(connection: &Connection, _sealer: &Sealer, which: Which) -> Result<Vec<Stored<Self>>, StoreError> {
        let mut targets = load_targets(connection, which)?;
        select("models", COLUMNS, connection, which, |row| {
            let id: i64 = row.get("id")?;
            let strategy: Option<String> = row.get("strategy")?;
            let model = Model {
                id: ModelId(id),
                name: row.get("name")?,
                strategy: strategy.map(|_| parsed(row, "strategy", Strategy::parse)).transpose()?,
                targets: targets.remove(&id).unwrap_or_default(),
                price: json_or_null::<Price>(row, "price")?.map(Arc::new),
                capabilities: json_or_default(row, "capabilities")?,
                answer_ms: row.get::<_, Option<u32>>("answer_ms")?.map(u64::from),
                enabled: row.get("enabled")?,
                visible: row.get("visible")?,
            };
            Ok(stored(row, model)?)
        })
    }
}

fn load_targets(connection: &Connection, which: Which) -> Result<HashMap<i64, Vec<Target>>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT model, provider, upstream_model, tier, weight FROM model_targets
         WHERE ?1 IS NULL OR model = ?1 ORDER BY model, position",
    )?;
    let mut rows = statement.query([which.parameter()])?;
    let mut found: HashMap<i64, Vec<Target>> = HashMap::new();
    while let Some(row) = rows.next()? {
        found.entry(row.get("model")?).or_default().push(Target {
            provider: ProviderId(row.get("provider")?),
            model: row.get("upstream_model")?,
            tier: row.get("tier")?,
            weight: row.get("weight")?,
        });
    }
    Ok(found)
}
