//! What real clients and a real Kafka said to each other, as `tests/frames/record` wrote it down: each frame is decoded and
//! written again with the same bytes. Requests come from the client that the file is named after, responses from Apache
//! Kafka 4.3.1.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use bytes::Bytes;
use kelpgate_core::protocol::{ApiKey, decode_request, decode_response, encode_request, encode_response};

const BUDGET: usize = 1 << 20;

struct Captured {
    client: String,
    key: ApiKey,
    version: i16,
    is_request: bool,
    frame: Bytes,
}

fn captured() -> Vec<Captured> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/frames");
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder of frames") {
        let path = entry.expect("a file").path();
        let client = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).expect("text");
        all.extend(
            text.lines().map(|line| line_of(&client, line).unwrap_or_else(|| panic!("{client}: {line}"))),
        );
    }
    all
}

/// Key, version, direction and the frame in hexadecimal.
fn line_of(client: &str, line: &str) -> Option<Captured> {
    let mut words = line.split(' ');
    let key = ApiKey::from_number(words.next()?.parse().ok()?)?;
    let version = words.next()?.parse().ok()?;
    let is_request = match words.next()? {
        "request" => true,
        "response" => false,
        _ => return None,
    };
    let (digits, _) = words.next()?.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let frame = digits.iter().map(byte).collect::<Option<Vec<u8>>>()?.into();
    Some(Captured { client: client.to_owned(), key, version, is_request, frame })
}

/// The frame as we write it after having read it.
fn rewritten(captured: &Captured) -> Bytes {
    let Captured { client, key, version, is_request, frame } = captured;
    let pieces = if *is_request {
        let (header, request) =
            decode_request(frame, BUDGET).unwrap_or_else(|error| panic!("{client}: {error}"));
        assert_eq!((header.api_key, header.api_version), (*key, *version), "{client}");
        encode_request(&header, &request)
    } else {
        let (correlation_id, response) = decode_response(frame, *key, *version, BUDGET)
            .unwrap_or_else(|error| panic!("{client}, {version}: {error}"));
        encode_response(&response, correlation_id, *version)
    };
    pieces.unwrap_or_else(|error| panic!("{client}: {error}")).concat().slice(4..)
}

#[test]
fn each_is_written_as_it_was_read() {
    let all = captured();
    for captured in &all {
        let Captured { client, key, version, is_request, frame } = captured;
        let ours = rewritten(captured);
        assert!(
            ours == *frame,
            "{client} {key:?} {version} request {is_request}: {ours:02x?} instead of {frame:02x?}"
        );
    }
    let clients: BTreeSet<_> = all.iter().map(|captured| &captured.client).collect();
    let forms: BTreeSet<_> =
        all.iter().map(|captured| (captured.key, captured.version, captured.is_request)).collect();
    println!("{} frames in {} forms, of {} clients", all.len(), forms.len(), clients.len());
    assert!(clients.len() >= 11 && forms.len() >= 130, "{} clients, {} forms", clients.len(), forms.len());
}
