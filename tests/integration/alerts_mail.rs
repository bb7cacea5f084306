//! A small mail server: it speaks as much SMTP as a client needs, and keeps what it takes.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// The password of its user.
const PASSWORD: &str = "the password of the relay";

/// A letter as it came.
#[derive(Clone, Debug, Default)]
pub struct Letter {
    pub from: String,
    pub to: Vec<String>,
    pub text: String,
}

/// How it protects its connections.
#[derive(Clone)]
pub enum Protection {
    /// Not at all.
    None,
    /// Once the client asks for it; before, nobody signs in.
    Starttls(TlsAcceptor),
    /// From the first byte.
    Tls(TlsAcceptor),
}

/// A running mail server.
pub struct MailServer {
    port: u16,
    kept: Arc<Kept>,
}

/// What it took.
#[derive(Default)]
struct Kept {
    letters: Mutex<Vec<Letter>>,
    /// Proofs of passwords that came unprotected.
    bare_proofs: Mutex<Vec<String>>,
}

impl MailServer {
    /// Starts on a free port, without protection.
    pub async fn start() -> Self {
        MailServer::start_with(Protection::None).await
    }

    /// Starts on a free port.
    pub async fn start_with(protection: Protection) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().unwrap().port();
        let kept: Arc<Kept> = Arc::default();
        let keeping = kept.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (kept, protection) = (keeping.clone(), protection.clone());
                tokio::spawn(async move { drop(serve(stream, &kept, protection).await) });
            }
        });
        MailServer { port, kept }
    }

    /// The body that makes a channel to it.
    pub fn channel(&self) -> Value {
        self.channel_by("127.0.0.1", "none")
    }

    /// The body that makes a channel to it, by this name and with this protection.
    pub fn channel_by(&self, host: &str, security: &str) -> Value {
        let mail = json!({
            "host": host, "port": self.port, "security": security, "user": "relay", "from": "keywheel@example.org",
            "to": ["ops@example.org", "Anna <anna@example.org>"],
        });
        json!({ "name": "mail", "kind": "email", "mail": mail, "secret": PASSWORD, "allow_private": true })
    }

    /// What it took.
    pub fn letters(&self) -> Vec<Letter> {
        self.kept.letters.lock().clone()
    }

    /// Passwords that came unprotected, as they were sent.
    pub fn bare_proofs(&self) -> Vec<String> {
        self.kept.bare_proofs.lock().clone()
    }

    /// The subjects of what it took, decoded.
    pub fn subjects(&self) -> Vec<String> {
        self.letters().iter().map(|letter| subject(&letter.text)).collect()
    }
}

async fn serve(mut stream: TcpStream, kept: &Kept, protection: Protection) -> std::io::Result<()> {
    const GREETING: &[u8] = b"220 mail.example.org\r\n";
    match protection {
        Protection::Tls(acceptor) => {
            let mut stream = acceptor.accept(stream).await?;
            stream.write_all(GREETING).await?;
            talk(stream, kept, false, true).await.map(drop)
        }
        Protection::Starttls(acceptor) => {
            stream.write_all(GREETING).await?;
            match talk(stream, kept, true, false).await? {
                Some(stream) => talk(acceptor.accept(stream).await?, kept, false, true).await.map(drop),
                None => Ok(()),
            }
        }
        Protection::None => {
            stream.write_all(GREETING).await?;
            talk(stream, kept, false, false).await.map(drop)
        }
    }
}

/// Talks until the client leaves, or wants protection where that is offered: then the connection is given back.
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    kept: &Kept,
    offers_tls: bool,
    is_protected: bool,
) -> std::io::Result<Option<S>> {
    let mut stream = BufReader::new(stream);
    let (mut letter, mut signed_in) = (Letter::default(), false);
    while let Some(line) = next_line(&mut stream).await? {
        let address = || line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
        let answer = match line.split([' ', ':']).next().unwrap_or_default() {
            "EHLO" if offers_tls => "250-mail.example.org\r\n250 STARTTLS",
            "EHLO" => "250-mail.example.org\r\n250 AUTH PLAIN",
            "STARTTLS" if offers_tls => {
                stream.get_mut().write_all(b"220 go on\r\n").await?;
                return Ok(Some(stream.into_inner()));
            }
            "STARTTLS" => "502 not here",
            "AUTH" => {
                let proof = line.rsplit(' ').next().unwrap_or_default();
                if !is_protected {
                    kept.bare_proofs.lock().push(proof.to_owned());
                }
                let proof = BASE64_STANDARD.decode(proof).unwrap_or_default();
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
                stream.get_mut().write_all(b"354 go on\r\n").await?;
                while let Some(line) = next_line(&mut stream).await?.filter(|line| line != ".") {
                    letter.text.push_str(&line);
                    letter.text.push('\n');
                }
                kept.letters.lock().push(std::mem::take(&mut letter));
                "250 taken"
            }
            "QUIT" => "221 bye",
            _ => "250 ok",
        };
        stream.get_mut().write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
    Ok(None)
}

async fn next_line(stream: &mut (impl AsyncBufReadExt + Unpin)) -> std::io::Result<Option<String>> {
    let mut line = String::new();
    let read = stream.read_line(&mut line).await?;
    Ok((read > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned()))
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
