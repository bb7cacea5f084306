//! Keywheel: a self-hosted, OpenAI-compatible proxy that rotates provider keys, heals by itself and records every call.
//!
//! # Rooms
//!
//! A folder is a room, and its `mod.rs` is its only door.
//!
//! | room | what belongs there |
//! |---|---|
//! | [`domain`] | the nouns, their validation, the snapshot that calls read; imports no room and does no IO |
//! | [`clock`], [`request_path`], [`client_address`] | the only source of time and randomness; one spelling of paths; who calls |
//! | [`rotator`] | key states, strategies, leases, breakers, the classifier: pure, with time passed in |
//! | [`quota`] | limits and budgets of clients: pure, with time passed in |
//! | [`store`] | the only room that knows SQLite: catalog, statistics, a log file for each day, sealing |
//! | [`publish`] | edits of the catalog become the snapshot that the next call reads |
//! | [`recorder`] | a bounded queue of call records, written in batches; the live feed |
//! | [`outbound`] | the only room that knows the HTTP client: sends, probes, lists models, posts webhooks |
//! | [`script`] | the only room that knows Rhai and file events: hooks, reload, trials |
//! | [`proxy`] | the data plane, `/v1/*` |
//! | [`admin`] | the control plane, `/api/*`, one file for each noun |
//! | [`playground`] | saved conversations, answered through the data plane |
//! | [`key_check`] | whether a key works, asked, judged and kept |
//! | [`key_states`] | states of keys between the rotator and the catalog |
//! | [`model_sync`] | what providers list: read, compared with what is kept, accepted |
//! | [`dashboard`] | the files of `static/` and the policy that they are served under |
//! | [`bootstrap`], [`config`], [`cli`] | declared rows; settings and where each comes from; commands |
//! | [`server`] | sockets, time limits, TLS, drain |
//! | [`mock`] | a simulated provider for the demo, tests and benchmarks |
//! | [`prices`], [`telemetry`] | the price table; logs, metrics and traces |
//! | [`app`] | builds every shared handle once, and runs what runs beside the calls |
//!
//! Which room may import which stands in `tests/integration/tidy.rs`, and a test holds it: `admin` and `proxy` never import
//! each other, and only `app`, `cli` and the binary see every room.
//!
//! # The life of a call
//!
//! 1. [`server`] accepts it and refuses what is no clean HTTP; `app` routes `/v1/*` to [`proxy`].
//! 2. `proxy::auth` finds the client by its token, `proxy::intake` reads the body once and peeks at `model` and `stream`.
//! 3. Scripts may change, refuse or answer it; the model's name chooses the targets; [`quota`] admits it with an estimate.
//! 4. [`rotator`] picks a key, `proxy::attempt` sends; a failure gets a verdict, which decides what is tried next.
//! 5. A stream's head is held until content has come: until then any failure goes to the next key, unseen by the client.
//! 6. Bytes flow on unchanged, while a meter reads the usage beside them; a client that leaves cancels the provider.
//! 7. One record goes to [`recorder`], and the estimate is settled.
//!
//! # What always holds
//!
//! - A call never waits for the database, and a script never for a lock.
//! - Bytes that nobody asked to change are the bytes that came.
//! - A key is blamed only for what is the key's fault: an outage never empties the pool.
//! - Exactly one record for each call; a figure that nobody stated is unknown or estimated, and says so.
//! - No secret is in a log, an answer, a record or a script; an edit is on disk, and obeyed, when it is acknowledged.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod admin;
pub mod alerts;
pub mod app;
pub mod bootstrap;
pub mod cli;
pub mod client_address;
pub mod clock;
pub mod config;
pub mod dashboard;
pub mod domain;
pub mod key_check;
pub mod key_states;
pub mod mock;
pub mod model_sync;
pub mod outbound;
pub mod playground;
pub mod prices;
pub mod proxy;
pub mod publish;
pub mod quota;
pub mod recorder;
pub mod request_path;
pub mod rotator;
pub mod script;
pub mod server;
pub mod store;
pub mod telemetry;
