use alloc::format;
use alloc::string::String;
use alloc::vec;

use super::super::image::Image;
use super::super::record::Configured;
use super::super::testing::{configs, context, fits, image, topic};
use super::*;

fn listed(image: &Image, version: i16, resource_types: Vec<i8>) -> Vec<String> {
    let request = ListConfigResourcesRequest { resource_types, ..Default::default() };
    let response = answer(&context(image, version), &request);
    fits(response.clone(), version);
    if response.error_code != ErrorCode::NONE {
        assert!(response.config_resources.is_empty());
        return vec![format!("error {}", response.error_code.0)];
    }
    let show = |one: &ConfigResource| format!("{} {}", one.resource_type, one.resource_name);
    response.config_resources.iter().map(show).collect()
}

#[test]
fn what_kafka_lists() {
    let image = image(&[
        topic(2, "b", 1),
        topic(1, "a", 1),
        configs(Configured::Group("g".into()), &[("consumer.session.timeout.ms", "50000")]),
        configs(Configured::ClientMetrics("m".into()), &[("interval.ms", "1000")]),
        configs(Configured::Node(1), &[("max.connections", "5")]),
    ]);
    assert_eq!(listed(&image, 0, vec![]), ["16 m"]);
    assert_eq!(listed(&image, 1, vec![]), ["32 g", "16 m", "8 1", "4 1", "2 a", "2 b"]);
    assert_eq!(listed(&image, 1, vec![2]), ["2 a", "2 b"]);
    assert_eq!(listed(&image, 1, vec![4, 4]), ["4 1"]);
    assert_eq!(listed(&image, 1, vec![8]), ["8 1"]);
    assert_eq!(listed(&image, 1, vec![16, 32]), ["32 g", "16 m"]);
    for unknown in [vec![1], vec![2, 99], vec![0]] {
        assert_eq!(listed(&image, 1, unknown), ["error 35"]);
    }
}
