//! Who may do what: every operation of the OpenAPI document against everybody, as the document declares it.

use std::collections::BTreeSet;
use std::time::Duration;

use keywheel::admin;
use keywheel::clock::{Clock, random_bytes};
use keywheel::domain::{AdminToken, AdminTokenId, Role, User, UserId, hash_token, new_token};
use keywheel::store::{Actor, Edit, Session, StoreError};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use crate::app::{TOKEN, TestApp, bootstrap_of};
use crate::people::{Browser, anonymous};
use keywheel::mock::MockProvider;

/// One operation, as the document declares it.
struct Operation {
    method: Method,
    path: String,
    role: String,
    /// Statuses that it may answer with.
    statuses: BTreeSet<u16>,
}

impl Operation {
    fn all() -> Vec<Self> {
        let document: Value = serde_json::from_str(&admin::openapi_json()).unwrap();
        let mut all = Vec::new();
        for (path, operations) in document["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                all.push(Operation {
                    method: method.to_uppercase().parse().unwrap(),
                    path: path.clone(),
                    role: operation["x-role"].as_str().expect("a declared role").to_owned(),
                    statuses: operation["responses"].as_object().unwrap().keys().filter_map(|key| key.parse().ok()).collect(),
                });
            }
        }
        assert!(all.len() > 40, "the document has {} operations", all.len());
        all
    }

    /// Its path with something in the place of each parameter.
    fn path_with(&self, parameter: &str) -> String {
        let parts = self.path.split('/').map(|part| if part.starts_with('{') { parameter } else { part });
        parts.collect::<Vec<_>>().join("/")
    }
}

/// Somebody who asks.
struct Somebody {
    name: String,
    proof: Proof,
    /// What they may do; `None`: nobody knows them.
    role: Option<Role>,
    /// The code of the refusal when they write.
    writes: Option<&'static str>,
}

/// How somebody says who they are.
enum Proof {
    Nothing,
    Bearer(String),
    /// A session of this user, begun for the one request.
    Session(User),
    /// The same, without the proof against forged requests.
    WithoutCsrf(User),
    WrongCsrf(User),
    ForeignOrigin(User),
    /// A session that has ended.
    Ended(Browser),
}

struct Matrix {
    app: TestApp,
    http: reqwest::Client,
}

