//! Requests that change the catalogue.

use alloc::vec::Vec;

use super::record::CatalogueRecord;
use super::{Context, Random, alter_configs, create_partitions, create_topics, delete_topics};
use crate::protocol::{ErrorCode, Request, Response, Str};

/// What a request makes of the catalogue, and its answer once that is durable and applied everywhere.
#[derive(Clone, Debug, PartialEq)]
pub struct Change<R = Response> {
    /// All or none of them, in this order. Nothing changes when there are none.
    pub records: Vec<CatalogueRecord>,
    /// The answer if they were made durable; see [`not_done`] for the answer if they were not.
    pub response: R,
}

impl<R: Into<Response>> Change<R> {
    fn of_any_api(self) -> Change {
        Change { records: self.records, response: self.response.into() }
    }
}

/// Judges a request that changes the catalogue; none for a request that does not. A request that gives no time is too
/// late already.
pub fn change(context: &Context<'_>, request: &Request, random: &mut Random<'_>) -> Option<Change> {
    if timeout_ms(request).is_some_and(|timeout| timeout <= 0) {
        let response = refused(context.version, request, ErrorCode::REQUEST_TIMED_OUT);
        return response.map(|response| Change { records: Vec::new(), response });
    }
    match request {
        Request::CreateTopics(request) => Some(create_topics::change(context, request, random).of_any_api()),
        Request::DeleteTopics(request) => Some(delete_topics::change(context, request).of_any_api()),
        Request::CreatePartitions(request) => Some(create_partitions::change(context, request).of_any_api()),
        Request::AlterConfigs(request) => Some(alter_configs::replace(context, request).of_any_api()),
        Request::IncrementalAlterConfigs(request) => {
            Some(alter_configs::incremental(context, request).of_any_api())
        }
        _ => None,
    }
}

/// How long the client waits for a change, in milliseconds; none for a request that does not say. The time runs from
/// when the request was received to when it is judged; what has been judged is carried out (`QuorumController`).
pub fn timeout_ms(request: &Request) -> Option<i32> {
    match request {
        Request::CreateTopics(request) => Some(request.timeout_ms),
        Request::DeleteTopics(request) => Some(request.timeout_ms),
        Request::CreatePartitions(request) => Some(request.timeout_ms),
        _ => None,
    }
}

/// The answer to a request with a timeout that is refused as a whole; none for other requests.
pub fn refused(version: i16, request: &Request, error: ErrorCode) -> Option<Response> {
    match request {
        Request::CreateTopics(request) => Some(create_topics::refuse(request, error, None).into()),
        Request::DeleteTopics(request) => Some(delete_topics::refuse(request, version, error).into()),
        Request::CreatePartitions(request) => Some(create_partitions::refuse(request, error, None).into()),
        _ => None,
    }
}

/// The answer when the records could not be made durable: what would have succeeded has failed with `error`.
pub fn not_done(mut response: Response, error: ErrorCode) -> Response {
    let fail = |code: &mut ErrorCode, message: &mut Option<Str>| {
        if *code == ErrorCode::NONE {
            (*code, *message) = (error, None);
        }
    };
    match &mut response {
        Response::CreateTopics(response) => response.topics.iter_mut().for_each(|topic| {
            if topic.error_code == ErrorCode::NONE {
                *topic = create_topics::failed(topic.name.clone(), error, None);
            }
        }),
        Response::DeleteTopics(response) => {
            response
                .responses
                .iter_mut()
                .for_each(|topic| fail(&mut topic.error_code, &mut topic.error_message));
        }
        Response::CreatePartitions(response) => {
            response
                .results
                .iter_mut()
                .for_each(|topic| fail(&mut topic.error_code, &mut topic.error_message));
        }
        Response::AlterConfigs(response) => {
            response.responses.iter_mut().for_each(|one| fail(&mut one.error_code, &mut one.error_message));
        }
        Response::IncrementalAlterConfigs(response) => {
            response.responses.iter_mut().for_each(|one| fail(&mut one.error_code, &mut one.error_message));
        }
        _ => {}
    }
    response
}

#[cfg(test)]
mod tests;
