//! What the tests of several handlers need.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::image::Image;
use super::record::{CatalogueRecord, Configured};
use super::{Change, Context};
use crate::config::Overrides;
use crate::protocol::{ErrorCode, Response, Str, encode_response};
use crate::uuid::Uuid;

/// The id of the topic that is made as number `number`.
pub(super) fn id(number: u8) -> Uuid {
    Uuid([number; 16])
}

pub(super) fn overrides(values: &[(&str, &str)]) -> Overrides {
    values.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

pub(super) fn topic(number: u8, name: &str, partitions: i32) -> CatalogueRecord {
    CatalogueRecord::Topic { id: id(number), name: name.into(), partitions, overrides: Overrides::new() }
}

pub(super) fn configs(of: Configured, values: &[(&str, &str)]) -> CatalogueRecord {
    CatalogueRecord::Configs { of, overrides: overrides(values) }
}

/// An image of node 1 in its third run, with what the records make.
pub(super) fn image(records: &[CatalogueRecord]) -> Image {
    image_of(&[], records)
}

/// The same with static configurations of the node.
pub(super) fn image_of(fixed: &[(&str, &str)], records: &[CatalogueRecord]) -> Image {
    let mut image = Image::new(overrides(fixed));
    let start = [CatalogueRecord::Cluster { id: id(200) }, CatalogueRecord::Started { number: 3 }];
    for record in start.iter().chain(records) {
        assert!(image.apply(record).is_ok(), "{record:?}");
    }
    image
}

pub(super) fn context(image: &Image, version: i16) -> Context<'_> {
    Context { image, version, advertised: ("kelp.example", 9092) }
}

/// Ids in rising order, so that tests know them.
pub(super) fn counting() -> impl FnMut() -> [u8; 16] {
    let mut last = 0u8;
    move || {
        last += 1;
        [last; 16]
    }
}

/// A code with the text that goes with it, as tests compare them.
pub(super) fn said(code: ErrorCode, message: &Option<Str>) -> String {
    match message {
        Some(message) if code != ErrorCode::NONE => format!("{} {message}", code.0),
        Some(_) | None => code.0.to_string(),
    }
}

/// Checks that an answer fits the version it is for; not all fields are in all versions.
pub(super) fn fits(response: impl Into<Response>, version: i16) {
    let response = response.into();
    let encoded = encode_response(&response, 7, version);
    assert!(encoded.is_ok(), "{} {version}: {encoded:?}", response.api_key().name());
}

/// Applies a change as its owner would.
pub(super) fn apply<R>(image: &mut Image, change: &Change<R>) {
    for record in &change.records {
        assert!(image.apply(record).is_ok(), "{record:?}");
    }
}

/// Texts of a list.
pub(super) fn texts<'a>(list: impl IntoIterator<Item = &'a Str>) -> Vec<String> {
    list.into_iter().map(|text| text.to_string()).collect()
}