impl Matrix {
    async fn edit<T: Send + 'static>(&self, edit: impl FnOnce(&mut Edit<'_>) -> Result<T, StoreError> + Send + 'static) -> T {
        self.app.app.publisher().edit(actor(), edit).await.unwrap()
    }

    async fn token(&self, name: &str, role: Role, expires_at: Option<i64>) -> Proof {
        let secret = new_token(random_bytes());
        let (name, token_hash) = (name.to_owned(), hash_token(&secret));
        let token = AdminToken { id: AdminTokenId(0), name, role, token_hash, token_hint: "kw-…".to_owned(), expires_at };
        self.edit(move |edit| edit.create(token)).await;
        Proof::Bearer(secret)
    }

    async fn user(&self, name: &str, role: Role) -> User {
        let user = User { id: UserId(0), name: name.to_owned(), role, password: None, disabled: false };
        (*self.edit(move |edit| edit.create(user)).await.value).clone()
    }

    /// A session without the work of a password.
    async fn session(&self, user: &User) -> Browser {
        let (secret, at) = (new_token(random_bytes()), actor().now_ms);
        let session = Session { hash: hash_token(&secret), user: user.id, sets_password: false, created_ms: at, seen_ms: at };
        assert!(self.app.app.publisher().store().sign_in(actor(), user.clone(), session).await.unwrap());
        let cookie = format!("keywheel_session={secret}");
        let seen = self.http.get(self.app.url("/api/session")).header("cookie", &cookie).send().await.unwrap();
        let seen: Value = serde_json::from_slice(&seen.bytes().await.unwrap()).unwrap();
        Browser { cookie, csrf: seen["csrf"].as_str().expect("a csrf token").to_owned() }
    }

    async fn everybody(&self) -> Vec<Somebody> {
        let mut all = Vec::new();
        let mut add = |name: &str, proof, role, writes| all.push(Somebody { name: name.to_owned(), proof, role, writes });
        let now_ms = actor().now_ms;
        let owner = self.user("owner", Role::Owner).await;
        add("nobody", Proof::Nothing, None, None);
        add("a client's token", Proof::Bearer(TOKEN.to_owned()), None, None);
        add("a wrong token", Proof::Bearer("kw-wrong".to_owned()), None, None);
        add("an expired token", self.token("old", Role::Owner, Some(now_ms - 1)).await, None, None);
        let revoked = self.token("revoked", Role::Owner, None).await;
        self.edit(|edit| {
            let token = edit.catalog().all::<AdminToken>().find(|row| row.value.name == "revoked").unwrap().value.id;
            edit.delete::<AdminToken>(token, None)
        })
        .await;
        add("a revoked token", revoked, None, None);
        for (name, after) in [("disabled", "disable"), ("deleted", "delete"), ("demoted", "demote")] {
            let user = self.user(name, Role::Owner).await;
            let browser = self.session(&user).await;
            self.edit(move |edit| match after {
                "delete" => edit.delete::<User>(user.id, None),
                "disable" => edit
                    .update(user.id, None, |user: &mut User| {
                        user.disabled = true;
                        Ok(())
                    })
                    .map(drop),
                _ => edit
                    .update(user.id, None, |user: &mut User| {
                        user.role = Role::Operator;
                        Ok(())
                    })
                    .map(drop),
            })
            .await;
            add(&format!("a {name} user's session"), Proof::Ended(browser), None, None);
        }
        for role in Role::ALL {
            let token = self.token(role.as_str(), role, Some(now_ms + 3_600_000)).await;
            add(&format!("a token of {role:?}"), token, Some(role), None);
            let user = self.user(&format!("one {}", role.as_str()), role).await;
            add(&format!("a session of {role:?}"), Proof::Session(user), Some(role), None);
        }
        add("an owner without csrf", Proof::WithoutCsrf(owner.clone()), Some(Role::Owner), Some("csrf"));
        add("an owner with a wrong csrf", Proof::WrongCsrf(owner.clone()), Some(Role::Owner), Some("csrf"));
        add("an owner on another site", Proof::ForeignOrigin(owner), Some(Role::Owner), Some("foreign_origin"));
        all
    }

    async fn prove(&self, request: RequestBuilder, proof: &Proof) -> RequestBuilder {
        let own = self.app.url("");
        let as_browser = |request: RequestBuilder, browser: &Browser, csrf: Option<&str>, origin: &str| {
            let request = request.header("cookie", &browser.cookie).header("origin", origin);
            csrf.into_iter().fold(request, |request, csrf| request.header("x-csrf-token", csrf))
        };
        match proof {
            Proof::Nothing => request,
            Proof::Bearer(token) => request.bearer_auth(token),
            Proof::Ended(browser) => as_browser(request, browser, Some(&browser.csrf), &own),
            Proof::Session(user) => {
                let browser = self.session(user).await;
                as_browser(request, &browser, Some(&browser.csrf), &own)
            }
            Proof::WithoutCsrf(user) => as_browser(request, &self.session(user).await, None, &own),
            Proof::WrongCsrf(user) => as_browser(request, &self.session(user).await, Some("wrong"), &own),
            Proof::ForeignOrigin(user) => {
                let browser = self.session(user).await;
                as_browser(request, &browser, Some(&browser.csrf), "https://evil.example")
            }
        }
    }

    /// Status and code of the answer; a stream is read no further than its head.
    async fn ask(&self, operation: &Operation, parameter: &str, somebody: &Somebody) -> (u16, String) {
        let url = self.app.url(&operation.path_with(parameter));
        let mut request = self.http.request(operation.method.clone(), url).timeout(Duration::from_secs(60));
        if operation.method != Method::GET {
            request = request.header("content-type", "application/json").body("{}");
        }
        let answer = self.prove(request, &somebody.proof).await.send().await.unwrap();
        let status = answer.status().as_u16();
        if answer.status().is_success() {
            return (status, String::new());
        }
        let body: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default();
        (status, body["error"]["code"].as_str().unwrap_or_default().to_owned())
    }
}

fn actor() -> Actor {
    Actor { name: "test".to_owned(), address: None, now_ms: Clock::start().now().unix_ms }
}

/// The refusal that the document declares; `None`: somebody is let in.
fn declared(operation: &Operation, somebody: &Somebody) -> Option<(u16, &'static str)> {
    let writes = operation.method != Method::GET;
    let forged = somebody.writes.filter(|_| writes).map(|code| (403, code));
    let Some(needed) = Role::parse(&operation.role) else {
        // Who signs in has no csrf token yet; another site may not sign anybody in.
        return forged.filter(|(_, code)| *code == "foreign_origin");
    };
    match somebody.role {
        None => Some((401, "unauthorized")),
        Some(_) if forged.is_some() => forged,
        Some(role) if role < needed => Some((403, "forbidden")),
        Some(_) => None,
    }
}

#[tokio::test]
async fn every_operation_lets_in_whom_it_declares_and_nobody_else() {
    let provider = MockProvider::start().await;
    let app = TestApp::start(&bootstrap_of(&provider, "", &[("a", "sk-mock-healthy-1")])).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let matrix = Matrix { app, http };
    let everybody = matrix.everybody().await;
    let mut faults = Vec::new();
    for operation in Operation::all() {
        for somebody in &everybody {
            let expected = declared(&operation, somebody);
            // Who is not let in learns nothing: not even that an id cannot be read.
            for parameter in ["987654321", "no-such-id"] {
                let (status, code) = matrix.ask(&operation, parameter, somebody).await;
                let is_right = match expected {
                    Some((401, _)) => status == 401 && ["unauthorized", "token_expired"].contains(&code.as_str()),
                    Some(refusal) => refusal == (status, code.as_str()),
                    None => ![401, 403].contains(&status) && operation.statuses.contains(&status),
                };
                if !is_right {
                    let Operation { method, path, .. } = &operation;
                    faults.push(format!("{method} {path} by {}: {status} {code}, not {expected:?}", somebody.name));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    let left = anonymous(&matrix.app, "GET", "/api/keys").bearer_auth("admin-token-for-tests").send().await.unwrap();
    assert!(left.text().await.unwrap().contains("\"a\""), "nobody has deleted anything");
}
