//! HTTP/1.1 as a provider's client, without a task of its own: whoever waits for an answer moves its connection.
//!
//! The HTTP library runs each connection in a task beside the call, hands every piece over through channels and reads ahead
//! into buffers that grow. Here the call itself writes the request and reads the answer: nothing is read that nobody asks for, a
//! connection that waits holds no buffer, and all events that one read brought go on as one piece.

mod chunks;
mod exchange;
mod framing;
mod head;
mod receiving;
mod sending;
mod wire;

pub(super) use exchange::{Fault, exchange};
pub(super) use head::Head;
pub(super) use receiving::Receiving;
pub(super) use sending::Sending;
pub(super) use wire::{Io, Wire};
