//! The control plane: `/api/*`, one file per noun.
//!
//! Wire types live beside their handlers. A handler reaches the application only through the role that it demands. Never
//! imports `proxy`.

mod access;
mod alerts;
mod audit;
mod body;
mod calls;
mod chats;
mod clients;
mod documentation;
mod error;
mod keys;
mod models;
mod or_null;
mod passwords;
mod people;
mod period;
mod price;
mod providers;
mod request_id;
mod scripts;
mod session;
mod settings;
mod setup;
mod stats;
mod system;
mod table;
mod throttle;
mod tokens;
mod usage;
mod users;
mod versioned;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use poem::error::ResponseError;
use poem::{Endpoint, EndpointExt, Response};
use poem_openapi::{OpenApiService, Tags};
use tokio_util::sync::CancellationToken;

use self::access::{assert_declared, document};
use self::request_id::WithId;
use crate::alerts::AlertDesk;
use crate::clock::Clock;
use crate::domain::TokenHash;
use crate::key_check::KeyChecker;
use crate::model_sync::ModelSync;
use crate::outbound::Outbound;
use crate::playground::Playground;
use crate::publish::Publisher;
use crate::quota::Quota;
use crate::recorder::Recorder;
use crate::rotator::Rotator;
use crate::store::{Actor, CallLog, Edit, Store};
use crate::telemetry::Metrics;

pub use documentation::documentation;
pub use error::ApiError;
pub use people::People;
pub use scripts::{ScriptDesk, record_live_scripts};
pub use settings::{DecidedBy, FixedSetting};

/// Longest wait for records before a question about them is answered.
const SETTLE_TIME: Duration = Duration::from_millis(500);

/// What the handlers work with.
pub struct AdminContext {
    /// Edits the catalog, so that the next call obeys.
    pub publisher: Arc<Publisher>,
    /// Knows the state of keys.
    pub rotator: Arc<Rotator>,
    /// Knows what clients have used.
    pub quota: Arc<Quota>,
    /// Asks providers.
    pub outbound: Arc<Outbound>,
    /// Reads providers' model lists.
    pub model_sync: ModelSync,
    /// Takes the records of calls.
    pub recorder: Recorder,
    /// Reads the records of calls, and their statistics.
    pub call_log: CallLog,
    /// Keeps conversations, and writes the answers in them.
    pub playground: Playground,
    /// Counts calls in flight.
    pub metrics: Arc<Metrics>,
    /// Knows open alerts, and tests channels.
    pub alerts: Arc<AlertDesk>,
    /// Works on the scripts.
    pub scripts: Arc<ScriptDesk>,
    /// Cancelled when the server shuts down, so that feeds end.
    pub ending: CancellationToken,
    /// Tells the time.
    pub clock: Clock,
    /// Hash of the configured admin token; `None`: there is none.
    pub admin_token: Option<TokenHash>,
    /// What is remembered about people.
    pub people: People,
    /// Settings that were decided at the start.
    pub fixed_settings: Vec<FixedSetting>,
}

impl AdminContext {
    fn store(&self) -> &Arc<Store> {
        self.publisher.store()
    }

    /// What checks keys.
    pub fn key_checker(&self) -> KeyChecker {
        KeyChecker {
            publisher: self.publisher.clone(),
            rotator: self.rotator.clone(),
            outbound: self.outbound.clone(),
            clock: self.clock,
        }
    }

    /// Waits for the records of calls that have ended, so that whoever asks sees them. A disk in trouble makes nobody wait.
    async fn settle_records(&self) {
        // On a timeout the answer shows what could be written.
        drop(tokio::time::timeout(SETTLE_TIME, self.recorder.flush()).await);
    }

    /// Runs an edit; when it answers, the next call obeys it.
    async fn edit<T, F>(&self, actor: Actor, edit: F) -> Result<T, ApiError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Edit<'_>) -> Result<T, ApiError> + Send + 'static,
    {
        self.publisher.edit(actor, edit).await
    }
}

/// What operations are about.
#[derive(Tags)]
enum Tag {
    /// The first start.
    Setup,
    /// Signing in and out.
    Session,
    /// Persons who sign in.
    Users,
    /// Admin tokens, with which programs use the control plane.
    Tokens,
    /// Endpoints that speak the OpenAI HTTP API.
    Providers,
    /// Provider API keys.
    Keys,
    /// Model routes: public names and where they go.
    Models,
    /// Applications and persons that call Keywheel.
    Clients,
    /// Scripts and their hooks: what decides about calls.
    Scripts,
    /// Settings of the installation.
    Settings,
    /// What became of calls.
    Calls,
    /// Calls, tokens, money and durations over time.
    Stats,
    /// Saved conversations with models; everybody has their own.
    Chats,
    /// What must not go unseen, who is told of it, and what was told.
    Alerts,
    /// Who changed what.
    Audit,
    /// The installation itself.
    System,
}

/// At most sixteen in one bracket.
type Nouns = (
    setup::Setup,
    session::Sessions,
    users::Users,
    tokens::Tokens,
    providers::Providers,
    (keys::Keys, keys::ManyKeys),
    models::Models,
    clients::Clients,
    calls::Calls,
    (chats::Chats, chats::Messages),
    stats::Stats,
    alerts::Alerts,
    scripts::Scripts,
    settings::SettingsOfAll,
    audit::Audit,
    system::System,
);

fn service() -> OpenApiService<Nouns, ()> {
    assert_declared::<Nouns>();
    let nouns = (
        setup::Setup,
        session::Sessions,
        users::Users,
        tokens::Tokens,
        providers::Providers,
        (keys::Keys, keys::ManyKeys),
        models::Models,
        clients::Clients,
        calls::Calls,
        (chats::Chats, chats::Messages),
        stats::Stats,
        alerts::ALERTS,
        scripts::operations(),
        settings::SettingsOfAll,
        audit::Audit,
        system::System,
    );
    OpenApiService::new(nouns, "Keywheel", env!("CARGO_PKG_VERSION"))
        .description("The control plane of Keywheel: providers, keys, models, clients and what became of their calls.")
}

/// Answers every request below `/api`; every refusal has the same shape, and every answer an id.
pub fn endpoint(context: Arc<AdminContext>) -> impl Endpoint<Output = Response> + 'static {
    let inner = service().data(context.clone()).catch_all_error(async |error| error::from_framework(&error).as_response());
    WithId { inner, context }
}

/// The OpenAPI document.
pub fn openapi_json() -> String {
    format!("{:#}", document(&service().server("/")))
}
