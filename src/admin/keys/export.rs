//! Keys as a table: without their secrets, or with them for an owner who has given their password.

use poem_openapi::Object;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::filter::KeyFilter;
use crate::admin::access::Access;
use crate::admin::error::ApiError;
use crate::admin::session::confirm_password;
use crate::admin::table::{Table, inert};
use crate::admin::wire::example;
use crate::domain::{Key, Provider, secret_hint};
use crate::rotator::KeyStatus;
use crate::store::{Catalog, Edit, Stored};

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

/// Which keys leave with their secrets.
#[derive(Default, Object, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[oai(example)]
pub(in crate::admin) struct SecretExport {
    /// The password of whoever is signed in.
    #[oai(nullable)]
    password: Option<String>,
    /// Only these keys; left out: every key.
    #[oai(nullable)]
    filter: Option<KeyFilter>,
}

example!(SecretExport, { "password": "correct horse battery", "filter": { "provider": 1 } });

/// The table that everybody may have who may look.
pub(super) fn without_secrets(access: &Access, filter: KeyFilter) -> Result<Table, ApiError> {
    let catalog = access.context().store().catalog();
    table(&matching(access, &catalog, &filter.prepared()), &catalog, false)
}

/// The table with secrets. What is written down about it is on disk before any secret leaves.
pub(super) async fn with_secrets(access: &Access, request: SecretExport) -> Result<Table, ApiError> {
    confirm_password(access, "password", request.password).await?;
    let filter = request.filter.unwrap_or_default();
    let mut details = Map::from_iter([("filter".to_owned(), json!(filter))]);
    let catalog = access.context().store().catalog();
    let keys = matching(access, &catalog, &filter.prepared());
    details.insert("keys".to_owned(), Value::from(keys.len()));
    let note = move |edit: &mut Edit<'_>| Ok(edit.note_many::<Key>("export_secrets", &details)?);
    access.context().edit(access.actor(), note).await?;
    table(&keys, &catalog, true)
}

type Row<'a> = (&'a Stored<Key>, Option<KeyStatus>);

fn matching<'a>(access: &Access, catalog: &'a Catalog, filter: &KeyFilter) -> Vec<Row<'a>> {
    let now = access.now();
    let rows = catalog.all::<Key>().filter(|row| filter.finds(&row.value));
    let with_status = rows.map(|row| (row, access.context().rotator.status(row.value.id, now)));
    with_status.filter(|(_, status)| filter.allows(|| status.as_ref().map(|status| status.state))).collect()
}

/// Comma-separated values, with a heading.
fn table(keys: &[Row<'_>], catalog: &Catalog, with_secrets: bool) -> Result<Table, ApiError> {
    let written = write(keys, catalog, with_secrets).map_err(|error| ApiError::internal(&error))?;
    Ok(Table::new(if with_secrets { "keys-with-secrets.csv" } else { "keys.csv" }, written))
}

fn write(keys: &[Row<'_>], catalog: &Catalog, with_secrets: bool) -> Result<Vec<u8>, csv::Error> {
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(HEADING.into_iter().chain(with_secrets.then_some("secret")))?;
    for (row, status) in keys {
        let key = &*row.value;
        let provider = catalog.get::<Provider>(key.provider).map(|row| row.value.name.clone()).unwrap_or_default();
        let models = key.models.iter().flatten().map(|pattern| pattern.as_str()).collect::<Vec<_>>().join("|");
        let number = |limit: Option<u64>| limit.map(|limit| limit.to_string()).unwrap_or_default();
        let cells = [
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
            status.as_ref().map(|status| status.state.as_str().to_owned()).unwrap_or_default(),
        ];
        // A secret has to stay what it is.
        let secret = with_secrets.then(|| key.secret.expose_secret());
        table.write_record(cells.iter().map(String::as_str).chain(secret))?;
    }
    table.into_inner().map_err(|error| error.into_error().into())
}
