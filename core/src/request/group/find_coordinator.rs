//! FindCoordinator (10), versions 0-6. One node coordinates everything; what has to be there for it, the topic that
//! groups are kept in, is made when a client first asks.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use crate::group::place;
use crate::protocol::find_coordinator::{Coordinator, FindCoordinatorRequest, FindCoordinatorResponse};
use crate::protocol::{ErrorCode, Response, Str};
use crate::request::catalogue::{Awaiting, CatalogueQuestion, send};
use crate::request::home::Home;
use crate::request::{Begun, Pending};

/// The first version that asks for many.
const MANY: i16 = 4;

/// `CoordinatorType.GROUP`.
const GROUP: i8 = 0;
/// `CoordinatorType.TRANSACTION`.
const TRANSACTION: i8 = 1;

/// Answers at once, or when the topic of groups was made.
pub fn begin(home: &mut Home<'_>, request: FindCoordinatorRequest) -> Begun {
    if request.key_type == GROUP && home.image.topic(place::TOPIC).is_none() {
        send(home, CatalogueQuestion::CreateOnDemand(vec![Str::from_static(place::TOPIC)]));
        return Begun::Pending(Pending::Catalogue(Awaiting::Coordinator(request)));
    }
    Begun::Answer(answer(home, &request))
}

/// Answers from the image.
pub fn answer(home: &Home<'_>, request: &FindCoordinatorRequest) -> Response {
    let context = home.catalogue_context();
    let (host, port) = context.advertised;
    let found =
        Coordinator { node_id: home.broker.node_id, host: Str::from(host), port, ..Default::default() };
    let one = |key: &Str| match refusal(home, request.key_type) {
        None => Coordinator { key: key.clone(), ..found.clone() },
        Some((error_code, message)) => Coordinator {
            key: key.clone(),
            node_id: -1,
            port: -1,
            error_code,
            error_message: Some(message),
            ..Default::default()
        },
    };
    if home.version >= MANY {
        let coordinators: Vec<Coordinator> = request.coordinator_keys.iter().map(one).collect();
        return FindCoordinatorResponse { coordinators, ..Default::default() }.into();
    }
    let Coordinator { node_id, host, port, error_code, error_message, .. } = one(&request.key);
    // Kafka says so where nothing is wrong.
    let error_message =
        if error_code == ErrorCode::NONE { Some(Str::from_static("NONE")) } else { error_message };
    FindCoordinatorResponse { error_code, error_message, node_id, host, port, ..Default::default() }.into()
}

fn refusal(home: &Home<'_>, key_type: i8) -> Option<(ErrorCode, Str)> {
    match key_type {
        GROUP if home.image.topic(place::TOPIC).is_some() => None,
        GROUP => Some((
            ErrorCode::COORDINATOR_NOT_AVAILABLE,
            Str::from_static("The coordinator is not available."),
        )),
        TRANSACTION => Some((
            ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
            Str::from_static("Transactions are not served yet."),
        )),
        other => {
            Some((ErrorCode::INVALID_REQUEST, format!("Coordinator type {other} is not served.").into()))
        }
    }
}
