//! The simulated provider: demo mode, tests and benchmarks share it.
//!
//! A real HTTP/1.1 server that speaks the OpenAI and Anthropic shapes with deterministic text and plausible usage. How it
//! behaves is chosen by the key's secret (`sk-mock-PERSONA-ACCOUNT`), by the model's name (`mock-PERSONA-…`), or by a
//! test's script. Personas: `healthy`, `slow`, `slowfirst`, `429`, `limited`, `exhausted`, `invalid`, `denied`, `region`,
//! `toolarge`, `missing`, `500`, `overloaded`, `cut`, `empty`, `errorevent`, `hang`, `reset`.
//!
//! - [`serve`] runs it on a listener, for the commands and benchmarks.
//! - [`MockProvider`] runs it for a test, records what it saw and plays a [`Behaviour`] where the test says so.
//!
//! Owns HTTP by hand, down to the reset of a socket, because faults are made of bytes that no HTTP library would write.
//! Refuses to be a model: it never reads more of a request than its shape.

mod account;
mod api;
mod behaviour;
mod connection;
mod demo;
mod options;
mod persona;
mod provider;
mod request;
mod server;
mod simulation;
mod text;
mod wire;

pub use behaviour::{Behaviour, Ending};
pub use demo::{DEMO_MODELS, DEMO_PROVIDERS, DemoKey, DemoModel, DemoProvider};
pub use options::Options;
pub use provider::MockProvider;
pub use request::SeenRequest;
pub use server::{MockServer, serve};
