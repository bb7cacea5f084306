//! The application: every shared handle, built once, and what runs beside the calls.

mod alerts;
mod checks;
mod front;
mod model_lists;
mod scripts;
mod traces;
mod upkeep;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use anyhow::Context;
use poem::Endpoint;
use secrecy::{ExposeSecret, SecretString};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admin::{AdminContext, DecidedBy, FixedSetting, People, ScriptDesk};
use crate::alerts::AlertDesk;
use crate::bootstrap::{self, NewToken};
use crate::clock::{Clock, Entropy, random_bytes};
use crate::config::{Config, Environment, ShownSetting, Source};
use crate::domain::{BudgetPeriod, Client, ClientId, KeyId, Moment, User, hash_token, new_token};
use crate::key_states;
use crate::model_sync::ModelSync;
use crate::outbound::{Options, Outbound};
use crate::playground::Playground;
use crate::prices;
use crate::proxy::{BodyLimits, Proxy, ProxyParts};
use crate::publish::Publisher;
use crate::quota::{Quota, Spent};
use crate::recorder::{Owners, Recorder, RecorderOptions};
use crate::rotator::{Rotator, SavedKeyState};
use crate::script::{ScriptWatch, Scripts};
use crate::server::Shutdown;
use crate::store::{CallLog, Dimension, Link, LinkPurpose, MasterKeySource, Range, Rank, Retention, Store, open_call_log};
use crate::telemetry::Metrics;

pub(crate) use scripts::{limits as script_limits, load_config};

/// How long the link for the first owner works; each start makes another one.
const SETUP_LINK_MS: i64 = 7 * 24 * 3_600_000;

/// Every shared handle, and the tasks that run beside the calls.
pub struct App {
    parts: Arc<Parts>,
    proxy: Proxy,
    playground: Playground,
    tasks: TaskTracker,
    ending: CancellationToken,
    exporter: Option<traces::Exporter>,
    /// Tokens that this start has made; shown once.
    pub new_tokens: Vec<NewToken>,
}

/// What the rooms share.
struct Parts {
    clock: Clock,
    entropy: Arc<Entropy>,
    publisher: Arc<Publisher>,
    call_log: CallLog,
    rotator: Arc<Rotator>,
    outbound: Arc<Outbound>,
    recorder: Recorder,
    metrics: Arc<Metrics>,
    alerts: Arc<AlertDesk>,
    shutdown: Shutdown,
    admin: Arc<AdminContext>,
    metrics_token: Option<SecretString>,
    scripts: Arc<Scripts>,
    /// Watches the script folder for as long as it lives.
    _script_watch: Option<ScriptWatch>,
    /// The states of keys as they were last written.
    saved: tokio::sync::Mutex<HashMap<KeyId, SavedKeyState>>,
    /// Up to when the uses of clients' tokens are written, in UTC unix milliseconds.
    uses_saved_ms: AtomicI64,
}

impl App {
    /// Opens the data folder and applies the bootstrap file. Blocks while it reads.
    ///
    /// # Errors
    /// Whatever refuses the start: a database that cannot be used, a master key that does not fit, a wrong bootstrap file.
    pub async fn start(config: &Config, environment: &Environment, shutdown: Shutdown) -> anyhow::Result<Self> {
        let clock = Clock::start();
        let now = clock.now();
        let master_key = MasterKeySource { variable: config.master_key.clone(), file: config.master_key_file.clone() };
        let store = Arc::new(Store::open(&config.data, &master_key)?);
        let mut new_tokens = Vec::new();
        if let Some(file) = &config.bootstrap {
            let variable = |name: &str| environment.get(name).ok().flatten().map(str::to_owned);
            new_tokens.extend(bootstrap::apply(&store, file, &variable, now.unix_ms)?.tokens);
        }
        new_tokens.extend(bootstrap::apply_openai_keys(&store, &config.openai_api_keys, now.unix_ms)?.tokens);
        let (call_log, writer) = open_call_log(&config.data)?;
        let entropy = Arc::new(Entropy::from_system());
        let rotator = Rotator::new(entropy.next_u64());
        rotator.restore(key_states::load(&store)?, now);
        let publisher = {
            let (rotator, clock) = (rotator.clone(), clock);
            Publisher::new(store.clone(), prices::table(), move |snapshot| rotator.apply(snapshot, clock.now()))
        };
        let outbound = Arc::new(Outbound::new(Options::default()));
        let mut metrics = Metrics::new();
        let exporting = config.otlp.as_ref().map(|otlp| traces::start(otlp, &mut metrics, outbound.clone()));
        let (traces, exporter) = exporting.unzip();
        let metrics = Arc::new(metrics);
        let retention = {
            let snapshot = publisher.current();
            move || {
                let settings = snapshot.load().settings.clone();
                let most = Some(settings.retention_mib << 20).filter(|bytes| *bytes > 0);
                Retention { record_days: settings.retention_days, body_days: settings.body_retention_days, bytes: most }
            }
        };
        let options = RecorderOptions { traces, ..RecorderOptions::default() };
        let recorder = Recorder::start(writer, metrics.clone(), clock, retention, options)
            .context("cannot start the recorder's thread")?;
        let quota = Arc::new(Quota::new());
        // After a crash, the statistics lack the last calls until these have been counted.
        recorder.flush().await;
        restore_spending(&quota, &call_log, now).await?;
        store.last_used::<Client>().await?.into_iter().for_each(|(client, at)| quota.note_use(ClientId(client), at));
        let scripts = scripts::start(config, clock, publisher.current());
        let proxy = Proxy::new(ProxyParts {
            clock,
            entropy: entropy.clone(),
            snapshot: publisher.current(),
            rotator: rotator.clone(),
            scripts: scripts.clone(),
            quota: quota.clone(),
            outbound: outbound.clone(),
            recorder: recorder.clone(),
            owners: Owners::new(store.clone()),
            metrics: metrics.clone(),
            limits: BodyLimits { buffer_bytes: config.max_body as u64, upload_bytes: config.max_upload },
            draining: shutdown.deadline.clone(),
        });
        let playground = Playground::start(store, proxy.clone(), publisher.current(), clock)?;
        let metrics_token = config.metrics_token.clone();
        let alerts = Arc::new(alerts::restored(publisher.store(), now)?);
        let admin = Arc::new(AdminContext {
            publisher: publisher.clone(),
            rotator: rotator.clone(),
            quota,
            outbound: outbound.clone(),
            model_sync: ModelSync::new(publisher.clone(), rotator.clone(), outbound.clone(), clock),
            recorder: recorder.clone(),
            call_log: call_log.clone(),
            playground: playground.clone(),
            metrics: metrics.clone(),
            alerts: alerts.clone(),
            scripts: Arc::new(ScriptDesk::new(scripts.clone())),
            ending: shutdown.draining.clone(),
            clock,
            admin_token: config.admin_token.as_ref().map(|token| hash_token(token.expose_secret())),
            people: People::new(&config.server.base_path),
            fixed_settings: config.shown.iter().map(fixed_setting).collect(),
        });
        let parts = Parts {
            clock,
            entropy,
            publisher,
            call_log,
            rotator,
            outbound,
            recorder,
            metrics,
            alerts,
            shutdown,
            metrics_token,
            admin,
            _script_watch: scripts::watch(&scripts, config.script_watch),
            scripts,
            saved: Default::default(),
            uses_saved_ms: AtomicI64::new(now.unix_ms),
        };
        Ok(App {
            parts: Arc::new(parts),
            proxy,
            playground,
            tasks: TaskTracker::new(),
            ending: CancellationToken::new(),
            exporter,
            new_tokens,
        })
    }

