//! Requests at home: one file for each API that reaches owners. What needs no owner is answered from the catalogue's
//! image by `catalogue`'s handlers.

pub mod catalogue;
pub mod delete_records;
pub mod describe_log_dirs;
pub mod describe_producers;
pub mod fetch;
mod fetch_answer;
pub mod group;
pub mod home;
pub mod init_producer_id;
pub mod list_offsets;
pub mod local;
pub mod offset_for_leader_epoch;
pub mod produce;

use crate::machine::CloseReason;
use crate::mutant::{Mutant, is_on};
use crate::protocol::consumer_group_describe::ConsumerGroupDescribeResponse;
use crate::protocol::delete_groups::DeleteGroupsResponse;
use crate::protocol::delete_records::DeleteRecordsResponse;
use crate::protocol::describe_groups::DescribeGroupsResponse;
use crate::protocol::describe_producers::DescribeProducersResponse;
use crate::protocol::list_offsets::ListOffsetsResponse;
use crate::protocol::offset_for_leader_epoch::OffsetForLeaderEpochResponse;
use crate::protocol::{Request, Response};
use crate::request::home::{Gather, Home};
use crate::shard_message::Answer;
use crate::time::Instant;

/// A request that waits for owners: data, so that it can be counted, printed and limited.
#[derive(Debug)]
pub enum Pending {
    Produce(produce::Producing),
    Fetch(fetch::Fetching),
    ListOffsets(Gather<ListOffsetsResponse>),
    DeleteRecords(Gather<DeleteRecordsResponse>),
    EpochEnds(Gather<OffsetForLeaderEpochResponse>),
    Producers(Gather<DescribeProducersResponse>),
    LogDirs(describe_log_dirs::Gathering),
    Catalogue(catalogue::Awaiting),
    ProducerId,
    /// One group, whose answer is the response.
    Group,
    Committing(group::offset_commit::Committing),
    FetchingOffsets(group::offset_fetch::Fetching),
    DeletingOffsets(group::offset_delete::Deleting),
    DescribedGroups(Gather<DescribeGroupsResponse>),
    DescribedConsumerGroups(Gather<ConsumerGroupDescribeResponse>),
    DeletedGroups(Gather<DeleteGroupsResponse>),
    Groups(group::list::Gathering),
    /// It was answered when it began.
    Nothing,
}

/// What became of a request.
#[derive(Debug)]
pub enum Begun {
    Answer(Response),
    Pending(Pending),
}

/// What became of a pending request after one more answer.
#[derive(Debug)]
pub enum Progress {
    Waits,
    Done(Response),
    /// A Produce with acks=0: nothing to send.
    Silent,
    /// The connection has to be closed.
    Close(CloseReason),
}

/// Begins a request.
pub fn begin(home: &mut Home<'_>, request: Request) -> Begun {
    match request {
        Request::Produce(request) => Begun::Pending(Pending::Produce(produce::start(home, request))),
        Request::Fetch(request) => fetch::begin(home, &request),
        Request::ListOffsets(request) => {
            Begun::Pending(Pending::ListOffsets(list_offsets::start(home, &request)))
        }
        Request::DeleteRecords(request) => {
            Begun::Pending(Pending::DeleteRecords(delete_records::start(home, &request)))
        }
        Request::OffsetForLeaderEpoch(request) => {
            Begun::Pending(Pending::EpochEnds(offset_for_leader_epoch::start(home, &request)))
        }
        Request::DescribeProducers(request) => {
            Begun::Pending(Pending::Producers(describe_producers::start(home, &request)))
        }
        Request::DescribeLogDirs(request) => {
            Begun::Pending(Pending::LogDirs(describe_log_dirs::start(home, &request)))
        }
        Request::InitProducerId(request) => init_producer_id::begin(home, &request),
        Request::Metadata(request) => catalogue::metadata(home, request),
        Request::CreateTopics(_)
        | Request::DeleteTopics(_)
        | Request::CreatePartitions(_)
        | Request::AlterConfigs(_)
        | Request::IncrementalAlterConfigs(_) => Begun::Pending(catalogue::ask(home, request)),
        Request::FindCoordinator(request) => group::find_coordinator::begin(home, request),
        Request::JoinGroup(request) => group::join(home, request),
        Request::SyncGroup(request) => group::sync(home, request),
        Request::Heartbeat(request) => group::heartbeat(home, request),
        Request::LeaveGroup(request) => group::leave(home, request),
        Request::ConsumerGroupHeartbeat(request) => group::consumer_heartbeat(home, request),
        Request::OffsetCommit(request) => {
            Begun::Pending(Pending::Committing(group::offset_commit::start(home, request)))
        }
        Request::OffsetFetch(request) => {
            Begun::Pending(Pending::FetchingOffsets(group::offset_fetch::start(home, request)))
        }
        Request::OffsetDelete(request) => {
            Begun::Pending(Pending::DeletingOffsets(group::offset_delete::start(home, &request)))
        }
        Request::DescribeGroups(request) => {
            Begun::Pending(Pending::DescribedGroups(group::describe::classic(home, &request)))
        }
        Request::ConsumerGroupDescribe(request) => {
            Begun::Pending(Pending::DescribedConsumerGroups(group::describe::consumer(home, &request)))
        }
        Request::DeleteGroups(request) => {
            Begun::Pending(Pending::DeletedGroups(group::delete::start(home, &request)))
        }
        Request::ListGroups(request) => Begun::Pending(Pending::Groups(group::list::start(home, request))),
        Request::ApiVersions(_)
        | Request::DescribeConfigs(_)
        | Request::DescribeCluster(_)
        | Request::DescribeTopicPartitions(_)
        | Request::ListConfigResources(_) => match local::answer(home, &request) {
            Some(response) => Begun::Answer(response),
            None => panic!("{:?} is not served", request.api_key()),
        },
    }
}

