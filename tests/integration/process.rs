//! The real binary, serving in a folder of its own: its output is kept in files, and it can be ended in every way.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Duration;

use reqwest::RequestBuilder;
use rustix::process::{Pid, Signal};
use serde_json::Value;

use crate::app::{Answer, TOKEN, chat_body, read};
use crate::cli::keywheel;

/// The admin token of a [`Process`].
pub const ADMIN_TOKEN: &str = "admin-token-for-tests";

/// A limit of file sizes, with which a test plays a full disk, is then an error of the write and not the process's end.
const WITH_LIMITS_AS_ERRORS: &str = r#"trap '' XFSZ; exec "$0" "$@""#;

/// A number from the environment, for a longer look by hand.
pub fn number_from(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().expect("a number"))
}

/// A `keywheel serve` that ends with the test.
pub struct Process {
    child: Child,
    folder: PathBuf,
    pub url: String,
    http: reqwest::Client,
}

impl Process {
    /// Starts it on the folder's `data`, with a bootstrap file and further variables, and waits until it listens.
    pub async fn start(folder: &Path, bootstrap: &str, variables: &[(&str, &str)]) -> Self {
        let mut command = Self::command(folder, bootstrap, variables);
        let (out, err) = (folder.join("stdout.log"), folder.join("stderr.log"));
        let append = |path: &Path| File::options().create(true).append(true).open(path).expect("a file for the output");
        let before = std::fs::read_to_string(&out).unwrap_or_default().len();
        let mut child = command.stdout(append(&out)).stderr(append(&err)).spawn().expect("the command runs");
        let listening = async {
            loop {
                let printed = std::fs::read_to_string(&out).unwrap_or_default();
                if let Some(line) = printed[before..].lines().find_map(|line| line.strip_prefix("listening on ")) {
                    return line.to_owned();
                }
                if let Some(status) = child.try_wait().expect("a child") {
                    panic!("it ended with {status}: {}", std::fs::read_to_string(&err).unwrap_or_default());
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let url = tokio::time::timeout(Duration::from_secs(30), listening).await.expect("it listens in time");
        // An error says that another test has installed it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(256).build().expect("a client");
        Process { child, folder: folder.to_owned(), url, http }
    }

    /// The command, not yet started.
    pub fn command(folder: &Path, bootstrap: &str, variables: &[(&str, &str)]) -> std::process::Command {
        std::fs::write(folder.join("bootstrap.toml"), bootstrap).expect("the bootstrap file");
        let serve = keywheel(folder, &["serve", "--listen", "127.0.0.1:0", "--bootstrap", "bootstrap.toml"]);
        let mut command = std::process::Command::new("/bin/sh");
        command.args(["-c", WITH_LIMITS_AS_ERRORS]).arg(serve.get_program()).args(serve.get_args());
        command.current_dir(folder).env_clear().env("PATH", "/usr/bin:/bin");
        command.env("KEYWHEEL_ADMIN_TOKEN", ADMIN_TOKEN).envs(variables.iter().copied());
        command
    }

    /// The host and port.
    pub fn address(&self) -> &str {
        self.url.strip_prefix("http://").expect("an address")
    }

    /// A request with the token of the client `app`.
    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        self.request_as(TOKEN, method, path)
    }

    /// A request with a token.
    pub fn request_as(&self, token: &str, method: &str, path: &str) -> RequestBuilder {
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
        self.http.request(method, format!("{}{path}", self.url)).bearer_auth(token).timeout(Duration::from_secs(60))
    }

    /// A plain or streamed chat call, not yet sent.
    pub fn chat_request(&self, stream: bool) -> RequestBuilder {
        self.request("POST", "/v1/chat/completions").body(chat_body(stream))
    }

    /// Asks the admin API; without a body for `Value::Null`.
    pub async fn admin(&self, method: &str, path: &str, body: Value) -> Answer {
        let request = self.request_as(ADMIN_TOKEN, method, path);
        read(if body.is_null() { request } else { request.header("content-type", "application/json").body(body.to_string()) })
            .await
    }

    /// What `/metrics` says of one series; 0 when it is not there.
    pub async fn metric(&self, series: &str) -> f64 {
        let text = read(self.request("GET", "/metrics")).await.text();
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.trim().parse().expect("a number"))
    }

    /// Everything that it has written on both outputs.
    pub fn output(&self) -> String {
        let read = |name: &str| std::fs::read(self.folder.join(name)).unwrap_or_default();
        String::from_utf8_lossy(&[read("stdout.log"), read("stderr.log")].concat()).into_owned()
    }

    /// Memory in use in KiB, as the operating system counts it.
    pub fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("a running process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
        line.trim().trim_end_matches(" kB").trim().parse().expect("a number")
    }

    /// Its number at the operating system.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        rustix::process::kill_process(Pid::from_child(&self.child), signal).expect("a running process");
    }

    /// Waits for its end; the exit code.
    pub async fn wait(mut self) -> Option<i32> {
        let ending = async {
            loop {
                if let Some(status) = self.child.try_wait().expect("a child") {
                    return status.code();
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), ending).await.expect("it ends in time")
    }

    /// Asks it to end, and waits; the exit code.
    pub async fn stop(self) -> Option<i32> {
        self.signal(Signal::TERM);
        self.wait().await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