    /// Starts what runs beside the calls: states are saved, keys probed, model lists read.
    pub fn keep_up(&self) {
        upkeep::start(self);
    }

    /// Whether no provider exists, so that calls have nowhere to go.
    pub fn is_unconfigured(&self) -> bool {
        self.parts.publisher.current().load().providers().next().is_none()
    }

    /// While there is no user: the token of a new link that makes the first owner; former links are void. Blocks.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn setup_token(&self) -> anyhow::Result<Option<SecretString>> {
        let store = self.parts.publisher.store();
        if store.catalog().all::<User>().next().is_some() {
            return Ok(None);
        }
        let token = new_token(random_bytes());
        let expires_ms = self.parts.clock.now().unix_ms + SETUP_LINK_MS;
        store.add_link_blocking(Link { hash: hash_token(&token), purpose: LinkPurpose::Setup, user: None, expires_ms })?;
        Ok(Some(token.into()))
    }

    /// Everything that the server answers with.
    pub fn endpoint(&self) -> impl Endpoint + 'static {
        front::endpoint(self.parts.clone(), self.proxy.clone())
    }

    /// The log of calls, for readers.
    pub fn call_log(&self) -> &CallLog {
        &self.parts.call_log
    }

    /// Waits until every call that has ended is in the log.
    pub async fn flush(&self) {
        self.parts.recorder.flush().await;
    }

    /// Keys and their states.
    pub fn rotator(&self) -> &Arc<Rotator> {
        &self.parts.rotator
    }

    /// The catalog, its edits, and what calls read of it.
    pub fn publisher(&self) -> &Arc<Publisher> {
        &self.parts.publisher
    }

    /// The scripts.
    pub fn scripts(&self) -> &Arc<Scripts> {
        &self.parts.scripts
    }

    /// Ends what runs beside the calls and writes what must survive. For after the server has ended.
    pub async fn finish(self) {
        self.playground.finish().await;
        self.ending.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        upkeep::save_states(&self.parts).await;
        upkeep::save_uses(&self.parts).await;
        alerts::save(&self.parts).await;
        self.parts.recorder.shutdown().await;
        if let Some(exporter) = self.exporter {
            exporter.finish().await;
        }
    }
}

fn fixed_setting(shown: &ShownSetting) -> FixedSetting {
    let decided_by = match shown.source {
        Source::Flag(_) => DecidedBy::Flag,
        Source::Environment(_) => DecidedBy::Environment,
        Source::File(_) => DecidedBy::File,
        Source::Default => DecidedBy::Default,
    };
    FixedSetting { name: shown.name, value: shown.value.clone(), decided_by, source: shown.source.to_string() }
}

/// What clients have used today, this month and in all, from the statistics, so that budgets hold over a restart.
async fn restore_spending(quota: &Quota, call_log: &CallLog, now: Moment) -> anyhow::Result<()> {
    for period in BudgetPeriod::ALL {
        let start = period.start(period.number(now.unix_ms));
        let totals = match period {
            BudgetPeriod::Total => call_log.client_totals_ever().await?,
            _ => call_log.totals(Dimension::Client, Range::of_quarters(start, now.unix_ms), Rank::Cost).await?,
        };
        let used = totals.into_iter().filter_map(|row| {
            let tokens = (row.sums.input + row.sums.output).max(0) as u64;
            Some((ClientId(row.member.id?), Spent { money: row.sums.cost, tokens }))
        });
        quota.restore(period, used, now);
    }
    Ok(())
}