impl Pending {
    /// Takes an owner's answer.
    pub fn told(&mut self, home: &mut Home<'_>, part: u32, answer: Answer) -> Progress {
        let response = match (self, answer) {
            (Pending::Produce(producing), Answer::Partition(answer)) => {
                let done = producing.told(part, answer);
                return done.map_or(Progress::Waits, |response| producing.conclude(response));
            }
            (Pending::Fetch(fetching), Answer::Partition(answer)) => {
                fetching.told(home, part, answer).map(Response::Fetch)
            }
            (Pending::ListOffsets(gather), Answer::Partition(answer)) => {
                let version = home.version;
                let fill =
                    |response: &mut _, place, answer| list_offsets::fill(version, response, place, answer);
                gather.told(part, answer, fill).map(Response::ListOffsets)
            }
            (Pending::DeleteRecords(gather), Answer::Partition(answer)) => {
                gather.told(part, answer, delete_records::fill).map(Response::DeleteRecords)
            }
            (Pending::EpochEnds(gather), Answer::Partition(answer)) => {
                gather.told(part, answer, offset_for_leader_epoch::fill).map(Response::OffsetForLeaderEpoch)
            }
            (Pending::Producers(gather), Answer::Partition(answer)) => {
                gather.told(part, answer, describe_producers::fill).map(Response::DescribeProducers)
            }
            (Pending::LogDirs(gathering), Answer::LogDirs(answer)) => gathering.told(home, answer),
            (Pending::Catalogue(awaiting), Answer::Catalogue(answer)) => Some(awaiting.told(home, answer)),
            (Pending::ProducerId, Answer::Catalogue(answer)) => Some(init_producer_id::told(home, answer)),
            (Pending::Group, Answer::Group(answer)) => Some(group::response(home.version, *answer)),
            (Pending::Committing(committing), Answer::Group(answer)) => {
                committing.told(*answer);
                committing.finish().map(Response::OffsetCommit)
            }
            (Pending::FetchingOffsets(fetching), Answer::Group(answer)) => {
                fetching.told(home, part, *answer);
                fetching.finish(home.version).map(Response::OffsetFetch)
            }
            (Pending::DeletingOffsets(deleting), Answer::Group(answer)) => {
                deleting.told(*answer);
                deleting.finish().map(Response::OffsetDelete)
            }
            (Pending::DescribedGroups(gather), Answer::Group(answer)) => {
                gather.told(part, *answer, group::describe::fill_classic).map(Response::DescribeGroups)
            }
            (Pending::DescribedConsumerGroups(gather), Answer::Group(answer)) => gather
                .told(part, *answer, group::describe::fill_consumer)
                .map(Response::ConsumerGroupDescribe),
            (Pending::DeletedGroups(gather), Answer::Group(answer)) => {
                gather.told(part, *answer, group::delete::fill).map(Response::DeleteGroups)
            }
            (Pending::Groups(gathering), Answer::Groups(answer)) => gathering.told(answer),
            (pending, answer) => panic!("{pending:?} was answered with {answer:?}"),
        };
        response.map_or(Progress::Waits, Progress::Done)
    }

