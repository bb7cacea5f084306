//! Forms: read wherever they are cut, changed in one place, refused where two parsers could differ.

use proptest::prelude::*;

use super::*;

const TYPE: &str = "multipart/form-data; boundary=XyZ";

const EDIT: &[u8] =
    b"--XyZ\r\nContent-Disposition: form-data; name=\"image[]\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n\
    \x89PNG\r\n--Xy\r\n\xff\x00\r\n--XyZ\r\ncontent-disposition: form-data; name=\"image[]\"; filename=\"b;c\\\".png\"\r\n\r\n\
    second\r\n--XyZ\r\nContent-Disposition: form-data; name=\"unknown\"\r\n\r\nas it is\r\n--XyZ\r\n\
    Content-Disposition: form-data; name=n\r\n\r\n2\r\n--XyZ \t\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n\
    fast\r\n--XyZ--\r\n";

fn read(body: &[u8]) -> Result<Form, FormError> {
    read_form(TYPE, &Bytes::copy_from_slice(body))
}

fn field(name: &str, value: &str) -> String {
    format!("--XyZ\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
}

#[test]
fn the_model_is_found_as_the_last_part() {
    let form = read(EDIT).unwrap();
    assert_eq!(form.model.as_deref(), Some("fast"));
    assert_eq!((form.files, form.file_bytes, form.n), (2, 14 + 6, Some(2)));
    assert_eq!(form.text_bytes, 8 + 1 + 4);
    let at = form.model_at.unwrap();
    assert_eq!(&EDIT[at.start as usize..at.end as usize], b"fast");
}

#[test]
fn a_new_model_changes_nothing_else() {
    let body = Bytes::from_static(EDIT);
    let form = read(EDIT).unwrap();
    let changed = form.with_model(&body, "gpt-image-1").unwrap();
    let tail = b"\r\n--XyZ--\r\n";
    let head = &EDIT[..EDIT.len() - tail.len() - 4];
    assert_eq!(changed, [head, b"gpt-image-1", tail].concat());
    let again = read(&changed).unwrap();
    assert_eq!(again.model.as_deref(), Some("gpt-image-1"));
    assert_eq!(
        Form { model: None, model_at: None, text_bytes: 0, ..again },
        Form { model: None, model_at: None, text_bytes: 0, ..form.clone() }
    );
    assert!(form.with_model(&body, "x\r\n--XyZ").is_err(), "a name cannot forge a part");
    let none = Bytes::from(field("prompt", "p") + "--XyZ--");
    assert_eq!(read(&none).unwrap().with_model(&none, "x").unwrap(), none);
}

#[test]
fn repeated_deciding_fields_are_refused() {
    for second in ["model", "MODEL", "mod\\el"] {
        let body = field("model", "cheap") + &*field("x", "y") + &*field(second, "dear") + "--XyZ--";
        let error = read(body.as_bytes()).unwrap_err();
        assert_eq!((error.clone(), error.param()), (FormError::Repeated("model"), Some("model")), "{second}");
    }
    let body = field("stream", "true") + &*field("stream", "false") + "--XyZ--";
    assert_eq!(read(body.as_bytes()).unwrap_err(), FormError::Repeated("stream"));
    let body = field("other", "1") + &*field("other", "2") + "--XyZ--";
    assert!(read(body.as_bytes()).is_ok());
}

#[test]
fn flags_and_values_are_checked() {
    let stream = |value: &str| read((field("stream", value) + "--XyZ--").as_bytes());
    assert_eq!(stream("true").unwrap().stream, Some(true));
    assert_eq!(stream("False").unwrap().stream, Some(false));
    assert_eq!(stream("maybe").unwrap_err().code(), "invalid_type");
    let model =
        |value: &[u8]| read(&[b"--XyZ\r\nContent-Disposition: form-data; name=model\r\n\r\n", value, b"\r\n--XyZ--"].concat());
    assert_eq!(model("模型 1".as_bytes()).unwrap().model.as_deref(), Some("模型 1"));
    assert_eq!(model(b"").unwrap().model.as_deref(), Some(""));
    assert_eq!(model(b"\xff").unwrap_err().param(), Some("model"));
    assert_eq!(model(b"a\nb").unwrap_err().param(), Some("model"));
    assert_eq!(model(&[b'x'; 10_000]).unwrap_err().code(), "invalid_multipart");
}

#[test]
fn what_could_be_read_in_two_ways_is_refused() {
    let part = |head: &str| format!("--XyZ\r\n{head}\r\n\r\nv\r\n--XyZ--");
    let cases = [
        String::new(),
        "--XyZ".into(),
        "no boundary".into(),
        format!("preamble\r\n{}--XyZ--", field("a", "b")),
        field("a", "b"),
        format!("{}--XyZ--\r\n{}--XyZ--", field("a", "b"), field("model", "dear")),
        format!("{}--XyZmore--", field("a", "b")),
        field("a", "b").replace("\r\n", "\n") + "--XyZ--",
        part("Content-Type: text/plain"),
        part("Content-Disposition: form-data"),
        part("Content-Disposition: attachment; name=\"a\""),
        part("Content-Disposition: form-data; name=\"a\"; name=\"model\""),
        part("Content-Disposition: form-data; name*=utf-8''model"),
        part("Content-Disposition: form-data; name=\"a\"\r\nContent-Disposition: form-data; name=\"model\""),
        part("Content-Disposition: form-data;\r\n name=\"model\""),
        part("Content-Disposition : form-data; name=\"model\""),
        part("Content-Disposition: form-data; name=\"a\"\nX: y"),
        part("Content-Disposition: form-data; name=\"model\"; filename=\"m.txt\""),
        part("Content-Disposition: form-data; name=\"model\"\r\nContent-Transfer-Encoding: base64"),
        part(&format!("Content-Disposition: form-data; name=\"a\"; x=\"{}\"", "y".repeat(20_000))),
    ];
    for case in cases {
        let error = read(case.as_bytes()).unwrap_err();
        assert_eq!(error.code(), "invalid_multipart", "{case}");
    }
    assert!(read(part("Content-Disposition: form-data; name=\"model\"\r\nContent-Transfer-Encoding: 8BIT").as_bytes()).is_ok());
}

#[test]
fn the_content_type_names_one_usable_boundary() {
    for good in ["multipart/form-data; boundary=\"XyZ\"", "Multipart/Form-Data;charset=utf-8; Boundary=XyZ ;x=1"] {
        assert!(read_form(good, &Bytes::from_static(EDIT)).is_ok(), "{good}");
    }
    let long = format!("multipart/form-data; boundary={}", "x".repeat(71));
    for bad in [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/mixed; boundary=XyZ",
        "multipart/form-data; boundary=XyZ; boundary=other",
        "multipart/form-data; boundary=\"a\u{e9}\"",
        "application/json",
        &long,
    ] {
        assert_eq!(read_form(bad, &Bytes::from_static(EDIT)), Err(FormError::Boundary), "{bad}");
    }
}

#[test]
fn an_upload_that_passes_through_keeps_little() {
    let mut reader = FormReader::new(TYPE).unwrap();
    reader.push(field("model", "m").as_bytes()).unwrap();
    reader.push(b"--XyZ\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n").unwrap();
    assert_eq!(reader.form().model.as_deref(), Some("m"), "known before the file has come");
    let block = vec![b'\r'; 64 * 1024];
    for _ in 0..256 {
        reader.push(&block).unwrap();
        assert!(reader.carried.capacity() < 4 * block.len());
    }
    reader.push(b"\r\n--XyZ--").unwrap();
    assert_eq!(reader.finish().unwrap().file_bytes, 256 * 64 * 1024);
}

fn any_part() -> impl Strategy<Value = Vec<u8>> {
    let value = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        Just(b"\r\n--Xy\r\n--X\r\n-".to_vec()),
        Just(b"\r\n\r\r\n--XyY".to_vec()),
    ];
    ("[a-z]{1,6}", any::<bool>(), value).prop_map(|(name, is_file, value)| {
        let file = if is_file { "; filename=\"f\"" } else { "" };
        [format!("--XyZ\r\nContent-Disposition: form-data; name=\"p-{name}\"{file}\r\n\r\n").as_bytes(), &value, b"\r\n"]
            .concat()
    })
}

