//! The command itself, as a user types it.

use std::fs::File;
use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use keywheel::mock::MockProvider;
use poem::endpoint::make;
use poem::http::StatusCode;
use poem::{Request, Response};
use rustix::process::{Pid, Signal};

use crate::support::serve;

/// A command without this process's own settings, in an empty folder.
pub fn keywheel(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keywheel"));
    command.args(arguments).current_dir(folder).env_clear().env("PATH", "/usr/bin:/bin");
    command
}

pub fn output(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    keywheel(folder.path(), arguments).envs(variables.iter().copied()).output().expect("the command runs")
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A command that runs until the test ends it.
pub struct Running {
    child: Child,
    /// What it printed until it listened, the address included.
    pub printed: Vec<String>,
    lines: Lines<BufReader<ChildStdout>>,
    /// What it wrote to standard error.
    errors: File,
    pub url: String,
}

impl Running {
    /// Starts a command in a folder and waits until it listens.
    pub fn start(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = keywheel(folder, arguments);
        let errors = tempfile::tempfile().unwrap();
        let mut child = command
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(errors.try_clone().unwrap())
            .spawn()
            .expect("the command runs");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut printed = Vec::new();
        let url = loop {
            let line = lines.next().expect("it prints where it listens").unwrap();
            printed.push(line.clone());
            if let Some(url) = line.strip_prefix("listening on ") {
                break url.to_owned();
            }
        };
        Running { child, printed, lines, errors, url }
    }

    fn signal(&self, signal: Signal) {
        rustix::process::kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    pub fn stop(mut self) -> Option<i32> {
        self.signal(Signal::TERM);
        self.child.wait().unwrap().code()
    }

    /// The next line that it prints.
    pub fn next_line(&mut self) -> String {
        self.lines.next().expect("another line").unwrap()
    }

    /// What it has logged so far.
    pub fn logged(&self) -> String {
        let mut bytes = vec![0; self.errors.metadata().unwrap().len() as usize];
        self.errors.read_exact_at(&mut bytes, 0).unwrap();
        text(&bytes)
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a request with an empty body; the whole answer.
    pub fn ask(&self, line: &str) -> String {
        self.ask_as("nobody", line)
    }

    /// As [`Running::ask`], with a token.
    pub fn ask_as(&self, token: &str, line: &str) -> String {
        self.exchange(&format!("{line} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"))
    }

    /// Posts JSON as nobody; the whole answer.
    pub fn post(&self, path: &str, body: &str) -> String {
        let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\n");
        self.exchange(&format!("{head}content-length: {}\r\n\r\n{body}", body.len()))
    }

    fn exchange(&self, request: &str) -> String {
        let mut stream = std::net::TcpStream::connect(self.url.strip_prefix("http://").unwrap()).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub const ON_A_FREE_PORT: &[&str] = &["serve", "--listen", "127.0.0.1:0"];

#[test]
fn every_command_has_help_with_an_example() {
    let help = text(&output(&["--help"], &[]).stdout);
    let commands = help.split("Commands:").nth(1).expect("a list of commands").split("Options:").next().unwrap();
    let names: Vec<_> =
        commands.lines().filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").collect();
    assert!(names.contains(&"mock") && names.contains(&"healthcheck"), "{names:?}");
    for name in names {
        let answer = output(&[name, "--help"], &[]);
        assert!(answer.status.success(), "{name}");
        assert!(text(&answer.stdout).contains("Example:\n  keywheel "), "{name}: {}", text(&answer.stdout));
    }
}

#[test]
fn wrong_usage_and_configuration_exit_with_2() {
    for arguments in
        [&["--nonsense"][..], &["nonsense"], &["healthcheck", "--listen", "nowhere"], &["mock", "--tokens", "many"]]
    {
        let answer = output(arguments, &[]);
        assert_eq!(answer.status.code(), Some(2), "{arguments:?}: {}", text(&answer.stderr));
        assert!(answer.stdout.is_empty());
    }
    let answer = output(&["healthcheck"], &[("KEYWHEEL_LISTEN", "nowhere")]);
    assert_eq!(answer.status.code(), Some(2));
    assert!(text(&answer.stderr).contains("KEYWHEEL_LISTEN"), "{}", text(&answer.stderr));
}

#[tokio::test]
async fn healthcheck_tells_by_its_exit_code() {
    let ready = make(|request: Request| async move {
        let status = if request.uri().path() == "/readyz" { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
        Ok::<_, poem::Error>(Response::from(status))
    });
    let server = serve(ready, |_| {}).await;
    let address = server.address.to_string();
    let ask = |arguments: &'static [&'static str]| {
        let address = address.clone();
        tokio::task::spawn_blocking(move || output(&[&["healthcheck"], arguments].concat(), &[("KEYWHEEL_LISTEN", &address)]))
    };
    assert_eq!(ask(&["--live"]).await.unwrap().status.code(), Some(0));
    let not_ready = ask(&[]).await.unwrap();
    assert_eq!(not_ready.status.code(), Some(1));
    assert!(text(&not_ready.stderr).contains("503"), "{}", text(&not_ready.stderr));
    let nobody = ask(&["--listen", "127.0.0.1:1"]).await.unwrap();
    assert_eq!(nobody.status.code(), Some(1));
}

#[test]
fn mock_prints_where_it_listens_and_ends_on_a_signal() {
    let folder = tempfile::tempdir().unwrap();
    let mock = Running::start(folder.path(), &["mock", "--listen", "127.0.0.1:0"], &[]);
    let port = mock.url.strip_prefix("http://127.0.0.1:").expect("an address on this machine");
    assert!(port.parse::<u16>().is_ok_and(|port| port > 0), "{port}");
    assert_eq!(mock.stop(), Some(0));
}

#[test]
fn a_first_start_makes_what_it_needs_and_shows_the_token_once() {
    let folder = tempfile::tempdir().unwrap();
    let variables = [("OPENAI_API_KEY", "sk-first-0123456789,sk-second-0123456789")];
    let first = Running::start(folder.path(), ON_A_FREE_PORT, &variables);
    assert!(first.printed.iter().any(|line| line.contains("shown once") && line.contains("kw-")), "{:?}", first.printed);
    assert!(first.printed.contains(&"the admin token is in ./data/admin-token".to_owned()), "{:?}", first.printed);
    assert!(first.ask("GET /readyz").starts_with("HTTP/1.1 200 "));
    assert!(first.ask("GET /v1/models").starts_with("HTTP/1.1 401 "));
    let setup_token = |running: &Running| {
        let start = format!("make the first user (once): {}/#/setup?token=kw-", running.url);
        let token = running.printed.iter().find_map(|line| line.strip_prefix(&start));
        token.unwrap_or_else(|| panic!("no setup link: {:?}", running.printed)).to_owned()
    };
    let first_token = setup_token(&first);
    assert_eq!(first.stop(), Some(0));
    let second = Running::start(folder.path(), ON_A_FREE_PORT, &variables);
    assert_eq!(second.printed.len(), 2, "{:?}", second.printed);
    assert_ne!(setup_token(&second), first_token, "until the first user is made, each start prints another link");
}

#[test]
fn keywheel_alone_serves() {
    let folder = tempfile::tempdir().unwrap();
    let serving = Running::start(folder.path(), &[], &[("KEYWHEEL_LISTEN", "127.0.0.1:0")]);
    assert!(serving.ask("GET /healthz").starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_data_folder_serves_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let serving = Running::start(folder.path(), ON_A_FREE_PORT, &[]);
    let second = keywheel(folder.path(), ON_A_FREE_PORT).output().unwrap();
    assert_eq!(second.status.code(), Some(2));
    assert!(text(&second.stderr).contains(&serving.url), "{}", text(&second.stderr));
}

#[test]
fn a_start_that_cannot_be_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |variables: &[(&str, &str)], code: i32, reason: &str| {
        let answer = keywheel(folder.path(), ON_A_FREE_PORT).envs(variables.iter().copied()).output().unwrap();
        let said = text(&answer.stderr);
        assert_eq!(answer.status.code(), Some(code), "{variables:?}: {said}");
        assert!(said.contains(reason), "{variables:?}: {said}");
        assert!(answer.stdout.is_empty());
    };
    std::fs::write(folder.path().join("file"), "in the way").unwrap();
    std::fs::write(folder.path().join("bad.toml"), "[[key]]\nprovider = 'nobody'\nname = 'x'\nsecret = '${NOT_SET}'\n")
        .unwrap();
    refused(&[("KEYWHEEL_DATA", "file")], 2, "chown");
    refused(&[("KEYWHEEL_BOOTSTRAP", "bad.toml")], 2, "NOT_SET");
    refused(&[("KEYWHEEL_BOOTSTRAP", "absent.toml")], 2, "absent.toml");
    refused(&[("KEYWHEEL_CONFIG", "absent.toml")], 2, "absent.toml");
    refused(&[("KEYWHEEL_TLS_CERT", "absent.pem"), ("KEYWHEEL_TLS_KEY", "absent.pem")], 2, "absent.pem");
    refused(&[("KEYWHEEL_MASTER_KEY", "too short")], 2, "KEYWHEEL_MASTER_KEY");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let answer = keywheel(folder.path(), &["serve", "--listen", &address]).output().unwrap();
    assert_eq!(answer.status.code(), Some(1), "{}", text(&answer.stderr));
    assert!(text(&answer.stderr).contains(&address));
}

#[test]
fn a_second_signal_ends_the_process_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut serving = Running::start(folder.path(), ON_A_FREE_PORT, &[]);
    // A request that never ends keeps the drain waiting.
    let mut open = std::net::TcpStream::connect(serving.url.strip_prefix("http://").unwrap()).unwrap();
    open.write_all(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer x\r\ncontent-length: 9\r\n\r\n")
        .unwrap();
    let started = Instant::now();
    serving.signal(Signal::TERM);
    while serving.child.try_wait().unwrap().is_none() && started.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(50));
        serving.signal(Signal::TERM);
    }
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_only_the_default_provider_knows_is_looked_up_there() {
    let provider = MockProvider::start().await;
    let folder = tempfile::tempdir().unwrap();
    let bootstrap = format!(
        "[[provider]]\nname = 'mock'\nbase_url = '{}'\ndefault = true\nallow_private = true\n\
         [[key]]\nprovider = 'mock'\nname = 'one'\nsecret = 'sk-mock-healthy-one'\n\
         [[client]]\nname = 'any'\ntoken = 'kw-test-any'\n\
         [[client]]\nname = 'some'\ntoken = 'kw-test-some'\nmodels = ['gpt-4o']\n",
        provider.base_url()
    );
    std::fs::write(folder.path().join("bootstrap.toml"), bootstrap).unwrap();
    let serving = Running::start(folder.path(), ON_A_FREE_PORT, &[("KEYWHEEL_BOOTSTRAP", "bootstrap.toml")]);
    assert!(serving.ask_as("kw-test-any", "GET /v1/models/gpt-4o-mini").starts_with("HTTP/1.1 200 "));
    assert!(serving.ask_as("kw-test-some", "GET /v1/models/gpt-4o-mini").starts_with("HTTP/1.1 404 "));
    // The provider says that there is no such model; that tells nothing about its key, however often it says so.
    for _ in 0..3 {
        let unknown = serving.ask_as("kw-test-any", "GET /v1/models/no-such-model");
        assert!(unknown.starts_with("HTTP/1.1 404 ") && unknown.contains("model_not_found"), "{unknown}");
    }
    assert!(serving.ask_as("kw-test-any", "GET /v1/files").starts_with("HTTP/1.1 200 "));
}

#[test]
fn the_demo_shows_traffic_and_prints_a_curl_that_works() {
    let folder = tempfile::tempdir().unwrap();
    let started = Instant::now();
    let demo = Running::start(
        folder.path(),
        &["demo", "--listen", "127.0.0.1:0", "--days", "1"],
        &[("TMPDIR", folder.path().to_str().unwrap())],
    );
    let link = demo.printed.iter().find_map(|line| line.split_once("/#/sign-in?link=")).expect("a link to the dashboard").1;
    for _ in 0..2 {
        let answer = demo.post("/api/session", &format!(r#"{{"link":"{link}"}}"#));
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("set-cookie: keywheel_session="), "{answer}");
    }
    let at = demo.printed.iter().position(|line| line.trim_start().starts_with("curl ")).expect("a curl command");
    let pasted = demo.printed[at..at + 2].join("\n");
    let answer = Command::new("sh").args(["-c", &format!("{pasted} --silent --show-error")]).output().unwrap();
    let said = text(&answer.stdout);
    assert!(
        answer.status.success() && said.contains("\"chat.completion\""),
        "{pasted}: {said} {} {}",
        text(&answer.stderr),
        answer.status
    );
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    assert_shows_life(&demo);
    assert_eq!(demo.stop(), Some(0));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
}

/// History of its day, calls that go on coming, and one that a second key saved.
fn assert_shows_life(demo: &Running) {
    let token = demo.printed.iter().find_map(|line| line.strip_prefix("Its token: ")).expect("the admin token").trim();
    let ask = |path: &str| {
        let head = format!("GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n");
        let answer = demo.exchange(&head);
        let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer}"));
        let json = &body[body.find('{').unwrap_or(0)..=body.rfind('}').unwrap_or(0)];
        serde_json::from_str::<serde_json::Value>(json).unwrap_or_else(|error| panic!("{error}: {answer}"))
    };
    let calls = |query: &str| ask(&format!("/api/calls?limit=1&{query}"))["calls"].as_array().cloned().unwrap_or_default();
    let newest = || calls("")[0]["id"].clone();
    let (first, deadline) = (newest(), Instant::now() + Duration::from_secs(20));
    while newest() == first {
        assert!(Instant::now() < deadline, "no call has come for 20 s");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(!calls("min_attempts=2&outcome=success").is_empty(), "no call was saved by another key");
    let total = &ask("/api/stats/totals?range=24h")["total"]["calls"];
    assert!(total.as_u64().is_some_and(|calls| calls > 100), "a day of history: {total}");
}

#[test]
fn check_tells_sources_and_finds_what_would_stop_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let check = |arguments: &[&str], variables: &[(&str, &str)]| {
        let arguments = [&["check"], arguments].concat();
        keywheel(folder.path(), &arguments).envs(variables.iter().copied()).output().unwrap()
    };
    let bootstrap =
        "[[provider]]\nname = 'a'\nbase_url = 'https://api.openai.com'\n[[key]]\nprovider = 'a'\nname = 'k'\nsecret = '${K}'\n";
    std::fs::write(folder.path().join("good.toml"), bootstrap).unwrap();
    std::fs::write(folder.path().join("bad.toml"), "[[provider]]\nname = 'a'\nbase_urls = 'x'\n").unwrap();
    let variables = [("KEYWHEEL_DATA", "elsewhere"), ("KEYWHEEL_ADMIN_TOKEN", "correct horse battery"), ("K", "sk-0123456789")];
    let good = check(&["--bootstrap", "good.toml", "--log", "debug"], &variables);
    let said = text(&good.stdout);
    assert!(good.status.success(), "{said} {}", text(&good.stderr));
    let line = |name: &str| said.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
    assert!(line("log ").contains("debug") && line("log ").contains("the flag --log"), "{said}");
    assert!(line("data").contains("elsewhere") && line("data").contains("KEYWHEEL_DATA"), "{said}");
    assert!(said.contains("good.toml declares 1 providers, 1 keys, 0 models, 0 clients"), "{said}");
    assert!(!said.contains("horse") && !said.contains("sk-0123456789"), "{said}");
    for (file, reason) in [("bad.toml", "base_urls"), ("good.toml", "environment variable K ")] {
        let refused = check(&["--bootstrap", file], &[]);
        assert_eq!(refused.status.code(), Some(2), "{file}");
        assert!(text(&refused.stderr).contains(reason), "{file}: {}", text(&refused.stderr));
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is made");
}

const ONE_PROVIDER: &str = "[[provider]]\nname = 'openai'\nbase_url = 'https://api.openai.com'\n";

#[test]
fn a_reader_that_stops_early_ends_no_command_badly() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = keywheel(folder.path(), &["check"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command runs");
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert!(ended.status.success() && ended.stderr.is_empty(), "{}", text(&ended.stderr));
}

#[test]
fn a_full_disk_is_told_where_a_command_prints() {
    let folder = tempfile::tempdir().unwrap();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let ended = keywheel(folder.path(), &["check"]).stdout(full).output().expect("the command runs");
    assert_eq!(ended.status.code(), Some(1));
    assert!(text(&ended.stderr).contains("cannot print"), "{}", text(&ended.stderr));
}

/// Runs a command to its end, with something on its standard input.
fn typed(folder: &Path, arguments: &[&str], input: &str) -> Output {
    let mut command = keywheel(folder, arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn keys_and_clients_are_made_beside_a_running_server_and_without_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::fs::write(path.join("bootstrap.toml"), ONE_PROVIDER).unwrap();
    let variables = [("KEYWHEEL_BOOTSTRAP", "bootstrap.toml")];
    let serving = Running::start(path, ON_A_FREE_PORT, &variables);

    let created = typed(path, &["client", "create", "online", "--model", "gpt-4o*", "--rpm", "60"], "");
    let token = text(&created.stdout).trim().to_owned();
    assert!(created.status.success() && token.starts_with("kw-"), "{} {}", text(&created.stdout), text(&created.stderr));
    assert!(serving.ask_as(&token, "GET /v1/models").starts_with("HTTP/1.1 200 "), "the running server knows it at once");
    let again = typed(path, &["client", "create", "online"], "");
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("name"), "{}", text(&again.stderr));

    let import = ["keys", "import", "--provider", "openai", "--tag", "paid"];
    let first = typed(path, &import, "# ours\nsk-online-0123456789abc\nteam b,sk-online-9876543210cba\n");
    assert!(
        text(&first.stdout).contains("keys imported for openai: 2; there already: 0"),
        "{} {}",
        text(&first.stdout),
        text(&first.stderr)
    );
    assert_eq!(serving.stop(), Some(0));

    let second = typed(path, &import, "sk-online-0123456789abc\n\"sk-offline-0123456789abc\",\n");
    assert!(text(&second.stdout).contains("keys imported for openai: 1; there already: 1"), "{}", text(&second.stderr));
    let offline = typed(path, &["client", "create", "offline"], "");
    let token = text(&offline.stdout).trim().to_owned();
    let serving = Running::start(path, ON_A_FREE_PORT, &variables);
    assert!(serving.ask_as(&token, "GET /v1/models").starts_with("HTTP/1.1 200 "));
    let admin = std::fs::read_to_string(path.join("data/admin-token")).unwrap();
    let keys = serving.ask_as(admin.trim(), "GET /api/keys");
    assert!(["key-1", "team b", "paid"].iter().all(|part| keys.contains(part)), "{keys}");
    for output in [&first, &second] {
        let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert!(!said.contains("0123456789") && said.contains("…9abc"), "no more of a key is shown than its end: {said}");
    }
}

#[test]
fn an_import_with_a_line_that_cannot_be_read_imports_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::fs::write(path.join("keys.txt"), "sk-one-0123456789abc\nsk-two-\u{200b}0123456789abc\n").unwrap();
    let refused = typed(path, &["keys", "import", "--provider", "openai", "keys.txt"], "");
    assert_eq!(refused.status.code(), Some(1));
    let said = text(&refused.stderr);
    assert!(said.contains("keys.txt, line 2: character 8 is U+200B") && said.contains("nothing was imported"), "{said}");
    assert!(!path.join("data").exists());
    let dry = typed(
        path,
        &["keys", "import", "--provider", "openai", "--dry-run", "--split-commas"],
        "sk-a-1234567890,sk-b-1234567890",
    );
    assert!(dry.status.success() && text(&dry.stderr).lines().count() == 2, "{}", text(&dry.stderr));
    let nobody = typed(path, &["keys", "import", "--provider", "nobody"], "sk-one-0123456789abc");
    assert_eq!(nobody.status.code(), Some(1));
    assert!(text(&nobody.stderr).contains("there is no provider nobody"), "{}", text(&nobody.stderr));
    let absent = typed(path, &["keys", "import", "--provider", "openai", "absent.txt"], "");
    assert!(text(&absent.stderr).contains("absent.txt"));
}

#[test]
fn openapi_prints_what_is_committed() {
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        return;
    }
    let committed = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/admin.json")).unwrap();
    assert_eq!(text(&output(&["openapi"], &[]).stdout).trim_end(), committed.trim_end());
}
