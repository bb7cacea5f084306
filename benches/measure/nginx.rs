//! The yardstick: nginx as a plain reverse proxy with keep-alive on both sides and its usual access log.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::process::Process;

/// The first line of `nginx -v`, or `None` where nginx is not installed.
pub fn version() -> Option<String> {
    let output = Command::new("nginx").arg("-v").output().ok()?;
    let text = String::from_utf8_lossy(&output.stderr);
    Some(text.trim().trim_start_matches("nginx version: ").to_owned())
}

/// Starts nginx in `folder` with so many worker processes before `backend`.
pub fn start(folder: &Path, workers: usize, backend: SocketAddr) -> Result<(Process, SocketAddr)> {
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let file = folder.join("nginx.conf");
    fs::create_dir_all(folder)?;
    fs::write(&file, configuration(folder, workers, address, backend))?;
    let mut command = Command::new("nginx");
    command.arg("-p").arg(folder).arg("-c").arg(&file).args(["-g", "daemon off;"]);
    let process = Process::start(&mut command, &folder.join("nginx.out"))?;
    for _ in 0..100 {
        if TcpStream::connect(address).is_ok() {
            return Ok((process, address));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let said = fs::read_to_string(folder.join("error.log")).context("nginx wrote no error log")?;
    bail!("nginx does not listen on {address}: {said}")
}

fn configuration(folder: &Path, workers: usize, address: SocketAddr, backend: SocketAddr) -> String {
    let folder = folder.display();
    format!(
        "worker_processes {workers};
error_log {folder}/error.log;
pid {folder}/nginx.pid;
events {{ worker_connections 8192; }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    tcp_nodelay on;
    keepalive_requests 100000000;
    upstream provider {{
        server {backend};
        keepalive 256;
        keepalive_requests 100000000;
    }}
    server {{
        listen {address} backlog=4096;
        location / {{
            proxy_pass http://provider;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
        }}
        location /unbuffered/ {{
            proxy_pass http://provider/;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
            proxy_buffering off;
        }}
    }}
}}
"
    )
}