proptest! {
    #[test]
    fn cuts_change_nothing(parts in prop::collection::vec(any_part(), 0..5), place in any::<prop::sample::Index>(), model in "[a-z-]{0,9}", cuts in prop::collection::vec(1usize..60, 1..30)) {
        let mut parts = parts;
        let place = place.index(parts.len() + 1);
        parts.insert(place, field("model", &model).into_bytes());
        parts.push(b"--XyZ--\r\n".to_vec());
        let body = parts.concat();
        let whole = read(&body).unwrap();
        prop_assert_eq!(whole.model.as_deref(), Some(&*model));
        let mut reader = FormReader::new(TYPE).unwrap();
        let mut rest = &body[..];
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (chunk, behind) = rest.split_at((*cut).min(rest.len()));
            reader.push(chunk).unwrap();
            rest = behind;
        }
        prop_assert_eq!(reader.finish().unwrap(), whole.clone());
        let changed = whole.with_model(&Bytes::from(body.clone()), "other").unwrap();
        parts[place] = field("model", "other").into_bytes();
        prop_assert_eq!(&changed[..], &parts.concat()[..]);
    }

    #[test]
    fn noise_never_panics(noise in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&noise);
        let _ = read(&[b"--XyZ\r\nContent-Disposition: form-data;", &noise[..]].concat());
    }
}
