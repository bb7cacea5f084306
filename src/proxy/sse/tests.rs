//! Events are the same wherever the stream is cut.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen {
    range: Range<u64>,
    name: String,
    data: String,
    too_long: bool,
}

impl From<Event<'_>> for Seen {
    fn from(event: Event<'_>) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Seen { range: event.range.clone(), name: text(event.name), data: text(event.data), too_long: event.too_long }
    }
}

/// The events of a stream that comes in these chunks. Along the way the unfinished part never begins before what was seen.
fn events<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<Seen> {
    let mut splitter = Splitter::new();
    let mut seen: Vec<Seen> = Vec::new();
    for chunk in chunks {
        let mut rest = chunk;
        while let Some(event) = splitter.next(&mut rest) {
            seen.push(event.into());
            assert_eq!(splitter.pending_from(), seen.last().unwrap().range.end);
        }
        assert!(rest.is_empty());
    }
    seen.extend(splitter.finish().map(Seen::from));
    seen
}

fn names_and_data(text: &str) -> Vec<(String, String)> {
    events([text.as_bytes()]).into_iter().map(|seen| (seen.name, seen.data)).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(name, data)| ((*name).to_owned(), (*data).to_owned())).collect()
}

#[test]
fn every_way_to_write_an_event_is_read() {
    let cases: [(&str, &[(&str, &str)]); 12] = [
        ("data: a\n\ndata: b\n\n", &[("", "a"), ("", "b")]),
        ("data:a\r\n\r\ndata:  b\r\n\r\n", &[("", "a"), ("", " b")]),
        ("data: a\r\rdata: b\r\r", &[("", "a"), ("", "b")]),
        ("\u{feff}data: a\n\n", &[("", "a")]),
        ("data: a\ndata: b\r\ndata\ndata:\n\n", &[("", "a\nb\n\n")]),
        ("event: x\ndata: a\n\ndata: b\n\n", &[("x", "a"), ("", "b")]),
        (": comment\n\n: keepalive\ndata: a\nid: 7\nretry: 5\n\n", &[("", "a")]),
        ("\n\n\r\n\r\ndata: a\n\n\n\n", &[("", "a")]),
        ("event: done\n\n", &[("done", "")]),
        ("dataset: a\nDATA: b\n data: c\n\n", &[]),
        ("data: a\n\ndata: unfinished", &[("", "a"), ("", "unfinished")]),
        ("data: \u{feff}a\n\ndata: [DONE]\n\n", &[("", "\u{feff}a"), ("", "[DONE]")]),
    ];
    for (text, expected) in cases {
        assert_eq!(names_and_data(text), pairs(expected), "{text:?}");
    }
}

#[test]
fn ranges_cover_the_stream() {
    let text = ": hello\n\ndata: a\n\nevent: x\r\ndata: b\r\n\r\n\ndata: c";
    let ranges: Vec<_> =
        events([text.as_bytes()]).into_iter().map(|seen| &text[seen.range.start as usize..seen.range.end as usize]).collect();
    assert_eq!(ranges, ["data: a\n\n", "event: x\r\ndata: b\r\n\r\n", "data: c"]);
}

#[test]
fn an_event_is_told_as_soon_as_it_is_complete() {
    let mut splitter = Splitter::new();
    let mut chunk: &[u8] = b"data: a\n\ndata: b\n";
    assert_eq!(splitter.next(&mut chunk).unwrap().data, b"a");
    assert_eq!(splitter.next(&mut chunk), None);
    assert_eq!(splitter.pending_from(), 9);
    let mut chunk: &[u8] = b"\n";
    assert_eq!(splitter.next(&mut chunk).unwrap().data, b"b");
    assert_eq!(splitter.pending_from(), 18);
    assert_eq!(splitter.finish(), None);
}

#[test]
fn an_event_that_is_too_long_is_skipped_with_bounded_memory() {
    let mut splitter = Splitter::new();
    let block = vec![b'x'; 64 * 1024];
    let mut seen = Vec::new();
    let chunks = [&b"event: big\ndata: "[..]].into_iter().chain(vec![&block[..]; 1024]).chain([&b"\n\ndata: after\n\n"[..]]);
    for chunk in chunks {
        let mut rest = chunk;
        while let Some(event) = splitter.next(&mut rest) {
            seen.push((event.too_long, event.data.to_vec(), event.range.end - event.range.start));
        }
        assert!(splitter.line.capacity() + splitter.data.capacity() < 3 * LONGEST_EVENT);
    }
    let tail = vec![b'x'; LONGEST_TAIL];
    assert_eq!(seen, [(true, tail, 17 + 64 * 1024 * 1024 + 2), (false, b"after".to_vec(), 13)]);
}

#[test]
fn the_length_limit_does_not_depend_on_the_cuts() {
    for extra in [0, 1, 2] {
        let text = format!("event: e\ndata: {}yz\n\ndata: b\n\n", "x".repeat(LONGEST_EVENT - 17 + extra));
        let whole = events([text.as_bytes()]);
        assert_eq!((whole[0].too_long, whole[0].name.as_str()), (extra > 0, "e"));
        assert!(whole[0].data.ends_with("xyz"));
        assert_eq!(events(text.as_bytes().chunks(1000)), whole);
        assert_eq!(events(text.as_bytes().chunks(LONGEST_EVENT - 1)), whole);
    }
}

/// Streams in which lines end in every way.
fn any_stream() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        4 => "data:? ?[a-z é🙂\"{}]{0,12}",
        1 => "event: ?[a-z.]{0,6}",
        1 => ": ?[a-z]{0,4}",
        1 => "(id|retry|x)(: ?[0-9]{0,2})?",
        3 => Just(String::new()),
    ];
    let end = prop_oneof![4 => Just("\n"), 2 => Just("\r\n"), 1 => Just("\r")];
    let lines = prop::collection::vec((line, end), 0..24);
    (any::<bool>(), lines, "(data: [a-z]{0,4})?").prop_map(|(mark, lines, rest)| {
        let lines: String = lines.into_iter().map(|(line, end)| line + end).collect();
        format!("{}{lines}{rest}", if mark { "\u{feff}" } else { "" })
    })
}

/// A reading of the whole text at once, written without regard for cuts.
fn by_the_book(text: &str) -> Vec<(String, String)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n").replace('\r', "\n");
    let mut events = Vec::new();
    let (mut name, mut data) = (String::new(), Vec::new());
    for line in text.split('\n').chain([""]) {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => data.push(value),
            "event" => name = value.to_owned(),
            _ => {}
        }
        if line.is_empty() && (!data.is_empty() || !name.is_empty()) {
            events.push((std::mem::take(&mut name), std::mem::take(&mut data).join("\n")));
        }
    }
    events
}

proptest! {
    #[test]
    fn cuts_change_nothing(text in any_stream(), mut cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12)) {
        let bytes = text.as_bytes();
        let whole = events([bytes]);
        let named: Vec<_> = whole.iter().map(|seen| (seen.name.clone(), seen.data.clone())).collect();
        prop_assert_eq!(named, by_the_book(&text));
        prop_assert_eq!(&events(bytes.chunks(1)), &whole);
        cuts.sort_by_key(|cut| cut.index(bytes.len() + 1));
        let mut from = 0;
        let mut chunks = Vec::new();
        for cut in cuts.iter().map(|cut| cut.index(bytes.len() + 1)).chain([bytes.len()]) {
            chunks.push(&bytes[from..cut]);
            from = cut;
        }
        prop_assert_eq!(events(chunks), whole);
    }
}
