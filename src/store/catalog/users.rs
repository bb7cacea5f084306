//! Users as rows. One of them can always rule, and a change of what a user may do ends the user's sessions.

use std::sync::LazyLock;

use rusqlite::{Connection, params};
use serde_json::{Map, Value, json};

use super::edit::Edit;
use super::error::StoreError;
use super::row::{Columns, Stored, Which, identity, object, parsed, select, stored, upsert};
use super::view::Catalog;
use crate::domain::{Role, User, UserId};
use crate::store::sealing::Sealer;

const COLUMNS: &[&str] = &["id", "name", "role", "password", "disabled", "version", "created_ms", "updated_ms"];
static UPSERT: LazyLock<String> = LazyLock::new(|| upsert("users", COLUMNS));

impl Columns for User {
    identity!(UserId, "user", "users", users);

    fn check(&self, catalog: &Catalog) -> Result<(), StoreError> {
        self.validate()?;
        if self.is_ruling() { Ok(()) } else { another_rules(self.id, catalog) }
    }

    fn fields(&self) -> Map<String, Value> {
        object(json!({ "name": self.name, "role": self.role, "disabled": self.disabled }))
    }

    fn hidden(&self) -> Vec<(&'static str, Vec<u8>)> {
        vec![("password", self.password.clone().unwrap_or_default().into_bytes())]
    }

    fn conflict(_message: &str) -> &'static str {
        "name"
    }

    fn save(row: &Stored<Self>, connection: &Connection, _sealer: &Sealer) -> rusqlite::Result<()> {
        let user = &*row.value;
        connection.prepare_cached(&UPSERT)?.execute(params![
            user.id.0,
            user.name,
            user.role.as_str(),
            user.password,
            user.disabled,
            row.version,
            row.created_ms,
            row.updated_ms,
        ])?;
        Ok(())
    }

    fn load(connection: &Connection, _sealer: &Sealer, which: Which) -> Result<Vec<Stored<Self>>, StoreError> {
        select("users", COLUMNS, connection, which, |row| {
            let user = User {
                id: UserId(row.get("id")?),
                name: row.get("name")?,
                role: parsed(row, "role", Role::parse)?,
                password: row.get("password")?,
                disabled: row.get("disabled")?,
            };
            Ok(stored(row, user)?)
        })
    }

    fn after_change(&self, before: &Self, edit: &mut Edit<'_>) -> Result<(), StoreError> {
        let kept = self.password == before.password && self.role == before.role && self.disabled == before.disabled;
        if kept { Ok(()) } else { edit.shut_out(self.id) }
    }

    fn before_delete(&self, edit: &mut Edit<'_>) -> Result<(), StoreError> {
        another_rules(self.id, edit.catalog())?;
        edit.shut_out(self.id)
    }
}

fn another_rules(than: UserId, catalog: &Catalog) -> Result<(), StoreError> {
    let another = catalog.users.values().any(|row| row.value.id != than && row.value.is_ruling());
    if another { Ok(()) } else { Err(StoreError::LastOwner) }
}

impl Catalog {
    /// The user who signs in with a name, in any case of its letters.
    pub fn user_named(&self, name: &str) -> Option<&Stored<User>> {
        self.users.values().find(|row| row.value.name.eq_ignore_ascii_case(name))
    }
}
