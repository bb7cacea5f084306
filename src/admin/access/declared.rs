//! Default deny: every operation declares who may call it, and the OpenAPI document says so.

use std::collections::HashMap;

use poem_openapi::registry::{MetaSecurityScheme, Registry};
use poem_openapi::{OpenApi, OpenApiService, Webhook};
use serde_json::{Map, Value, json};

use super::examples;
use crate::domain::Role;

/// What an operation declares that demands no role.
pub(super) const ANYONE: &str = "anyone";

const TOKEN: &str = "admin_token";
const SESSION: &str = "session";

/// The framework knows declarations as security schemes; [`document`] puts the real ones in their place.
pub(super) fn register(registry: &mut Registry) {
    let scheme = MetaSecurityScheme {
        ty: "http",
        description: None,
        name: None,
        key_in: None,
        scheme: Some("bearer"),
        bearer_format: None,
        flows: None,
        openid_connect_url: None,
    };
    registry.create_security_scheme(TOKEN, scheme);
}

/// Checks that every operation declares who may call it.
///
/// # Panics
/// Where one does not: such a program neither starts nor passes any test.
pub(in crate::admin) fn assert_declared<T: OpenApi>() {
    for path in T::meta().into_iter().flat_map(|api| api.paths) {
        for operation in path.operations {
            let declared = sole(&operation.security);
            assert!(declared.is_some_and(is_known), "{} {} declares no role", operation.method, path.path);
        }
    }
}

fn sole(security: &[HashMap<&'static str, Vec<&'static str>>]) -> Option<&'static str> {
    let [one] = security else { return None };
    one.keys().next().copied()
}

fn is_known(declared: &str) -> bool {
    declared == ANYONE || Role::parse(declared).is_some()
}

/// The OpenAPI document, in which `x-role` of each operation is the least role that may call it, or `anyone`.
pub(in crate::admin) fn document<T: OpenApi, W: Webhook>(service: &OpenApiService<T, W>) -> Value {
    let mut document: Value = serde_json::from_str(&service.spec()).unwrap_or_default();
    let schemas = document["components"]["schemas"].clone();
    let paths = document["paths"].as_object_mut().into_iter().flat_map(Map::values_mut);
    for operation in paths.filter_map(Value::as_object_mut).flat_map(Map::values_mut) {
        let declared = operation["security"][0].as_object().and_then(|declared| declared.keys().next().cloned());
        let declared = declared.unwrap_or_default();
        let (security, sentence) = match declared.as_str() {
            ANYONE => (json!([]), "Needs no role.".to_owned()),
            role => (json!([{ TOKEN: [] }, { SESSION: [] }]), format!("Needs the role `{role}`.")),
        };
        operation["security"] = security;
        operation["description"] = match operation["description"].as_str() {
            Some(text) => format!("{text}\n\n{sentence}").into(),
            None => sentence.into(),
        };
        operation["x-role"] = declared.into();
        spread(operation, &schemas);
        if let Some(operation) = operation.as_object_mut() {
            examples::add(operation, &schemas);
        }
    }
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        schemas.remove("CallFilters");
    }
    document["components"]["securitySchemes"] = json!({
        TOKEN: {
            "type": "http",
            "scheme": "bearer",
            "description": "An admin token, as `Authorization: Bearer TOKEN`.",
        },
        SESSION: {
            "type": "apiKey",
            "in": "cookie",
            "name": "keywheel_session",
            "description": "The cookie of whoever is signed in. Writes need the header `x-csrf-token` too, with what `GET /api/session` says.",
        },
    });
    document
}

/// Writes a query parameter that is an object as what it is on the wire: one parameter for each member.
fn spread(operation: &mut Value, schemas: &Value) {
    let Some(parameters) = operation.get_mut("parameters").and_then(Value::as_array_mut) else { return };
    let mut spread = Vec::with_capacity(parameters.len());
    for parameter in parameters.drain(..) {
        let name = parameter["schema"]["$ref"].as_str().and_then(|path| path.rsplit('/').next());
        let members = name.and_then(|name| schemas[name]["properties"].as_object());
        let Some(members) = members else {
            spread.push(parameter);
            continue;
        };
        for (name, schema) in members {
            let mut schema = schema.clone();
            let description = schema.as_object_mut().and_then(|schema| schema.remove("description"));
            spread.push(json!({
                "name": name,
                "schema": schema,
                "in": parameter["in"],
                "description": description,
                "required": false,
                "deprecated": false,
                "explode": true,
            }));
        }
    }
    *parameters = spread;
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Undeclared;

    #[OpenApi]
    impl Undeclared {
        #[oai(path = "/api/undeclared", method = "get")]
        async fn get(&self) {}
    }

    #[test]
    #[should_panic(expected = "GET /api/undeclared declares no role")]
    fn an_operation_without_a_role_is_no_operation() {
        assert_declared::<Undeclared>();
    }
}
