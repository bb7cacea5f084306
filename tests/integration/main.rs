//! One binary for every integration test: real sockets, port 0, no sleeping for luck.

mod admin;
mod admin_calls;
mod app;
mod calls;
mod cases_addresses;
mod cases_requests;
mod cases_start;
mod cli;
mod container;
mod crash;
mod faults_bodies;
mod faults_clients;
mod front;
mod key_batches;
mod listeners;
mod mock;
mod outage;
mod outbound;
mod outbound_tls;
mod probe;
mod process;
mod readme;
mod server;
mod support;
mod tidy;
