//! `/api/alerts/rules`

use poem_openapi::OpenApi;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;

use super::rule_body::{AlertRuleBody, AlertRuleChange, AlertRuleCreate, AlertRulePage};
use crate::admin::Tag;
use crate::admin::access::{Operator, Viewer};
use crate::admin::body::Body;
use crate::admin::error::ApiError;
use crate::admin::versioned::{Created, Deleted, Found, expected};
use crate::admin::wire::{cursor_id, next_cursor, page_size};
use crate::domain::{AlertRule, AlertRuleId};

/// Operations on rules.
pub(in crate::admin) struct Rules;

#[OpenApi(prefix_path = "/api/alerts", tag = "Tag::Alerts")]
impl Rules {
    /// List alert rules
    ///
    /// By ascending id. An installation begins with one rule of each kind.
    #[oai(path = "/rules", method = "get", operation_id = "list_alert_rules")]
    async fn list(
        &self,
        access: Viewer,
        /// Most entries of the page, 1 to 1000; 100 if left out.
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<AlertRulePage>, ApiError> {
        let (size, after) = (page_size(limit.0)?, cursor_id(cursor.0.as_deref())?);
        let catalog = access.context().store().catalog();
        let rows = catalog.after::<AlertRule>(after.map(AlertRuleId)).take(size + 1);
        let mut rules: Vec<AlertRuleBody> = rows.map(AlertRuleBody::from).collect();
        let next_cursor = next_cursor(&mut rules, size, |rule| rule.id);
        Ok(Json(AlertRulePage { rules, next_cursor }))
    }

    /// Create an alert rule
    #[oai(path = "/rules", method = "post", operation_id = "create_alert_rule")]
    async fn create(&self, access: Operator, body: Body<AlertRuleCreate>) -> Result<Created<AlertRuleBody>, ApiError> {
        let rule = AlertRuleChange::from(body.0).create()?;
        let row = access.context().edit(access.actor(), move |edit| Ok(edit.create(rule)?)).await?;
        Ok(Created::new(row.version, AlertRuleBody::from(&row)))
    }

    /// Get an alert rule
    #[oai(path = "/rules/:id", method = "get", operation_id = "get_alert_rule")]
    async fn get(&self, access: Viewer, id: Path<i64>) -> Result<Found<AlertRuleBody>, ApiError> {
        let catalog = access.context().store().catalog();
        let row = catalog
            .get::<AlertRule>(AlertRuleId(id.0))
            .ok_or_else(|| ApiError::not_found(format!("there is no alert rule with id {}", id.0)))?;
        Ok(Found::new(row.version, AlertRuleBody::from(row)))
    }

    /// Change an alert rule
    ///
    /// A missing member stays as it is; null sets it back to its default or removes it.
    #[oai(path = "/rules/:id", method = "patch", operation_id = "change_alert_rule")]
    async fn change(
        &self,
        access: Operator,
        id: Path<i64>,
        /// Change it only if it still has this version.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        body: Body<AlertRuleChange>,
    ) -> Result<Found<AlertRuleBody>, ApiError> {
        let version = expected(if_match.0.as_deref())?;
        let change = move |rule: &mut AlertRule| Ok(body.0.apply(rule)?);
        let edit = move |edit: &mut crate::store::Edit<'_>| Ok(edit.update(AlertRuleId(id.0), version, change)?);
        let row = access.context().edit(access.actor(), edit).await?;
        Ok(Found::new(row.version, AlertRuleBody::from(&row)))
    }

    /// Delete an alert rule
    ///
    /// Its open alerts are over, and nobody is told. Within a day the deletion can be undone.
    #[oai(path = "/rules/:id", method = "delete", operation_id = "delete_alert_rule")]
    async fn delete(
        &self,
        access: Operator,
        id: Path<i64>,
        /// Delete it only if it still has this version.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Result<Deleted, ApiError> {
        let version = expected(if_match.0.as_deref())?;
        let delete = move |edit: &mut crate::store::Edit<'_>| Ok(edit.delete::<AlertRule>(AlertRuleId(id.0), version)?);
        access.context().edit(access.actor(), delete).await?;
        Ok(Deleted)
    }

    /// Undo the deletion of an alert rule
    ///
    /// 409 when its name is taken meanwhile.
    #[oai(path = "/rules/:id/restore", method = "post", operation_id = "restore_alert_rule")]
    async fn restore(&self, access: Operator, id: Path<i64>) -> Result<Found<AlertRuleBody>, ApiError> {
        let restore = move |edit: &mut crate::store::Edit<'_>| Ok(edit.restore::<AlertRule>(AlertRuleId(id.0))?);
        let row = access.context().edit(access.actor(), restore).await?;
        Ok(Found::new(row.version, AlertRuleBody::from(&row)))
    }
}
