use super::super::testing::{context, fits, id, image, image_of, said};
use super::*;

#[test]
fn the_node_is_the_cluster() {
    let image = image_of(&[("node.id", "5"), ("broker.rack", "r1")], &[]);
    for version in 0..=2 {
        let response = answer(&context(&image, version), &DescribeClusterRequest::default());
        fits(response.clone(), version);
        assert_eq!(response.cluster_id, id(200).to_string().as_str());
        assert_eq!((response.controller_id, response.endpoint_type), (5, 1));
        assert_eq!(response.cluster_authorized_operations, i32::MIN);
        let [broker] = &response.brokers[..] else { panic!("{response:?}") };
        assert_eq!((broker.broker_id, &*broker.host, broker.port), (5, "kelp.example", 9092));
        assert_eq!((broker.rack.as_deref(), broker.is_fenced), (Some("r1"), false));
    }
}

#[test]
fn operations_are_shown_to_those_who_ask() {
    let image = image(&[]);
    let request =
        DescribeClusterRequest { include_cluster_authorized_operations: true, ..Default::default() };
    let response = answer(&context(&image, 0), &request);
    assert_eq!(response.cluster_authorized_operations, 8096);
    assert_eq!(response.brokers[0].rack, None);
}

#[test]
fn only_brokers_can_be_asked_for() {
    let image = image(&[]);
    let mismatch = "114 The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER";
    for (endpoint_type, expected) in
        [(2, mismatch), (0, "115 Unsupported endpoint type 0"), (3, "115 Unsupported endpoint type 3")]
    {
        let request = DescribeClusterRequest { endpoint_type, ..Default::default() };
        let response = answer(&context(&image, 2), &request);
        fits(response.clone(), 2);
        assert_eq!(said(response.error_code, &response.error_message), expected);
        assert!(response.brokers.is_empty() && response.cluster_id.is_empty());
        assert_eq!(response.controller_id, -1);
    }
}
