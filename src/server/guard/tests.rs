//! Bytes pass unchanged wherever they are cut; what is refused is announced in its turn.

use proptest::prelude::*;
use tokio::io::{AsyncWriteExt, DuplexStream};

use super::*;

const LONG: Duration = Duration::from_secs(60);

/// What the library would read when `input` arrives in pieces that end at `cuts`.
fn passed(input: &[u8], cuts: &[usize], buffer_size: usize) -> (Vec<u8>, Option<Refusal>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    // Without tokio's budget: after 128 reads it would answer "not yet" for what is there.
    runtime.block_on(tokio::task::unconstrained(async {
        let (mut client, server) = tokio::io::duplex(1 << 20);
        let mut guard = Guard::new(server, LONG, LONG);
        let refusal = guard.refusal();
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (input.len() + 1)).chain([input.len()]).collect();
        ends.sort_unstable();
        let mut out = Vec::new();
        let mut sent = 0;
        let mut protocol = None;
        for end in ends {
            client.write_all(&input[sent..end]).await.unwrap();
            sent = end;
            // Two bytes tell `PO` from the `PR` of HTTP/2; before that it would wait for more.
            if protocol.is_none() && end > 1 {
                protocol = guard.protocol().await.unwrap();
                assert_eq!(protocol, Some(Protocol::Http1));
            }
            if protocol.is_some() {
                read_what_is_there(&mut guard, buffer_size, &mut out).await;
            }
        }
        (out, refusal.get().copied())
    }))
}

async fn read_what_is_there(guard: &mut Guard<DuplexStream>, buffer_size: usize, out: &mut Vec<u8>) {
    let mut space = vec![0; buffer_size];
    loop {
        let mut buffer = ReadBuf::new(&mut space);
        // The library flushes between its reads; what a client sends meanwhile is not lost.
        assert!(flush(guard).await.is_ok());
        // Asked once: what is not there yet is not waited for.
        let asked = std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut *guard).poll_read(cx, &mut buffer))).await;
        if asked.is_pending() {
            return;
        }
        out.extend_from_slice(buffer.filled());
    }
}

async fn flush(guard: &mut Guard<DuplexStream>) -> io::Result<()> {
    std::future::poll_fn(|cx| Pin::new(&mut *guard).poll_flush(cx)).await
}

#[tokio::test]
async fn a_client_that_leaves_during_its_answer_is_noticed() {
    let (mut client, server) = tokio::io::duplex(1 << 10);
    let mut guard = Guard::new(server, LONG, LONG);
    client.write_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\na").await.unwrap();
    assert_eq!(guard.protocol().await.unwrap(), Some(Protocol::Http1));
    let mut out = Vec::new();
    read_what_is_there(&mut guard, 100, &mut out).await;
    client.write_all(b"bGET /next").await.unwrap();
    read_what_is_there(&mut guard, 100, &mut out).await;
    assert!(out.ends_with(b"\r\n\r\nab"), "the next head is held until it is whole");
    client.write_all(b" HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    read_what_is_there(&mut guard, 100, &mut out).await;
    assert!(out.ends_with(b"GET /next HTTP/1.1\r\nhost: x\r\n\r\n"));
    assert!(flush(&mut guard).await.is_ok(), "it is still there");
    drop(client);
    assert!(flush(&mut guard).await.is_err());
}

fn message() -> impl Strategy<Value = Vec<u8>> {
    let body = proptest::collection::vec(any::<u8>(), 0..300);
    prop_oneof![
        Just(b"GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n".to_vec()),
        body.clone().prop_map(|body| {
            [format!("POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", body.len()).as_bytes(), &body].concat()
        }),
        (body, 1usize..40).prop_map(|(body, size)| {
            let mut message = b"POST /b HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
            for chunk in body.chunks(size) {
                message.extend_from_slice(format!("{:x};a=\"b\"\r\n", chunk.len()).as_bytes());
                message.extend_from_slice(chunk);
                message.extend_from_slice(b"\r\n");
            }
            message.extend_from_slice(b"0\r\nt: u\r\n\r\n");
            message
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn good_messages_pass_byte_for_byte(
        messages in proptest::collection::vec(message(), 1..5),
        cuts in proptest::collection::vec(any::<usize>(), 0..12),
        buffer_size in 1usize..2000,
    ) {
        let input = messages.concat();
        let (out, refusal) = passed(&input, &cuts, buffer_size);
        prop_assert_eq!(refusal, None);
        prop_assert_eq!(out, input);
    }

    #[test]
    fn a_refused_head_is_announced_behind_what_came_before_it(
        messages in proptest::collection::vec(message(), 0..3),
        cuts in proptest::collection::vec(any::<usize>(), 0..12),
        buffer_size in 1usize..2000,
    ) {
        let good = messages.concat();
        let bad: &[u8] = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n";
        let (out, refusal) = passed(&[&good, bad].concat(), &cuts, buffer_size);
        prop_assert_eq!(refusal, Some(Refusal::TwoLengths));
        prop_assert_eq!(out, [&good, REFUSED_HEAD].concat());
    }
}
