//! A letter to an address that the operator chose, by SMTP and behind the same guard as calls.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpStream;

use super::clients::Outbound;
use super::guard;
use crate::domain::{MailSecurity, MailServer};

/// Time limit for the whole exchange.
const LIMIT: Duration = Duration::from_secs(30);

/// A letter.
pub struct Letter<'a> {
    /// The server that takes it, and who writes to whom.
    pub server: &'a MailServer,
    /// The password for the server's user.
    pub password: &'a SecretString,
    /// Its subject.
    pub subject: &'a str,
    /// Its text.
    pub body: String,
    /// Whether loopback and private addresses are allowed.
    pub allow_private: bool,
}

/// A letter was not taken.
#[derive(Clone, Debug, thiserror::Error)]
pub enum MailError {
    /// The address guard refused every address of the server.
    #[error("{0}")]
    Refused(String),
    /// It cannot be built: an address is none.
    #[error("{0}")]
    Unsendable(String),
    /// The server could not be reached, or refused it.
    #[error("{0}")]
    Failed(String),
    /// The server took longer than 30 s.
    #[error("no answer within {} s", LIMIT.as_secs())]
    Timeout,
}

impl Outbound {
    /// Hands a letter to its server, once, and waits until that took it.
    pub async fn send_mail(&self, letter: Letter<'_>) -> Result<(), MailError> {
        let message = message(&letter)?;
        let exchange = async {
            let mailer = mailer(&letter).await?;
            mailer.send(message).await.map_err(|error| MailError::Failed(words(&error)))
        };
        tokio::time::timeout(LIMIT, exchange).await.map_err(|_| MailError::Timeout)?.map(drop)
    }
}

fn message(letter: &Letter<'_>) -> Result<Message, MailError> {
    let unsendable = |error: &dyn std::error::Error| MailError::Unsendable(format!("the letter cannot be written: {error}"));
    let mut builder = Message::builder().from(letter.server.from.parse().map_err(|error| unsendable(&error))?);
    for to in &letter.server.to {
        builder = builder.to(to.parse().map_err(|error| unsendable(&error))?);
    }
    let builder = builder.subject(letter.subject).header(ContentType::TEXT_PLAIN);
    builder.body(letter.body.clone()).map_err(|error| unsendable(&error))
}

/// A connection to an address that was checked, with a certificate for the name that was asked for.
async fn mailer(letter: &Letter<'_>) -> Result<AsyncSmtpTransport<Tokio1Executor>, MailError> {
    let server = letter.server;
    let unreachable = |error: &dyn std::error::Error| MailError::Failed(format!("{}: {error}", server.host));
    let found = tokio::net::lookup_host((server.host.as_str(), server.port)).await.map_err(|error| unreachable(&error))?;
    let allowed = guard::permitted(&found.collect::<Vec<_>>(), letter.allow_private);
    let allowed = allowed.map_err(|refused| MailError::Refused(refused.to_string()))?;
    let address = reachable(&allowed).await.map_err(|error| unreachable(&error))?;
    let parameters = || TlsParameters::new(server.host.clone()).map_err(|error| unreachable(&error));
    let tls = match server.security {
        MailSecurity::Starttls => Tls::Required(parameters()?),
        MailSecurity::Tls => Tls::Wrapper(parameters()?),
        MailSecurity::None => Tls::None,
    };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(address.ip().to_string())
        .port(address.port())
        .tls(tls)
        .timeout(Some(LIMIT));
    if let Some(user) = &server.user {
        builder = builder.credentials(Credentials::new(user.clone(), letter.password.expose_secret().to_owned()));
    }
    Ok(builder.build())
}

/// The first address that takes a connection, where there are several: a name often has one of IPv6 that leads nowhere.
async fn reachable(addresses: &[SocketAddr]) -> io::Result<SocketAddr> {
    let mut last = io::Error::new(io::ErrorKind::AddrNotAvailable, "it has no address");
    for address in addresses {
        if addresses.len() == 1 {
            return Ok(*address);
        }
        match TcpStream::connect(address).await {
            Ok(_) => return Ok(*address),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// What the server said, or why it could not be reached; a password is never quoted.
fn words(error: &lettre::transport::smtp::Error) -> String {
    let line = error.to_string();
    line.chars().filter(|character| !character.is_control()).take(300).collect()
}
