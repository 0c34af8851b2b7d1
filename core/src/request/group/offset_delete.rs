//! OffsetDelete (47), version 0: a group forgets offsets of topics it does not read (KIP-496).

use alloc::vec::Vec;

use crate::group::question::{GroupAnswer, GroupQuestion};
use crate::protocol::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteResponse, OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use crate::protocol::{ErrorCode, Str};
use crate::request::home::Home;
use crate::uuid::Uuid;

/// An OffsetDelete under way.
#[derive(Debug)]
pub struct Deleting {
    response: OffsetDeleteResponse,
    /// Where the codes belong that the coordinator gives, by topic asked about.
    places: Vec<(usize, Vec<usize>)>,
    waits: bool,
}

/// Asks the coordinator to forget the offsets of partitions that exist.
pub fn start(home: &mut Home<'_>, request: &OffsetDeleteRequest) -> Deleting {
    let mut deleting =
        Deleting { response: OffsetDeleteResponse::default(), places: Vec::new(), waits: true };
    let mut wanted: Vec<(Str, Vec<i32>)> = Vec::new();
    // A topic without partitions is not answered either (OffsetDeleteResponse.Builder).
    let topics = request.topics.iter().filter(|topic| !topic.partitions.is_empty());
    for (at, topic) in topics.enumerate() {
        let mut answer = OffsetDeleteResponseTopic { name: topic.name.clone(), ..Default::default() };
        let (mut places, mut partitions) = (Vec::new(), Vec::new());
        for (index, partition) in topic.partitions.iter().enumerate() {
            let partition_index = partition.partition_index;
            let error_code = match home.find(&topic.name, Uuid::ZERO, false, partition_index) {
                Ok(_) => {
                    places.push(index);
                    partitions.push(partition_index);
                    ErrorCode::NONE
                }
                Err(error) => error,
            };
            let place = OffsetDeleteResponsePartition { partition_index, error_code, ..Default::default() };
            answer.partitions.push(place);
        }
        deleting.response.topics.push(answer);
        deleting.places.push((at, places));
        wanted.push((topic.name.clone(), partitions));
    }
    let question = GroupQuestion::DeleteOffsets(wanted);
    // Unlike commits: no group without a name (GroupCoordinatorService.deleteOffsets).
    let coordinator = match request.group_id.is_empty() {
        true => Err(ErrorCode::INVALID_GROUP_ID),
        false => home.coordinator_of(&request.group_id),
    };
    match coordinator {
        Ok(log) => home.ask_group(0, log, &request.group_id, question),
        Err(error) => deleting.told(question.refusal(&request.group_id, error)),
    }
    deleting
}

impl Deleting {
    /// Takes the coordinator's answer.
    pub fn told(&mut self, answer: GroupAnswer) {
        let GroupAnswer::OffsetsDeleted(answer) = answer else {
            panic!("a deletion of offsets was answered with {answer:?}");
        };
        self.waits = false;
        match answer {
            // An error of the group is told without its topics.
            Err(error_code) => {
                self.response = OffsetDeleteResponse { error_code, ..Default::default() };
            }
            Ok(codes) => {
                for ((topic, places), codes) in self.places.iter().zip(codes) {
                    let Some(topic) = self.response.topics.get_mut(*topic) else { continue };
                    for (place, code) in places.iter().zip(codes) {
                        if let Some(place) = topic.partitions.get_mut(*place) {
                            place.error_code = code;
                        }
                    }
                }
            }
        }
    }

    /// The response, if nothing is missing.
    pub fn finish(&mut self) -> Option<OffsetDeleteResponse> {
        (!self.waits).then(|| core::mem::take(&mut self.response))
    }
}
