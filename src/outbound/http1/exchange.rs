//! One request and its answer's head.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};

use http::Method;

use super::head::{Head, HeadReader};
use super::receiving::Receiving;
use super::sending::{SendFault, Sending};
use super::wire::Wire;
use crate::outbound::error::SendErrorKind;

/// Bytes that are read at once: four times a usual head.
const READ_BYTES: usize = 8 * 1024;

/// An exchange that got no head.
#[derive(Debug)]
pub(in crate::outbound) struct Fault {
    pub(in crate::outbound) kind: SendErrorKind,
    pub(in crate::outbound) cause: String,
}

impl Fault {
    fn reset(cause: impl ToString) -> Self {
        Fault { kind: SendErrorKind::ResetBeforeHead, cause: cause.to_string() }
    }
}

/// Writes a request and waits for the head of its answer, which may come before the whole request was written.
///
/// `sending` tells afterwards whether anything was written. Dropping the future closes the connection.
pub(in crate::outbound) async fn exchange(
    mut wire: Wire,
    sending: &mut Sending,
    method: &Method,
) -> Result<(Head, Receiving), Fault> {
    let (mut reader, mut write) = (HeadReader::default(), Write::Going);
    let parsed = poll_fn(|context| {
        write.poll(context, sending, &mut wire)?;
        loop {
            match wire.poll_fill(context, READ_BYTES) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(0)) => {
                    return Poll::Ready(Err(write.fault_or("the connection was closed before an answer came")));
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(write.fault_or(error))),
                Poll::Ready(Ok(_)) => {}
            }
            let invalid = |words: &str| Fault { kind: SendErrorKind::InvalidHead, cause: words.to_owned() };
            if let Some(parsed) = reader.take(method, &mut wire.buffer).map_err(invalid)? {
                return Poll::Ready(Ok(parsed));
            }
        }
    })
    .await?;
    let keeps_alive = parsed.keeps_alive && !matches!(write, Write::Failed(_));
    let rest = matches!(write, Write::Going).then(|| Box::new(sending.take_rest()));
    Ok((parsed.head, Receiving::new(wire, parsed.framing, keeps_alive, rest)))
}

/// How far the request was written.
enum Write {
    Going,
    Done,
    /// The provider takes no more of it; it may have answered already.
    Failed(io::Error),
}

impl Write {
    fn poll(&mut self, context: &mut Context<'_>, sending: &mut Sending, wire: &mut Wire) -> Result<(), Fault> {
        if !matches!(self, Write::Going) {
            return Ok(());
        }
        match sending.poll(context, &mut wire.io) {
            Poll::Pending => {}
            Poll::Ready(Ok(())) => *self = Write::Done,
            Poll::Ready(Err(SendFault::Connection(error))) => *self = Write::Failed(error),
            Poll::Ready(Err(SendFault::Stalled(patience))) => {
                let cause = format!("the provider took nothing more of the request for {} ms", patience.as_millis());
                return Err(Fault { kind: SendErrorKind::Unread, cause });
            }
            Poll::Ready(Err(SendFault::Body(error))) => {
                return Err(Fault { kind: SendErrorKind::RequestBody, cause: error.to_string() });
            }
        }
        Ok(())
    }

    /// What ended the exchange: what was noticed first.
    fn fault_or(&self, cause: impl ToString) -> Fault {
        match self {
            Write::Failed(error) => Fault::reset(error),
            _ => Fault::reset(cause),
        }
    }
}
