use alloc::vec;
use alloc::vec::Vec;

use super::super::testing::{context, fits, id, image};
use super::*;
use crate::protocol::{Response, encode_response};

const SERVED: [(ApiKey, VersionRange); 2] =
    [(ApiKey::Produce, VersionRange::between(0, 13)), (ApiKey::ApiVersions, VersionRange::between(0, 5))];
const FEATURES: [Feature; 3] = [
    Feature { name: "group.version", lowest: 0, highest: 1, level: 1 },
    Feature { name: "metadata.version", lowest: 7, highest: 30, level: 30 },
    Feature { name: "transaction.version", lowest: 0, highest: 2, level: 0 },
];
const OURS: ApiVersions<'static> = ApiVersions { served: &SERVED, features: &FEATURES };

fn asking(name: &str, version: &str) -> ApiVersionsRequest {
    ApiVersionsRequest {
        client_software_name: name.into(),
        client_software_version: version.into(),
        ..Default::default()
    }
}

#[test]
fn what_is_served_is_shown() {
    let image = image(&[]);
    for version in 0..=5 {
        let response = OURS.answer(&context(&image, version), &asking("a", "1"));
        fits(response.clone(), version);
        assert_eq!(response.error_code, ErrorCode::NONE);
        let keys: Vec<(i16, i16, i16)> =
            response.api_keys.iter().map(|key| (key.api_key, key.min_version, key.max_version)).collect();
        assert_eq!(keys, [(0, 0, 13), (18, 0, 5)]);
        let supported: Vec<&str> = response.supported_features.iter().map(|feature| &*feature.name).collect();
        let expected: &[&str] = if version < 4 {
            &["metadata.version"]
        } else {
            &["group.version", "metadata.version", "transaction.version"]
        };
        assert_eq!(supported, expected, "version {version}");
        let finalized: Vec<(&str, i16, i16)> = response
            .finalized_features
            .iter()
            .map(|feature| (&*feature.name, feature.min_version_level, feature.max_version_level))
            .collect();
        assert_eq!(finalized, [("group.version", 1, 1), ("metadata.version", 30, 30)]);
        assert_eq!(response.finalized_features_epoch, 2, "how often the catalogue has changed");
    }
}

#[test]
fn what_kafka_says_of_client_software() {
    let image = image(&[]);
    for (name, version, code) in [
        ("a-b.c1", "1.0", 0),
        ("a", "1", 0),
        ("a..b", "1", 0),
        ("", "1", 42),
        ("a", "", 42),
        ("-a", "1", 42),
        ("a-", "1", 42),
        (".", "1", 42),
        ("a b", "1", 42),
        ("a", "1_0", 42),
        ("\u{e4}", "1", 42),
    ] {
        let response = OURS.answer(&context(&image, 3), &asking(name, version));
        assert_eq!(
            (response.error_code.0, response.api_keys.is_empty()),
            (code, code != 0),
            "{name} {version}"
        );
    }
    let nameless = OURS.answer(&context(&image, 2), &asking("", ""));
    assert_eq!(nameless.error_code, ErrorCode::NONE, "older versions have no such fields");
}

#[test]
fn those_who_mean_another_node_are_sent_back_to_the_start() {
    let image = image(&[]);
    let cluster = id(200).to_string();
    for (cluster_id, node_id, code) in [
        (None, -1, 0),
        (Some(cluster.as_str()), 1, 0),
        (Some(cluster.as_str()), -1, 0),
        (None, 1, 0),
        (Some(cluster.as_str()), 2, 129),
        (Some("another"), 1, 129),
        (Some(""), -1, 129),
        (None, 0, 129),
    ] {
        let cluster_id = cluster_id.map(Str::from);
        let request = ApiVersionsRequest { cluster_id, node_id, ..asking("a", "1") };
        let response = OURS.answer(&context(&image, 5), &request);
        fits(response.clone(), 5);
        assert_eq!(response.error_code.0, code, "{request:?}");
    }
}

#[test]
fn a_version_too_new_is_told_what_there_is() {
    let response = OURS.unsupported();
    assert_eq!(response.error_code, ErrorCode::UNSUPPORTED_VERSION);
    let frame = encode_response(&Response::from(response), 9, 0).unwrap().concat();
    // Length, correlation id, error, one key with its versions; version 0 has no throttle time.
    let expected = vec![0, 0, 0, 16, 0, 0, 0, 9, 0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 5];
    assert_eq!(frame[..], expected);
}
