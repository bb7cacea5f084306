//! What several topics need: a server on a free port, and a client that writes raw bytes.

use std::net::SocketAddr;
use std::time::Duration;

use keywheel::config::{ListenAddress, ServerConfig};
use keywheel::server::{Listeners, Shutdown, run};
use poem::Endpoint;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// Longest time that anything here may take before it counts as hanging.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// A server on a free port.
pub struct Running {
    pub address: SocketAddr,
    pub shutdown: Shutdown,
    pub task: JoinHandle<()>,
}

/// Serves an endpoint on a free port.
pub async fn serve(endpoint: impl Endpoint + 'static, adjust: impl FnOnce(&mut ServerConfig)) -> Running {
    let mut config = ServerConfig { listen: vec![ListenAddress::Tcp("127.0.0.1:0".to_owned())], ..ServerConfig::default() };
    adjust(&mut config);
    let listeners = Listeners::bind(&config.listen, config.tls.as_ref()).await.expect("a free port");
    let address = listeners.tcp_addresses()[0];
    let shutdown = Shutdown::default();
    let task = tokio::spawn(run(config, listeners, endpoint, shutdown.clone()));
    Running { address, shutdown, task }
}

impl Running {
    /// A new connection.
    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("the server accepts")
    }

    /// Sends bytes on a new connection and reads until the server closes it.
    pub async fn exchange(&self, bytes: impl AsRef<[u8]>) -> String {
        exchange(self.address, bytes).await
    }
}

/// Sends bytes on a new connection and reads until the server closes it.
pub async fn exchange(address: SocketAddr, bytes: impl AsRef<[u8]>) -> String {
    let mut stream = TcpStream::connect(address).await.expect("the server accepts");
    stream.write_all(bytes.as_ref()).await.expect("the server reads");
    read_to_end(&mut stream).await
}

/// Lets this process open as many files as it may: both ends of every socket of a test live in it.
pub fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
}

/// Reads until the other side closes, within [`PATIENCE`].
pub async fn read_to_end(stream: &mut (impl AsyncReadExt + Unpin)) -> String {
    let mut answer = Vec::new();
    let end = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    end.expect("the server closes in time").expect("the connection is not reset");
    String::from_utf8_lossy(&answer).into_owned()
}

/// Reads until the text holds `needle`, within [`PATIENCE`].
pub async fn read_until(stream: &mut (impl AsyncReadExt + Unpin), needle: &str) -> String {
    let mut text = String::new();
    let reading = async {
        while !text.contains(needle) {
            let mut piece = [0; 4096];
            let count = stream.read(&mut piece).await.expect("the connection is not reset");
            assert!(count > 0, "closed before {needle:?}: {text:?}");
            text.push_str(&String::from_utf8_lossy(&piece[..count]));
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.expect("an answer in time");
    text
}
