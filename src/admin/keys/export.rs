//! Keys as a table, without their secrets.

use crate::admin::table::inert;
use crate::domain::{Key, Provider, secret_hint};
use crate::rotator::KeyStatus;
use crate::store::{Catalog, Stored};
use secrecy::ExposeSecret;

const HEADING: [&str; 15] = [
    "id",
    "provider",
    "name",
    "secret_hint",
    "tags",
    "weight",
    "priority",
    "models",
    "account",
    "rpm",
    "tpm",
    "rpd",
    "concurrency",
    "budget_usd_month",
    "state",
];

/// Comma-separated values, with a heading.
pub(super) fn table<'a>(
    keys: impl Iterator<Item = (&'a Stored<Key>, Option<KeyStatus>)>,
    catalog: &Catalog,
) -> Result<Vec<u8>, csv::Error> {
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(HEADING)?;
    for (row, status) in keys {
        let key = &*row.value;
        let provider = catalog.get::<Provider>(key.provider).map(|row| row.value.name.clone()).unwrap_or_default();
        let models = key.models.iter().flatten().map(|pattern| pattern.as_str()).collect::<Vec<_>>().join("|");
        let number = |limit: Option<u64>| limit.map(|limit| limit.to_string()).unwrap_or_default();
        table.write_record([
            key.id.0.to_string(),
            inert(provider),
            inert(key.name.clone()),
            secret_hint(key.secret.expose_secret()),
            inert(key.tags.join("|")),
            key.weight.to_string(),
            key.priority.to_string(),
            inert(models),
            inert(key.account.clone().unwrap_or_default()),
            number(key.limits.rpm),
            number(key.limits.tpm),
            number(key.limits.rpd),
            number(key.limits.concurrency),
            key.limits.budget_month.map(|amount| amount.as_dollars().to_string()).unwrap_or_default(),
            status.map(|status| status.state.as_str().to_owned()).unwrap_or_default(),
        ])?;
    }
    table.into_inner().map_err(|error| error.into_error().into())
}
