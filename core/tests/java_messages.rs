//! Frames of every declared API in every version compared with Kafka's own message classes, in both directions: those of
//! kafka-clients 4.4.0, or of 3.9.1 for the versions that Kafka 4 has dropped.
//!
//! Needs `mvn`, `javac` and `java` on the path, so it is not part of a plain `cargo test`; without them it fails:
//! `cargo test -p kelpgate-core --test java_messages -- --ignored`, which `tests/oracle/messages/run` does.

#[path = "support/java.rs"]
mod java;

use std::fmt::Debug;

use bytes::{Buf, Bytes};
use kelpgate_core::protocol::wire::{Generate, Source, UnknownTags, Version};
use kelpgate_core::protocol::{
    ApiKey, Request, RequestHeader, Response, Str, decode_request, decode_response, encode_request,
    encode_response,
};

use java::{Java, VERSIONS};

/// Messages per version, side and direction.
const ROUNDS: u32 = 200;
/// More than any generated message takes.
const BUDGET: usize = 4 << 20;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Side {
    Request,
    Response,
}

/// One version of one side of an API.
#[derive(Clone, Copy, Debug)]
struct Form {
    key: ApiKey,
    side: Side,
    version: i16,
}

impl Form {
    fn seed(self) -> u64 {
        (self.key.number() as u64) << 32 | (self.side as u64) << 16 | self.version as u64
    }
}

/// Kafka's classes, asked over pipes: `tests/oracle/messages/MessagesOracle.java`.
struct Oracle(Java);

impl Oracle {
    fn start(version: &'static str) -> Oracle {
        Oracle(Java::start("messages/MessagesOracle", version))
    }

    fn ask(&mut self, kind: u8, side: Side, key: ApiKey, rest: &[u8]) -> Bytes {
        let mut question = vec![kind, u8::from(side == Side::Request)];
        question.extend(key.number().to_be_bytes());
        question.extend(rest);
        let answer = self.0.ask(&question);
        answer
            .unwrap_or_else(|error| panic!("{key:?} {side:?} {:?}: {error}", rest.first_chunk::<2>()))
            .into()
    }

    /// The versions of which it has classes.
    fn has(&mut self, form: Form) -> bool {
        let mut answer = self.ask(1, form.side, form.key, &[]);
        (answer.get_i16()..=answer.get_i16()).contains(&form.version)
    }

    /// The same frames, read and written by Kafka.
    fn copy(&mut self, form: Form, frames: &[Bytes]) -> Vec<Bytes> {
        let mut rest = form.version.to_be_bytes().to_vec();
        for frame in frames {
            rest.extend((frame.len() as u32).to_be_bytes());
            rest.extend(frame);
        }
        parts(self.ask(2, form.side, form.key, &rest))
    }

    /// Random frames, each followed by the form in which Kafka itself would write it.
    fn generate(&mut self, form: Form) -> Vec<Bytes> {
        let mut rest = form.version.to_be_bytes().to_vec();
        rest.extend(form.seed().to_be_bytes());
        rest.extend(ROUNDS.to_be_bytes());
        parts(self.ask(3, form.side, form.key, &rest))
    }
}

/// Bytes after their lengths.
fn parts(mut answer: Bytes) -> Vec<Bytes> {
    let mut parts = Vec::new();
    while answer.has_remaining() {
        let length = answer.get_u32() as usize;
        parts.push(answer.split_to(length));
    }
    parts
}

/// Runs `check` for every version of both sides of every API, with the newest oracle that has it.
fn each_form(mut check: impl FnMut(&mut Oracle, Form)) {
    let [mut older, mut newer] = VERSIONS.map(Oracle::start);
    let (mut by_older, mut by_newer) = (0, 0);
    for &key in ApiKey::ALL {
        for side in [Side::Request, Side::Response] {
            for version in key.versions().iter() {
                let form = Form { key, side, version };
                if newer.has(form) {
                    check(&mut newer, form);
                    by_newer += 1;
                } else {
                    assert!(older.has(form), "no oracle has {form:?}");
                    check(&mut older, form);
                    by_older += 1;
                }
            }
        }
    }
    let [older, newer] = VERSIONS;
    println!(
        "{by_newer} versions of messages with {newer}, {by_older} with {older}, {ROUNDS} frames of each"
    );
}

/// Says where two frames part, which two long frames printed whole do not show.
fn assert_same(form: Form, what: &dyn Debug, ours: &[u8], kafkas: &[u8]) {
    let same = ours.iter().zip(kafkas).take_while(|(ours, kafkas)| ours == kafkas).count();
    assert!(
        ours == kafkas,
        "{form:?}: from byte {same} on {:02x?}, Kafka {:02x?}, in {what:?}",
        &ours[same..],
        &kafkas[same..]
    );
}

fn frame_of_ours(form: Form, source: &mut Source) -> Bytes {
    let Form { key, side, version } = form;
    let pieces = match side {
        Side::Request => {
            let wire = Version { number: version, flexible: key.is_flexible(version) };
            let header = RequestHeader {
                api_key: key,
                api_version: version,
                correlation_id: source.bits() as i32,
                client_id: Option::<Str>::generate(source, wire, true),
                unknown_tags: UnknownTags::generate(source, wire, false),
            };
            encode_request(&header, &Request::generate(key, version, source))
        }
        Side::Response => {
            let response = Response::generate(key, version, source);
            encode_response(&response, source.bits() as i32, version)
        }
    };
    pieces.expect("encodes").concat().slice(4..)
}

/// The frame read and written by us, and what was read.
fn copy(form: Form, frame: &Bytes) -> (Bytes, Box<dyn Debug>) {
    let Form { key, side, version } = form;
    let (pieces, read): (_, Box<dyn Debug>) = match side {
        Side::Request => {
            let read = decode_request(frame, BUDGET).unwrap_or_else(|error| panic!("{form:?}: {error}"));
            (encode_request(&read.0, &read.1), Box::new(read))
        }
        Side::Response => {
            let read = decode_response(frame, key, version, BUDGET)
                .unwrap_or_else(|error| panic!("{form:?}: {error}"));
            (encode_response(&read.1, read.0, version), Box::new(read))
        }
    };
    let pieces = pieces.unwrap_or_else(|error| panic!("{form:?}: {error} in {read:?}"));
    (pieces.concat().slice(4..), read)
}

#[test]
#[ignore = "needs Java"]
fn kafka_writes_what_we_write() {
    each_form(|kafka, form| {
        let mut source = Source::new(form.seed());
        let ours: Vec<Bytes> = (0..ROUNDS).map(|_| frame_of_ours(form, &mut source)).collect();
        let kafkas = kafka.copy(form, &ours);
        assert_eq!(ours.len(), kafkas.len());
        for (ours, kafkas) in ours.iter().zip(&kafkas) {
            assert_same(form, &copy(form, ours).1, ours, kafkas);
        }
    });
}

#[test]
#[ignore = "needs Java"]
fn we_write_what_kafka_writes() {
    each_form(|kafka, form| {
        let frames = kafka.generate(form);
        assert_eq!(frames.len(), 2 * ROUNDS as usize);
        let (pairs, _) = frames.as_chunks::<2>();
        for [spelled_out, kafkas] in pairs {
            for frame in [spelled_out, kafkas] {
                let (ours, read) = copy(form, frame);
                assert_same(form, &read, &ours, kafkas);
            }
        }
    });
}