    /// What needs no answer from anybody, because nobody was asked, is done at once.
    pub fn settle(&mut self, home: &mut Home<'_>) -> Progress {
        let response = match self {
            Pending::Produce(producing) => {
                return producing.finish().map_or(Progress::Waits, |response| producing.conclude(response));
            }
            Pending::Fetch(fetching) => fetching.advance(home).map(Response::Fetch),
            Pending::ListOffsets(gather) => gather.finish().map(Response::ListOffsets),
            Pending::DeleteRecords(gather) => gather.finish().map(Response::DeleteRecords),
            Pending::EpochEnds(gather) => gather.finish().map(Response::OffsetForLeaderEpoch),
            Pending::Producers(gather) => gather.finish().map(Response::DescribeProducers),
            Pending::Committing(committing) => committing.finish().map(Response::OffsetCommit),
            Pending::FetchingOffsets(fetching) => fetching.finish(home.version).map(Response::OffsetFetch),
            Pending::DeletingOffsets(deleting) => deleting.finish().map(Response::OffsetDelete),
            Pending::DescribedGroups(gather) => gather.finish().map(Response::DescribeGroups),
            Pending::DescribedConsumerGroups(gather) => gather.finish().map(Response::ConsumerGroupDescribe),
            Pending::DeletedGroups(gather) => gather.finish().map(Response::DeleteGroups),
            Pending::LogDirs(_)
            | Pending::Catalogue(_)
            | Pending::ProducerId
            | Pending::Group
            | Pending::Groups(_)
            | Pending::Nothing => None,
        };
        response.map_or(Progress::Waits, Progress::Done)
    }

    /// When the request must be answered with what there is.
    pub fn deadline(&self) -> Option<Instant> {
        match self {
            Pending::Produce(producing) => producing.deadline,
            Pending::Fetch(_) if is_on(Mutant::FetchWaitsForEver) => None,
            Pending::Fetch(fetching) => Some(fetching.deadline),
            Pending::ListOffsets(_)
            | Pending::DeleteRecords(_)
            | Pending::EpochEnds(_)
            | Pending::Producers(_)
            | Pending::LogDirs(_)
            | Pending::Catalogue(_)
            | Pending::ProducerId
            | Pending::Group
            | Pending::Committing(_)
            | Pending::FetchingOffsets(_)
            | Pending::DeletingOffsets(_)
            | Pending::DescribedGroups(_)
            | Pending::DescribedConsumerGroups(_)
            | Pending::DeletedGroups(_)
            | Pending::Groups(_)
            | Pending::Nothing => None,
        }
    }

    /// Until when a Fetch waits for records; none if it is not a Fetch, or does something else.
    pub fn parked_fetch(&self) -> Option<Instant> {
        let Pending::Fetch(fetching) = self else { return None };
        fetching.is_parked().then_some(fetching.deadline)
    }

    /// The deadline has passed.
    pub fn expire(&mut self, home: &mut Home<'_>) -> Progress {
        match self {
            Pending::Produce(producing) => {
                let response = producing.expire();
                producing.conclude(response)
            }
            Pending::Fetch(fetching) => fetching
                .advance(home)
                .map_or(Progress::Waits, |response| Progress::Done(Response::Fetch(response))),
            Pending::ListOffsets(_)
            | Pending::DeleteRecords(_)
            | Pending::EpochEnds(_)
            | Pending::Producers(_)
            | Pending::LogDirs(_)
            | Pending::Catalogue(_)
            | Pending::ProducerId
            | Pending::Group
            | Pending::Committing(_)
            | Pending::FetchingOffsets(_)
            | Pending::DeletingOffsets(_)
            | Pending::DescribedGroups(_)
            | Pending::DescribedConsumerGroups(_)
            | Pending::DeletedGroups(_)
            | Pending::Groups(_)
            | Pending::Nothing => Progress::Waits,
        }
    }

    /// The node is stopping: a parked fetch is answered with what there is.
    pub fn hurry(&mut self, home: &mut Home<'_>) -> Progress {
        let Pending::Fetch(fetching) = self else { return Progress::Waits };
        fetching.deadline = home.now.mono;
        self.expire(home)
    }

    /// The connection is gone: owners need not keep watch for it.
    pub fn abandon(&mut self, home: &mut Home<'_>) {
        if let Pending::Fetch(fetching) = self {
            fetching.abandon(home);
        }
    }
}
