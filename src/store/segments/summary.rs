//! The line of a call in a list.

use std::sync::Arc;

use crate::domain::{Api, CallId, CallRecord, ClientId, Cost, KeyId, Outcome, ProviderId, Ref, UsageQuality};

/// What a list and the live feed show of a call. Each field means what it means in [`CallRecord`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of CallRecord and Usage")]
pub struct CallSummary {
    pub id: CallId,
    pub started_ms: i64,
    pub total_us: u64,
    pub first_token_us: Option<u64>,
    pub method: Arc<str>,
    pub path: Arc<str>,
    pub api: Api,
    pub stream: bool,
    pub status: u16,
    pub outcome: Outcome,
    pub error_code: Option<Arc<str>>,
    pub client: Option<Ref<ClientId>>,
    pub model_asked: Option<Arc<str>>,
    pub model_served: Option<Arc<str>>,
    pub provider: Option<Ref<ProviderId>>,
    pub key: Option<Ref<KeyId>>,
    /// How many attempts the call took.
    pub attempts: u32,
    pub probe: bool,
    pub blank: bool,
    pub cost: Cost,
    pub input: Option<u64>,
    pub output: Option<u64>,
    pub cached_read: Option<u64>,
    pub reasoning: Option<u64>,
    pub usage_quality: UsageQuality,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub tags: Vec<String>,
}

impl From<&CallRecord> for CallSummary {
    fn from(record: &CallRecord) -> Self {
        CallSummary {
            id: record.id,
            started_ms: record.started_ms,
            total_us: record.total_us,
            first_token_us: record.first_token_us,
            method: record.method.clone(),
            path: record.path.as_str().into(),
            api: record.api,
            stream: record.stream,
            status: record.status,
            outcome: record.outcome,
            error_code: record.error_code.clone(),
            client: record.client.clone(),
            model_asked: record.model_asked.clone(),
            model_served: record.model_served.clone(),
            provider: record.provider.clone(),
            key: record.key.clone(),
            attempts: record.attempts.len() as u32,
            probe: record.probe,
            blank: record.blank,
            cost: record.cost,
            input: record.usage.input,
            output: record.usage.output,
            cached_read: record.usage.cached_read,
            reasoning: record.usage.reasoning,
            usage_quality: record.usage.quality,
            bytes_in: record.bytes_in,
            bytes_out: record.bytes_out,
            tags: record.tags.clone(),
        }
    }
}
