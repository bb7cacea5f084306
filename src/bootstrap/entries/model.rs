//! `[[model]]`

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Entry, ProviderNames, invalid};
use crate::domain::{Capabilities, DollarPrice, InvalidField, Model, ModelId, Strategy, Target};
use crate::store::Catalog;

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::bootstrap) struct ModelEntry {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    strategy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    targets: Option<Vec<TargetEntry>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<DollarPrice>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context_length: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vision: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tools: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    visible: Option<bool>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TargetEntry {
    provider: String,
    model: String,
    #[serde(default = "one")]
    tier: u32,
    #[serde(default = "one")]
    weight: u32,
}

fn one() -> u32 {
    1
}

impl Entry for ModelEntry {
    type Noun = Model;
    const TABLE: &'static str = "model";
    const IDENTITY: &'static [&'static str] = &["name"];
    const SECRETS: &'static [&'static str] = &[];

    fn file_name(&self) -> String {
        self.name.clone()
    }

    fn find(&self, catalog: &Catalog, _providers: &ProviderNames) -> Option<i64> {
        catalog.all::<Model>().find(|row| row.value.name == self.name).map(|row| row.value.id.0)
    }

    fn blank(&self, _providers: &ProviderNames) -> Result<Model, InvalidField> {
        Ok(Model {
            id: ModelId(0),
            name: self.name.clone(),
            strategy: None,
            targets: Vec::new(),
            price: None,
            capabilities: Capabilities::default(),
            answer_ms: None,
            enabled: true,
            visible: true,
        })
    }

    fn rename(&self, model: &mut Model) {
        model.name.clone_from(&self.name);
    }

    fn change(&self, model: &mut Model, providers: &ProviderNames) -> Result<(), InvalidField> {
        if let Some(strategy) = &self.strategy {
            let Some(strategy) = Strategy::parse(strategy) else {
                let names = Strategy::ALL.map(Strategy::as_str).join(", ");
                return invalid("strategy", format!("must be one of {names}, not {strategy:?}"));
            };
            model.strategy = Some(strategy);
        }
        if let Some(targets) = &self.targets {
            model.targets = targets.iter().map(|target| target.resolve(providers)).collect::<Result<_, _>>()?;
        }
        if let Some(price) = &self.price {
            model.price = Some(Arc::new(price.to_price("operator".into())?));
        }
        let capabilities = &mut model.capabilities;
        capabilities.context_length = self.context_length.or(capabilities.context_length);
        capabilities.vision = self.vision.or(capabilities.vision);
        capabilities.tools = self.tools.or(capabilities.tools);
        model.answer_ms = self.answer_ms.or(model.answer_ms);
        if let Some(enabled) = self.enabled {
            model.enabled = enabled;
        }
        if let Some(visible) = self.visible {
            model.visible = visible;
        }
        Ok(())
    }
}

impl TargetEntry {
    fn resolve(&self, providers: &ProviderNames) -> Result<Target, InvalidField> {
        let provider = providers.find("targets.provider", &self.provider)?;
        Ok(Target { provider, model: self.model.as_str().into(), tier: self.tier, weight: self.weight })
    }
}
