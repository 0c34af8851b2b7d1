//! A client that means no good, or is broken: everything that a node must survive without harm to the others.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use kelpgate_core::protocol::wire::Source;
use kelpgate_core::protocol::{ApiKey, Request, RequestHeader, encode_request};

use super::{Client, Context, Happening};
use crate::network::LinkId;
use crate::random::Random;

/// What it does with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trick {
    /// Any bytes.
    Noise,
    /// A frame that begins and never ends.
    HalfFrame,
    /// The beginning of a frame, and then it hangs up.
    HangUp,
    /// A length that is negative, or larger than anything.
    GiantLength,
    /// A request of an API or a version that nobody has.
    UnknownApi,
    /// Requests with any content that their version can carry.
    AnyContent,
    /// Such requests with bytes changed.
    Damaged,
    /// Thousands of requests at once.
    Flood,
    /// The same, and their answers are never read.
    Deaf,
}

impl Trick {
    /// All of them.
    pub const ALL: [Trick; 9] = [
        Trick::Noise,
        Trick::HalfFrame,
        Trick::HangUp,
        Trick::GiantLength,
        Trick::UnknownApi,
        Trick::AnyContent,
        Trick::Damaged,
        Trick::Flood,
        Trick::Deaf,
    ];
}

/// How such a client works.
#[derive(Clone, Debug)]
pub struct HostileOptions {
    pub tricks: Vec<Trick>,
    /// Mean time between two of them.
    pub pause: Duration,
}

/// A program that means no good.
pub struct Hostile {
    options: HostileOptions,
    link: Option<LinkId>,
    healed: bool,
}

impl Hostile {
    pub fn new(options: HostileOptions) -> Hostile {
        Hostile { options, link: None, healed: false }
    }

    fn act(&mut self, cx: &mut Context<'_>, link: LinkId) {
        let random = &mut *cx.random;
        let trick = *random.pick(&self.options.tricks);
        let bytes = match trick {
            Trick::Noise => {
                let mut noise = vec![0; 1 + random.below(3_000)];
                random.fill(&mut noise);
                noise.into()
            }
            Trick::HalfFrame | Trick::HangUp => half(random),
            Trick::GiantLength => {
                let length: i32 = *random.pick(&[i32::MIN, -1, i32::MAX, 1 << 30, 101 << 20]);
                [length.to_be_bytes(), [0; 4]].concat().into()
            }
            Trick::UnknownApi => unknown_api(random),
            Trick::AnyContent => {
                let frames: Vec<Bytes> = (0..1 + random.below(5)).map(|_| any_request(random)).collect();
                frames.concat().into()
            }
            Trick::Damaged => damaged(random),
            Trick::Flood | Trick::Deaf => flood(random),
        };
        if trick == Trick::Deaf {
            cx.stop_reading(link);
        }
        cx.send_raw(link, bytes);
        if trick == Trick::HangUp {
            cx.close(link);
            self.link = None;
        }
    }
}

impl Client for Hostile {
    fn name(&self) -> String {
        "hostile client".into()
    }

    fn step(&mut self, happening: Happening, cx: &mut Context<'_>) {
        match happening {
            Happening::Healed => {
                self.healed = true;
                if let Some(link) = self.link.take() {
                    cx.close(link);
                }
                return;
            }
            Happening::Connected { link } if self.healed => cx.close(link),
            Happening::Connected { link } => self.act(cx, link),
            Happening::Closed { link } if self.link == Some(link) => self.link = None,
            Happening::Started | Happening::Woken if !self.healed => match self.link {
                None => self.link = Some(cx.connect()),
                Some(link) if cx.random.chance(3) => {
                    cx.close(link);
                    self.link = None;
                }
                Some(link) => self.act(cx, link),
            },
            Happening::Started
            | Happening::Woken
            | Happening::Answered { .. }
            | Happening::Bytes { .. }
            | Happening::Closed { .. } => {}
        }
        if !self.healed {
            let pause = cx.random.time(Duration::ZERO..=self.options.pause * 2);
            cx.wake_in(pause);
        }
    }

    fn is_done(&self) -> bool {
        self.healed
    }
}

/// A request with any content.
fn any_request(random: &mut Random) -> Bytes {
    loop {
        let Ok(number) = i16::try_from(random.below(80)) else { continue };
        let Some(key) = ApiKey::from_number(number) else { continue };
        let versions = key.versions();
        let version = random.within(versions.first as u64..=versions.last as u64) as i16;
        let request = Request::generate(key, version, &mut Source::new(random.number()));
        if let Ok(frame) = encode_request(&header(key, version, random), &request) {
            return frame.concat();
        }
    }
}

fn header(key: ApiKey, version: i16, random: &mut Random) -> RequestHeader {
    RequestHeader {
        api_key: key,
        api_version: version,
        correlation_id: random.number() as i32,
        client_id: random.chance(2).then(|| "hostile".into()),
        unknown_tags: Default::default(),
    }
}

fn half(random: &mut Random) -> Bytes {
    let frame = any_request(random);
    let length = random.below(frame.len());
    frame.slice(..length)
}

fn damaged(random: &mut Random) -> Bytes {
    let mut frame = any_request(random).to_vec();
    for _ in 0..1 + random.below(8) {
        // The length stays: what is damaged is what is read.
        let at = 4 + random.below(frame.len().saturating_sub(4));
        if let Some(byte) = frame.get_mut(at) {
            *byte = random.number() as u8;
        }
    }
    frame.into()
}

fn unknown_api(random: &mut Random) -> Bytes {
    let (key, version) = match random.chance(2) {
        true => (random.within(200..=30_000) as i16, 0),
        false => (random.below(80) as i16, random.within(20..=30_000) as i16),
    };
    let mut frame = BytesMut::new();
    frame.put_i32(12);
    frame.put_i16(key);
    frame.put_i16(version);
    frame.put_i32(7);
    frame.put_i16(-1);
    frame.put_i16(0);
    frame.freeze()
}

/// Many small requests with answers of some size.
fn flood(random: &mut Random) -> Bytes {
    let key = *random.pick(&[ApiKey::ApiVersions, ApiKey::DescribeCluster, ApiKey::ListGroups]);
    let header = header(key, 0, random);
    let request = Request::generate(key, 0, &mut Source::new(0));
    let Ok(frame) = encode_request(&header, &request) else { return Bytes::new() };
    frame.concat().repeat(200 + random.below(2_000)).into()
}
