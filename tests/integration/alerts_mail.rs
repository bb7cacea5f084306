//! A small mail server: it speaks as much SMTP as a client needs, and keeps what it takes.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// The password of its user.
const PASSWORD: &str = "the password of the relay";

/// A letter as it came.
#[derive(Clone, Debug, Default)]
pub struct Letter {
    pub from: String,
    pub to: Vec<String>,
    pub text: String,
}

/// A running mail server.
pub struct MailServer {
    port: u16,
    letters: Arc<Mutex<Vec<Letter>>>,
}

impl MailServer {
    /// Starts on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().unwrap().port();
        let letters: Arc<Mutex<Vec<Letter>>> = Arc::default();
        let kept = letters.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let kept = kept.clone();
                tokio::spawn(async move { drop(talk(stream, &kept).await) });
            }
        });
        MailServer { port, letters }
    }

    /// The body that makes a channel to it.
    pub fn channel(&self) -> Value {
        let mail = json!({
            "host": "127.0.0.1", "port": self.port, "security": "none", "user": "relay", "from": "keywheel@example.org",
            "to": ["ops@example.org", "Anna <anna@example.org>"],
        });
        json!({ "name": "mail", "kind": "email", "mail": mail, "secret": PASSWORD, "allow_private": true })
    }

    /// What it took.
    pub fn letters(&self) -> Vec<Letter> {
        self.letters.lock().clone()
    }

    /// The subjects of what it took, decoded.
    pub fn subjects(&self) -> Vec<String> {
        self.letters().iter().map(|letter| subject(&letter.text)).collect()
    }
}

async fn talk(mut stream: TcpStream, kept: &Mutex<Vec<Letter>>) -> std::io::Result<()> {
    let (reading, mut writing) = stream.split();
    let mut lines = BufReader::new(reading).lines();
    writing.write_all(b"220 mail.example.org\r\n").await?;
    let (mut letter, mut signed_in) = (Letter::default(), false);
    while let Some(line) = lines.next_line().await? {
        let address = || line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
        let answer = match line.split([' ', ':']).next().unwrap_or_default() {
            "EHLO" => "250-mail.example.org\r\n250 AUTH PLAIN",
            "AUTH" => {
                let proof = BASE64_STANDARD.decode(line.rsplit(' ').next().unwrap_or_default()).unwrap_or_default();
                signed_in = proof == format!("\0relay\0{PASSWORD}").as_bytes();
                if signed_in { "235 welcome" } else { "535 wrong password" }
            }
            "MAIL" if !signed_in => "530 sign in first",
            "MAIL" => {
                letter.from = address();
                "250 ok"
            }
            "RCPT" => {
                letter.to.push(address());
                "250 ok"
            }
            "DATA" => {
                writing.write_all(b"354 go on\r\n").await?;
                while let Some(line) = lines.next_line().await?.filter(|line| line != ".") {
                    letter.text.push_str(&line);
                    letter.text.push('\n');
                }
                kept.lock().push(std::mem::take(&mut letter));
                "250 taken"
            }
            "QUIT" => "221 bye",
            _ => "250 ok",
        };
        writing.write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
    Ok(())
}

/// The subject, whose words beyond ASCII are in base64. Between two of those a space says nothing.
fn subject(text: &str) -> String {
    let unfolded = text.replace("\n ", " ");
    let line = unfolded.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap_or_default();
    let encoded = |word: &str| {
        let inner = word.strip_prefix("=?utf-8?b?").and_then(|word| word.strip_suffix("?="))?;
        Some(String::from_utf8(BASE64_STANDARD.decode(inner).unwrap()).unwrap())
    };
    let (mut subject, mut was_encoded) = (String::new(), true);
    for word in line.split(' ') {
        let decoded = encoded(word);
        if !(was_encoded && (decoded.is_some() || subject.is_empty())) {
            subject.push(' ');
        }
        was_encoded = decoded.is_some();
        subject.push_str(decoded.as_deref().unwrap_or(word));
    }
    subject
}
