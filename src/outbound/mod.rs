//! Everything that leaves for a provider.
//!
//! The only room that names `reqwest` and `lettre`. Owns the connections, the injection of a key's secret, the header lists in both
//! directions and the address guard. Calls to a host that speaks HTTP/1.1 go over connections that they move themselves (`http1`);
//! HTTP/2, proxies and webhooks are the client library's, in one pool per transport setting. Refuses to follow redirects, to
//! read proxy settings from the environment, to unpack bodies and to keep time limits for calls: whoever calls drops the future
//! or the body.
//!
//! - [`Outbound::send`] sends one request and hands back the head and a body to read.
//! - [`client_headers`] is what of a provider's head may go on to a client.
//! - [`Outbound::list_models`] and [`Outbound::probe`] ask a provider about a key.
//! - [`Outbound::post_webhook`] and [`Outbound::send_mail`] deliver an alert.

mod body;
mod clients;
mod connect;
mod dial;
mod error;
mod guard;
mod gunzip;
mod headers;
mod host;
mod http1;
mod judge;
mod mail;
mod models;
mod pool;
mod probe;
mod question;
mod send;
mod webhook;

pub use body::{BodyError, UpstreamBody};
pub use clients::{Options, Outbound};
pub use error::{SendError, SendErrorKind};
pub use guard::{AddressClass, RefusedAddress};
pub use headers::{client_headers, dropped_client_headers, passing_client_headers, upstream_request_id};
pub use mail::{Letter, MailError};
pub use models::ListError;
pub use probe::{ProbeReport, ProbeStep, ProbeVerdict};
pub use question::Answer;
pub use send::{RequestBody, SendRequest, Upstream};
pub use webhook::{Webhook, WebhookError};
