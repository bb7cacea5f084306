//! The house checks itself: which room may know which, who may name what, and what every file looks like.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Rooms that every room may import.
const COMMON: &[&str] = &["client_address", "clock", "domain", "request_path"];

/// What each other room may import besides. Rooms that see everything are in [`OVERSEERS`].
const ARROWS: &[(&str, &[&str])] = &[
    (
        "admin",
        &[
            "alerts",
            "key_check",
            "key_states",
            "model_sync",
            "outbound",
            "playground",
            "prices",
            "publish",
            "quota",
            "recorder",
            "rotator",
            "script",
            "store",
            "telemetry",
        ],
    ),
    ("alerts", &["outbound"]),
    ("bootstrap", &["publish", "store"]),
    ("config", &["telemetry"]),
    ("dashboard", &[]),
    ("key_check", &["key_states", "outbound", "publish", "rotator", "store"]),
    ("key_states", &["rotator", "store"]),
    ("mock", &[]),
    ("model_sync", &["outbound", "publish", "rotator", "store"]),
    ("outbound", &[]),
    ("playground", &["proxy", "store"]),
    ("prices", &[]),
    ("proxy", &["outbound", "quota", "recorder", "rotator", "script", "telemetry"]),
    ("publish", &["store"]),
    ("quota", &[]),
    ("recorder", &["store", "telemetry"]),
    ("rotator", &[]),
    ("script", &[]),
    ("server", &["config"]),
    ("store", &[]),
    ("telemetry", &[]),
];

/// Rooms that put the others together.
const OVERSEERS: &[&str] = &["app", "cli", "lib", "main"];

/// Words that only some rooms may say.
const RESERVED: &[(&str, &[&str])] = &[
    ("rusqlite", &["store"]),
    ("rhai::", &["script"]),
    ("notify::", &["script"]),
    ("reqwest", &["outbound"]),
    ("lettre", &["outbound"]),
    ("std::env", &["config"]),
    ("getrandom", &["clock"]),
    ("SystemTime", &["clock"]),
    ("anyhow", &["app", "cli", "main"]),
];

/// Rooms that must not know the HTTP framework.
const FREE_OF_POEM: &[&str] = &["alerts", "domain", "outbound", "quota", "recorder", "rotator", "script", "store"];

/// Most lines of a source file.
const MAX_LINES: usize = 400;

struct Source {
    path: PathBuf,
    /// The first folder or file below `src`.
    room: String,
    text: String,
}

impl Source {
    /// The code without comments and without the tests inside the file.
    fn code(&self) -> String {
        let product = self.text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        let without_comment = |line: &str| line.split("//").next().unwrap_or_default().to_owned();
        product.lines().map(without_comment).collect::<Vec<_>>().join("\n")
    }

