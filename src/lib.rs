//! Keywheel: a self-hosted, OpenAI-compatible proxy that rotates provider keys, heals by itself and records every call.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod admin;
pub mod app;
pub mod bootstrap;
pub mod cli;
pub mod client_address;
pub mod clock;
pub mod config;
pub mod dashboard;
pub mod domain;
pub mod key_check;
pub mod mock;
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
