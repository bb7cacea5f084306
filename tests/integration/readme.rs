//! The READMEs say the same, and what they tell people to type exists.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::cli::keywheel;

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
