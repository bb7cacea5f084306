//! The admin API for commands: of the server that uses the data folder, else in this process.
//!
//! Either way the same handlers do the work, so that a command checks, records and refuses what the page does.

use anyhow::{Context, anyhow};
use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::Full;
use poem::endpoint::BoxEndpoint;
use poem::{Endpoint, EndpointExt, Response};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::CliError;
use super::data_folder::{DataFolder, Taking, read_admin_token};
use super::local_http::{address_of, dial, exchange};
use super::serve::{browser_url, refused};
use crate::app::App;
use crate::config::{Config, Environment, ListenAddress, Tls};
use crate::server::Shutdown;

/// The admin API, wherever it runs.
pub(super) struct AdminApi {
    token: SecretString,
    place: Place,
    /// Where the server listens, or would.
    urls: Vec<String>,
}

enum Place {
    /// A server that runs.
    Elsewhere { address: ListenAddress, tls: Option<Tls> },
    /// No server runs: the data folder is ours while the command works.
    Here { endpoint: BoxEndpoint<'static, Response>, app: Box<App>, _folder: DataFolder },
}

/// The API's own words for why it refused.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct Refusal {
    /// The HTTP status.
    pub(super) status: StatusCode,
    /// What the API said.
    pub(super) message: String,
}

impl AdminApi {
    /// Reaches the server that uses the configured data folder, or opens the folder where none runs.
    pub(super) async fn open(mut config: Config, environment: &Environment) -> Result<Self, CliError> {
        match DataFolder::take(&config.data)? {
            Taking::InUse(addresses) => {
                let token = match config.admin_token {
                    Some(token) => token,
                    None => read_admin_token(&config.data)?
                        .context("the running server's admin token is needed: set KEYWHEEL_ADMIN_TOKEN")?,
                };
                Ok(AdminApi { token, place: elsewhere(&addresses, config.server.tls)?, urls: addresses })
            }
            Taking::Taken(folder) => {
                if config.admin_token.is_none() {
                    config.admin_token = Some(folder.admin_token()?.token);
                }
                // What a start of the server applies stays its own matter.
                config.bootstrap = None;
                config.openai_api_keys = Vec::new();
                let app = App::start(&config, environment, Shutdown::default()).await.map_err(refused)?;
                let endpoint = app.endpoint().map_to_response().boxed();
                let token = config.admin_token.unwrap_or_default();
                let scheme = if config.server.tls.is_some() { "https" } else { "http" };
                let urls = config.server.listen.iter().map(|address| match address {
                    ListenAddress::Tcp(address) => format!("{scheme}://{address}"),
                    ListenAddress::Unix(_) => address.to_string(),
                });
                let urls = urls.collect();
                Ok(AdminApi { token, place: Place::Here { endpoint, app: Box::new(app), _folder: folder }, urls })
            }
        }
    }

    /// Asks for something; the answer's JSON. A [`Refusal`] where the API says no.
    pub(super) async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let answer = self.answer(method, path, body).await?;
        if answer.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&answer).context("the answer is no JSON")
    }

    /// Asks for something that tells its progress; the last event.
    pub(super) async fn last_event(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let answer = self.answer(Method::POST, path, Some(body)).await?;
        let text = std::str::from_utf8(&answer).context("the answer is no text")?;
        let last = text.lines().rev().find_map(|line| line.strip_prefix("data:")).context("the answer has no event")?;
        serde_json::from_str(last.trim()).context("the last event is no JSON")
    }

    async fn answer(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Bytes> {
        let body = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "localhost")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token.expose_secret()))
            .body(body)?;
        let (status, answer) = match &self.place {
            Place::Elsewhere { address, tls } => {
                let answer = exchange(dial(address, tls.as_ref()).await?, request.map(Full::new)).await?;
                (answer.status(), answer.into_body())
            }
            Place::Here { endpoint, .. } => {
                let (parts, body) = request.into_parts();
                let mut asked = poem::Request::builder().method(parts.method).uri(parts.uri).finish();
                *asked.headers_mut() = parts.headers;
                asked.set_body(body);
                let answer = endpoint.get_response(asked).await;
                (answer.status(), answer.into_body().into_bytes().await?)
            }
        };
        if status.is_success() {
            return Ok(answer);
        }
        let said = serde_json::from_slice::<Value>(&answer).ok();
        let message = said.as_ref().and_then(|said| said["error"]["message"].as_str()).map(str::to_owned);
        Err(Refusal { status, message: message.unwrap_or_else(|| format!("the server answered with {status}")) }.into())
    }

    /// Every entry of a list, page by page. `member` is the list's name in the answer.
    pub(super) async fn list(&self, path: &str, member: &str) -> anyhow::Result<Vec<Value>> {
        let mut all = Vec::new();
        let mut cursor = String::new();
        loop {
            let separator = if path.contains('?') { '&' } else { '?' };
            let mut page = self.call(Method::GET, &format!("{path}{separator}limit=1000{cursor}"), None).await?;
            let Value::Array(entries) = page[member].take() else { return Err(anyhow!("the answer has no list of {member}")) };
            all.extend(entries);
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(all),
            }
        }
    }

    /// Where a browser on this machine finds the server.
    pub(super) fn browser_url(&self) -> String {
        browser_url(&self.urls)
    }

    /// Writes what must survive and gives the data folder back.
    pub(super) async fn close(self) {
        if let Place::Here { app, endpoint, .. } = self.place {
            drop(endpoint);
            app.finish().await;
        }
    }
}

fn elsewhere(urls: &[String], tls: Option<Tls>) -> anyhow::Result<Place> {
    let is_encrypted = |url: &String| url.starts_with("https://");
    // The one that needs no certificate, where there is one.
    let Some(url) = urls.iter().min_by_key(|url| is_encrypted(url)) else {
        return Err(anyhow!("the data folder is in use by a server that has not started yet: try again"));
    };
    if is_encrypted(url) && tls.is_none() {
        return Err(anyhow!("the running server is reached over TLS: give its --tls-cert and --tls-key"));
    }
    let address = address_of(url).with_context(|| format!("cannot reach {url}"))?;
    Ok(Place::Elsewhere { address, tls: tls.filter(|_| is_encrypted(url)) })
}
