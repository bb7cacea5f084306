//! The READMEs say the same, and what they tell people to type exists.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use keywheel::mock::MockProvider;
use serde_json::{Value, json};

use crate::app::eventually;
use crate::cli::keywheel;
use crate::scripts::{bootstrap, scripted};

fn text_of(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// The fenced blocks of code, without remarks and surrounding space.
fn blocks(text: &str) -> Vec<String> {
    let without_remark =
        |line: &str| line.split(" #").next().unwrap_or_default().split(" //").next().unwrap_or_default().trim().to_owned();
    let block = |fenced: &str| fenced.lines().skip(1).map(without_remark).filter(|line| !line.is_empty()).collect::<Vec<_>>();
    text.split("```").skip(1).step_by(2).map(|fenced| block(fenced).join("\n")).collect()
}

/// What is typed in running text: `make …` and `keywheel …`, by their first two words.
fn commands(text: &str) -> BTreeSet<String> {
    let prose = text.split("```").step_by(2).collect::<String>();
    let spans: Vec<&str> = prose.split('`').skip(1).step_by(2).collect();
    let typed = spans.into_iter().filter(|span| span.starts_with("make ") || span.starts_with("keywheel "));
    typed.map(|span| span.split_whitespace().take(2).collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn both_readmes_have_the_same_code_and_commands() {
    let (english, chinese) = (text_of("README.md"), text_of("README.zh-CN.md"));
    assert_eq!(blocks(&english), blocks(&chinese));
    assert_eq!(commands(&english), commands(&chinese));
    assert!(!blocks(&english).is_empty() && !commands(&english).is_empty());
}

#[test]
fn what_the_readme_tells_to_type_exists() {
    let readme = text_of("README.md");
    let blocks = blocks(&readme).join("\n");
    let typed = commands(&readme).into_iter().chain(blocks.lines().map(str::to_owned));
    let makefile = text_of("Makefile");
    let folder = tempfile::tempdir().unwrap();
    for line in typed {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["make", target, ..] => assert!(makefile.contains(&format!("\n{target}:")), "make {target}"),
            ["keywheel", command, ..] if !command.starts_with('-') => {
                let help = keywheel(folder.path(), &[command, "--help"]).output().unwrap();
                assert!(help.status.success(), "keywheel {command}");
            }
            _ => {}
        }
    }
}

/// The script of the README, as it is to be saved.
fn script() -> String {
    let readme = text_of("README.md");
    let begin = readme.find("```js\nfn ").expect("a script in the README") + "```js\n".len();
    readme[begin..].split("```").next().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_readme_s_script_routes_the_next_call_and_stays_while_it_is_broken() {
    let provider = MockProvider::start().await;
    let app = scripted(&bootstrap(&provider), &[]).await;
    let served = async || {
        let body = json!({"model": "gpt-4o", "max_tokens": 4000, "messages": [{"role": "user", "content": "Say hello"}]});
        let answer = app.post("/v1/chat/completions", body.to_string()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["model"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(served().await, "gpt-4o");
    let (file, text) = (app.data.path().join("scripts/10-house-rules.rhai"), script());
    fs::write(&file, &text).unwrap();
    eventually("the script is live", async || served().await == "gpt-4o-mini").await;
    assert_eq!(provider.last_seen().unwrap().json::<Value>().unwrap()["max_tokens"], 1000);

    fs::write(&file, text.replacen('}', "", 1)).unwrap();
    let reload = async || app.admin("GET", "/api/scripts", Value::Null).await.json()["last_reload"].take();
    eventually("the fault is shown", async || reload().await["ok"] == false).await;
    let problem = reload().await["problems"][0].take();
    assert_eq!(problem["script"], "10-house-rules.rhai");
    assert!(problem["line"].as_u64() > Some(0) && problem["column"].as_u64() > Some(0), "{problem}");
    assert_eq!(served().await, "gpt-4o-mini", "the last good script stays");
    let checked = keywheel(app.data.path(), &["check", "--scripts", "scripts"]).output().unwrap();
    assert!(!checked.status.success());
    let place = format!("scripts/10-house-rules.rhai:{}:{}: error:", problem["line"], problem["column"]);
    assert!(String::from_utf8_lossy(&checked.stdout).contains(&place), "{place}");
}