    fn is_test(&self) -> bool {
        self.path.components().any(|part| part.as_os_str() == "tests") || self.path.ends_with("tests.rs")
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files_below(folder: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() && !["target", "node_modules", "vendor", ".git", "data"].iter().any(|skipped| name == *skipped) {
            found.extend(files_below(&path, extensions));
        } else if path.extension().is_some_and(|extension| extensions.iter().any(|wanted| extension == *wanted)) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn sources() -> Vec<Source> {
    let src = root().join("src");
    let read = |path: PathBuf| {
        let first = path.strip_prefix(&src).unwrap().components().next().unwrap().as_os_str().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap();
        Source { room: first.trim_end_matches(".rs").to_owned(), text, path: path.strip_prefix(root()).unwrap().to_owned() }
    };
    let found: Vec<_> = files_below(&src, &["rs"]).into_iter().map(read).collect();
    assert!(found.len() > 50, "the sources are where they were");
    found
}

/// The rooms that code mentions as `crate::room` or inside `crate::{…}`.
fn imported_rooms(code: &str) -> BTreeSet<String> {
    let word =
        |text: &str| text.chars().take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '_').collect::<String>();
    let mut rooms = BTreeSet::new();
    for mention in code.split("crate::").skip(1) {
        let Some(list) = mention.strip_prefix('{') else {
            rooms.insert(word(mention));
            continue;
        };
        let mut depth = 0;
        let mut start = true;
        for (at, letter) in list.char_indices() {
            match letter {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => start = true,
                _ if start && !letter.is_whitespace() => {
                    rooms.insert(word(&list[at..]));
                    start = false;
                }
                _ => {}
            }
        }
    }
    rooms
}

fn assert_none(faults: Vec<String>, rule: &str) {
    assert!(faults.is_empty(), "{rule}:\n  {}", faults.join("\n  "));
}

#[test]
fn imports_are_read_in_every_form() {
    let code = "use crate::domain::Key;\nuse crate::{store::{Store, Edit}, clock, proxy as p};\nlet x = crate::quota::y();";
    assert_eq!(imported_rooms(code), ["clock", "domain", "proxy", "quota", "store"].map(str::to_owned).into());
}

#[test]
fn a_compared_word_is_found_on_both_sides() {
    assert_eq!(word_beside("if self.former.hash", true), "hash");
    assert_eq!(word_beside("*token && x", false), "token");
    assert_eq!(word_beside("(key.secret.expose_secret()", true), "expose_secret()");
}

#[test]
fn arrows_between_rooms_point_down() {
    let mut faults = Vec::new();
    for source in sources().iter().filter(|source| !OVERSEERS.contains(&source.room.as_str()) && !source.is_test()) {
        let own = ARROWS.iter().find(|(room, _)| *room == source.room);
        if own.is_none() && !COMMON.contains(&source.room.as_str()) {
            faults.push(format!("{}: the room `{}` has no line in ARROWS", source.path.display(), source.room));
            continue;
        }
        let allowed: Vec<&str> = COMMON.iter().chain(own.map_or(&[][..], |(_, allowed)| allowed)).copied().collect();
        for room in imported_rooms(&source.code()) {
            let is_room = room.chars().next().is_some_and(|letter| letter.is_ascii_lowercase());
            if is_room && room != source.room && !allowed.contains(&room.as_str()) {
                faults.push(format!("{} imports {room}", source.path.display()));
            }
        }
    }
    assert_none(faults, "a room may import only those that ARROWS allows");
}

#[test]
fn the_domain_imports_no_room() {
    let domain = sources().into_iter().filter(|source| source.room == "domain");
    let outside = |source: Source| {
        let rooms: Vec<_> = imported_rooms(&source.code()).into_iter().filter(|room| room != "domain").collect();
        (!rooms.is_empty()).then(|| format!("{} imports {rooms:?}", source.path.display()))
    };
    assert_none(domain.filter_map(outside).collect(), "the domain imports no room");
}

#[test]
fn reserved_words_stay_in_their_rooms() {
    let mut faults = Vec::new();
    for source in sources().iter().filter(|source| !source.is_test()) {
        let code = source.code();
        for (word, rooms) in RESERVED {
            if code.contains(word) && !rooms.contains(&source.room.as_str()) {
                faults.push(format!("{} names {word}", source.path.display()));
            }
        }
        // The clock of tokio's timers is fine where something is awaited.
        if code.contains("Instant::now") && !code.contains("tokio::time::") && source.room != "clock" {
            faults.push(format!("{} asks the machine for the time", source.path.display()));
        }
        if code.contains("poem") && FREE_OF_POEM.contains(&source.room.as_str()) {
            faults.push(format!("{} names poem", source.path.display()));
        }
    }
    assert_none(faults, "some words belong to some rooms");
}

/// Where what a caller sends is compared with what only they should know.
const SECRET_WORDS: [&str; 7] = ["token", "token_hash", "hash", "csrf", "csrf_token", "password", "expose_secret()"];

/// Comparisons that no caller takes part in: what is stored or configured, with the same at another time.
const OF_NO_CALLER: [(&str, &str); 4] = [
    ("admin/session.rs", "user.password != before"),
    ("rotator/pool.rs", "one.secret.expose_secret() == other.secret.expose_secret()"),
    ("bootstrap/entries/key.rs", "key.secret.expose_secret() == secret"),
    ("store/catalog/users.rs", "self.password == before.password"),
];

/// The last part of a path such as `self.former.hash` that ends or begins a text.
fn word_beside(text: &str, before: bool) -> &str {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.' | '(' | ')');
    let text = text.trim().trim_start_matches(['&', '*']);
    let path =
        if before { text.rsplit(|letter| !is_part(letter)).next() } else { text.split(|letter| !is_part(letter)).next() };
    path.unwrap_or_default().rsplit('.').next().unwrap_or_default()
}

#[test]
fn secrets_are_compared_in_constant_time() {
    let (mut faults, mut in_constant_time) = (Vec::new(), 0);
    for source in sources().iter().filter(|source| !source.is_test()) {
        let code = source.code();
        in_constant_time += code.matches(".ct_eq(").count();
        let is_known = |line: &str| OF_NO_CALLER.iter().any(|(path, code)| source.path.ends_with(path) && line.contains(code));
        for line in code.lines().filter(|line| !is_known(line)) {
            for operator in [" == ", " != "] {
                let mut parts = line.split(operator).peekable();
                while let (Some(left), Some(right)) = (parts.next(), parts.peek()) {
                    let words = [word_beside(left, true), word_beside(right, false)];
                    if words.iter().any(|word| SECRET_WORDS.contains(word)) {
                        faults.push(format!("{}: {}", source.path.display(), line.trim()));
                    }
                }
            }
        }
    }
    assert_none(faults, "what callers send is compared with `subtle`, so that the time tells them nothing");
    assert!(
        in_constant_time >= 6,
        "admin tokens, csrf, clients' tokens, the metrics token and the master key: {in_constant_time}"
    );
}

#[test]
fn every_source_file_says_first_what_it_is() {
    let mut rust = files_below(&root().join("src"), &["rs"]);
    rust.extend(files_below(&root().join("tests"), &["rs"]));
    rust.extend(files_below(&root().join("benches"), &["rs"]));
    let silent = |path: &PathBuf| !fs::read_to_string(path).unwrap().starts_with("//! ");
    let faults = rust.into_iter().filter(silent).map(|path| path.display().to_string()).collect();
    assert_none(faults, "the first line of a file is `//! ` and what it owns");
}

#[test]
fn no_source_file_is_too_long() {
    let long = |source: &Source| source.text.lines().count() > MAX_LINES;
    let shown = |source: Source| format!("{}: {} lines", source.path.display(), source.text.lines().count());
    assert_none(sources().into_iter().filter(long).map(shown).collect(), "a file has at most 400 lines");
}

#[test]
fn nothing_is_left_open() {
    let folders = ["src", "tests", "benches", "static", "scripts"];
    let extensions = ["rs", "js", "mjs", "css", "html", "py", "rhai", "sql"];
    // Written in two pieces, or this file would find itself.
    let marks = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
        concat!("#[ig", "nore"),
    ];
    let mut faults = Vec::new();
    for path in folders.iter().flat_map(|folder| files_below(&root().join(folder), &extensions)) {
        let text = fs::read_to_string(&path).unwrap();
        for (number, line) in text.lines().enumerate() {
            if marks.iter().any(|mark| line.contains(mark)) {
                faults.push(format!("{}:{}", path.display(), number + 1));
            }
        }
    }
    assert_none(faults, "nothing is left open in the code");
}

#[test]
fn lints_are_silenced_only_with_a_reason() {
    let attributes = [concat!("#[al", "low("), "#[expect("];
    let unreasoned = |source: &Source| {
        let silenced = attributes.iter().flat_map(|attribute| source.text.split(attribute).skip(1));
        silenced.into_iter().any(|rest| !rest.split(")]").next().unwrap_or_default().contains("reason"))
    };
    let faults = sources().into_iter().filter(unreasoned).map(|source| source.path.display().to_string()).collect();
    assert_none(faults, "a lint is silenced with a reason");
}
