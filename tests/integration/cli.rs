//! The command itself, as a user types it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use poem::endpoint::make;
use poem::http::StatusCode;
use poem::{Request, Response};

use crate::support::serve;

/// A command without this process's own settings, in an empty folder.
pub fn keywheel(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keywheel"));
    command.args(arguments).current_dir(folder).env_clear().env("PATH", "/usr/bin:/bin");
    command
}

fn output(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    keywheel(folder.path(), arguments).envs(variables.iter().copied()).output().expect("the command runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Ends a child whatever becomes of the test.
struct Guarded(Child);

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

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
    let mut command = keywheel(folder.path(), &["mock", "--listen", "127.0.0.1:0"]);
    let mut child = Guarded(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(child.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let port = line.trim_end().strip_prefix("listening on http://127.0.0.1:").expect(&line);
    assert!(port.parse::<u16>().is_ok_and(|port| port > 0), "{line}");
    rustix::process::kill_process(rustix::process::Pid::from_child(&child.0), rustix::process::Signal::TERM).unwrap();
    assert!(child.0.wait().unwrap().success());
}
