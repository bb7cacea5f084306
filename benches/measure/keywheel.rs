//! Keywheel itself, as an operator would run it: the release binary, a bootstrap file, a data folder.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::process::Process;

/// The client token that every request of the bench bears.
pub const TOKEN: &str = "kw-bench-0123456789abcdefghijklmnopqrstuvwxyz";
/// The admin token.
pub const ADMIN_TOKEN: &str = "kwa-bench-0123456789abcdefghijklmnopqrstuvwxyz";

/// What is declared before a start.
pub struct Setup {
    bootstrap: Option<String>,
}

impl Setup {
    /// No bootstrap file: what the data folder holds.
    pub fn nothing() -> Self {
        Setup { bootstrap: None }
    }

    /// One provider with so many keys, used in turn, and one client.
    pub fn pool(provider: SocketAddr, keys: usize) -> Self {
        let mut bootstrap = format!(
            "[[provider]]\nname = \"bench\"\nbase_url = \"http://{provider}/v1\"\ndefault = true\nallow_private = true\n\n\
             [[client]]\nname = \"bench\"\ntoken = \"{TOKEN}\"\n"
        );
        for key in 0..keys {
            write!(bootstrap, "\n[[key]]\nprovider = \"bench\"\nname = \"key-{key}\"\nsecret = \"sk-bench-{key:032}\"\n")
                .expect("a string takes everything");
        }
        Setup { bootstrap: Some(bootstrap) }
    }
}

impl Setup {
    /// The same, with a tag on every key.
    #[must_use]
    pub fn tagged(self, tag: &str) -> Self {
        let with_tag = |text: String| text.replace("\nsecret = ", &format!("\ntags = [\"{tag}\"]\nsecret = "));
        Setup { bootstrap: self.bootstrap.map(with_tag) }
    }
}

/// Puts a script into the folder from which [`start`] starts.
pub fn put_script(folder: &Path, name: &str, text: &str) -> Result<()> {
    let scripts = folder.join("scripts");
    fs::create_dir_all(&scripts)?;
    // As editors save: a reader never meets half of it.
    fs::write(scripts.join(".new"), text)?;
    Ok(fs::rename(scripts.join(".new"), scripts.join(name))?)
}

/// Asks the admin API; `body` is empty for none. The answer must be a 200.
pub async fn admin(address: SocketAddr, method: &str, path: &str, body: &str) -> Result<Value> {
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {ADMIN_TOKEN}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = crate::load::once(address, request.as_bytes()).await?;
    let text = String::from_utf8_lossy(&answer.body);
    ensure!(answer.status == 200, "{method} {path} is answered {}: {text}", answer.status);
    Ok(serde_json::from_str(&text)?)
}

/// Starts Keywheel in `folder`, fresh or with the data that lie there, with further flags, and waits until it listens.
pub fn start(binary: &Path, folder: &Path, setup: &Setup, flags: &[&str]) -> Result<(Process, SocketAddr)> {
    let scripts = folder.join("scripts");
    fs::create_dir_all(&scripts)?;
    let mut command = Command::new(binary);
    command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(folder.join("data"));
    command.arg("--scripts").arg(&scripts);
    if let Some(text) = &setup.bootstrap {
        let file = folder.join("bootstrap.toml");
        fs::write(&file, text)?;
        command.arg("--bootstrap").arg(&file);
    }
    command.args(flags).env("KEYWHEEL_ADMIN_TOKEN", ADMIN_TOKEN);
    Process::start_listening(&mut command, &folder.join("keywheel.err"))
}
