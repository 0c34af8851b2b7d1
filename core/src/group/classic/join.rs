//! JoinGroup: who may join, with which id, and whether that takes a rebalance.

use alloc::vec::Vec;

use bytes::Bytes;
use core::fmt;
use rand_chacha::rand_core::Rng;

use super::member::{Member, MemberNo, MemberState, Parked, Timeouts};
use super::rebalance::Reason;
use super::tick::ClassicTimer;
use super::{ClassicGroup, Phase};
use crate::group::classic_requests::{JoinRefusal, REQUIRES_KNOWN_ID, check_join};
use crate::group::question::Client;
use crate::group::refusal;
use crate::group::step::{Departure, Step};
use crate::mutant::{Mutant, is_on};
use crate::protocol::join_group::{JoinGroupRequest, JoinGroupRequestProtocol};
use crate::protocol::{ErrorCode, Str};
use crate::shard_message::Asker;

/// The first version in which a leader can be told to leave the assignment alone (KIP-814).
const CAN_SKIP_ASSIGNMENT: i16 = 9;

/// How many ids a group has handed out at most that nobody has joined with: they cost their clients nothing, and last for
/// as long as their clients like.
const PENDING_IDS_MAX: usize = 10_000;

/// One JoinGroup on its way through the checks.
struct Joiner<'a> {
    request: &'a JoinGroupRequest,
    parked: Parked,
    client: Client,
}

impl Joiner<'_> {
    fn instance_id(&self) -> Option<&Str> {
        self.request.group_instance_id.as_ref()
    }

    fn timeouts(&self) -> Timeouts {
        let request = self.request;
        Timeouts::of_request(request.session_timeout_ms, request.rebalance_timeout_ms, self.parked.version)
    }

    fn reason(&self, what: &'static str) -> Reason {
        Reason { what, said: self.request.reason.clone() }
    }
}

impl ClassicGroup {
    /// Answers a JoinGroup, or parks it until the next generation is complete.
    pub fn join(
        &mut self,
        step: &mut Step<'_>,
        group_id: &Str,
        asker: Asker,
        request: &JoinGroupRequest,
        version: i16,
        client: Client,
    ) {
        let joiner = Joiner { request, parked: Parked { asker, version }, client };
        if let Err(JoinRefusal { error, member_id }) = self.try_join(step, group_id, joiner) {
            step.answer(asker, refusal::join(error, member_id));
        }
    }

    fn try_join(
        &mut self,
        step: &mut Step<'_>,
        group_id: &Str,
        joiner: Joiner<'_>,
    ) -> Result<(), JoinRefusal> {
        let request = joiner.request;
        let refuse = |error| JoinRefusal::of(request, error);
        check_join(step.config, request)?;
        if self.is_nothing() && !request.member_id.is_empty() {
            return Err(refuse(ErrorCode::UNKNOWN_MEMBER_ID));
        }
        self.make_room(step, group_id, request)?;
        self.make_recorded(step, group_id);
        if !self.supports(&request.protocol_type, &request.protocols) {
            return Err(refuse(ErrorCode::INCONSISTENT_GROUP_PROTOCOL));
        }
        match request.member_id.is_empty() {
            true => self.join_new(step, group_id, joiner).map_err(refuse),
            false => self.join_known(step, group_id, joiner).map_err(refuse),
        }
    }

    /// `group.max.size`: bounds the members of a generation; while one is being gathered, those that are here already.
    /// Whoever is refused is no member any more. The instance of a static member counts as that member even though it
    /// comes without an id after a restart (Kafka takes it for one more).
    fn make_room(
        &mut self,
        step: &mut Step<'_>,
        group_id: &Str,
        request: &JoinGroupRequest,
    ) -> Result<(), JoinRefusal> {
        let max = step.config.max_size;
        let known = match request.member_id.is_empty() {
            true => {
                request.group_instance_id.as_ref().and_then(|instance| self.members.by_instance(instance))
            }
            false => self.members.by_id(&request.member_id),
        };
        let fits = match self.phase {
            Phase::Empty => true,
            Phase::PreparingRebalance(_) => {
                self.members.joining() < max || known.is_some_and(|no| self.is_parked(no))
            }
            Phase::CompletingRebalance | Phase::Stable => known.is_some() || self.members.len() < max,
        };
        if fits {
            return Ok(());
        }
        if let Some(no) = known {
            self.dismiss(step, group_id, no, Departure::NoRoom);
        } else {
            self.forget_pending(&request.member_id);
        }
        self.complete_if_all_joined(step, group_id);
        Err(JoinRefusal::no_room())
    }

    /// Whether a member that offers these protocols fits in with all others.
    fn supports(&self, protocol_type: &Str, protocols: &[JoinGroupRequestProtocol]) -> bool {
        if protocol_type.is_empty() || protocols.is_empty() {
            return false;
        }
        self.members.is_empty()
            || (self.protocol_type.as_ref() == Some(protocol_type) && self.members.share_one_of(protocols))
    }

    /// Somebody without an id: a new member, or a static one that was started anew.
    fn join_new(&mut self, step: &mut Step<'_>, group_id: &Str, joiner: Joiner<'_>) -> Result<(), ErrorCode> {
        let instance_id = joiner.instance_id();
        if let Some(no) = instance_id.and_then(|instance| self.members.by_instance(instance)) {
            self.replace_static(step, group_id, joiner, no);
            return Ok(());
        }
        if is_on(Mutant::MembersCollapsedByClientId)
            && let Some(no) = self.members.of_client(&joiner.client.id)
        {
            self.rejoin(step, group_id, joiner, no, "a member of that client id");
            return Ok(());
        }
        let id = new_member_id(step, instance_id.unwrap_or(&joiner.client.id));
        match joiner.parked.version {
            REQUIRES_KNOWN_ID.. if instance_id.is_none() => self.hand_out(step, joiner, id),
            _ => {
                self.add_member(step, group_id, joiner, id);
                Ok(())
            }
        }
    }

    /// Gives out an id and expects its bearer within the session timeout.
    fn hand_out(&mut self, step: &mut Step<'_>, joiner: Joiner<'_>, id: Str) -> Result<(), ErrorCode> {
        if self.pending.len() >= PENDING_IDS_MAX {
            return Err(ErrorCode::GROUP_MAX_SIZE_REACHED);
        }
        let no = self.next_no();
        self.pending.insert(no, id.clone());
        self.timers.set(ClassicTimer::PendingId(no), step.now.mono + joiner.timeouts().session());
        self.expect_more(step);
        step.answer(joiner.parked.asker, refusal::join(ErrorCode::MEMBER_ID_REQUIRED, id));
        Ok(())
    }

    fn add_member(&mut self, step: &mut Step<'_>, group_id: &Str, joiner: Joiner<'_>, id: Str) {
        let request = joiner.request;
        let no = self.next_no();
        if self.members.is_empty() {
            self.protocol_type = Some(request.protocol_type.detach());
            self.leader = Some(no);
        }
        let member = Member {
            id,
            instance_id: joiner.instance_id().map(Str::detach),
            client: Client { id: joiner.client.id.detach(), host: joiner.client.host.detach() },
            timeouts: joiner.timeouts(),
            protocols: self.members.own_protocols(&request.protocols),
            assignment: Bytes::new(),
            state: MemberState::Joining { parked: joiner.parked, first: true },
        };
        self.members.insert(no, member);
        if is_on(Mutant::LateJoinerLeftOut) && self.phase == Phase::CompletingRebalance {
            self.members.set_state(no, MemberState::AwaitingSync);
            self.renew_session(step, no);
            return self.tell_generation(step, no, joiner.parked);
        }
        self.await_first_join(step, no);
        self.expect_more(step);
        self.rebalance(step, group_id, joiner.reason("a new member"));
    }

    /// Somebody with an id: from MEMBER_ID_REQUIRED, or a member that joins again.
    fn join_known(
        &mut self,
        step: &mut Step<'_>,
        group_id: &Str,
        joiner: Joiner<'_>,
    ) -> Result<(), ErrorCode> {
        let request = joiner.request;
        if self.pending.contains(&request.member_id) {
            if request.group_instance_id.is_some() {
                // Ids are handed out to dynamic members only. Kafka has no answer to this (UNKNOWN_SERVER_ERROR).
                return Err(ErrorCode::UNKNOWN_MEMBER_ID);
            }
            self.forget_pending(&request.member_id);
            let id = request.member_id.detach();
            self.add_member(step, group_id, joiner, id);
            return Ok(());
        }
        let no = self.find(&request.member_id, joiner.instance_id())?;
        let changed = self.members.get(no).is_none_or(|member| !member.offers(&request.protocols));
        match self.phase {
            Phase::Empty => return Err(ErrorCode::UNKNOWN_MEMBER_ID),
            // Its answer was lost, most likely: it gets it again.
            Phase::CompletingRebalance if !changed => self.tell_generation(step, no, joiner.parked),
            Phase::Stable if !changed && self.leader != Some(no) => {
                if is_on(Mutant::RejoinWipesAssignment) {
                    self.members.set_assignment(no, Bytes::new());
                }
                self.tell_generation(step, no, joiner.parked);
            }
            Phase::Stable if !changed => self.rejoin(step, group_id, joiner, no, "the leader joins again"),
            Phase::PreparingRebalance(_) | Phase::CompletingRebalance | Phase::Stable => {
                self.rejoin(step, group_id, joiner, no, "a member joins again with other metadata");
            }
        }
        Ok(())
    }

    /// Answers with the present generation.
    fn tell_generation(&self, step: &mut Step<'_>, no: MemberNo, parked: Parked) {
        if let Some(member) = self.members.get(no) {
            step.answer(parked.asker, self.joined(no, member));
        }
    }

    /// Updates a member in place and parks its request; a request of it that waited already is answered.
    fn rejoin(
        &mut self,
        step: &mut Step<'_>,
        group_id: &Str,
        joiner: Joiner<'_>,
        no: MemberNo,
        what: &'static str,
    ) {
        let parked = joiner.parked;
        self.members.update(no, joiner.timeouts(), &joiner.request.protocols);
        let first = match self.members.get(no).map(Member::state) {
            Some(MemberState::Joining { first, .. }) => first,
            Some(MemberState::Settled | MemberState::AwaitingSync | MemberState::Syncing { .. }) | None => {
                false
            }
        };
        let before = self.members.set_state(no, MemberState::Joining { parked, first });
        let id = joiner.request.member_id.clone();
        ClassicGroup::refuse_parked(step, before, ErrorCode::REBALANCE_IN_PROGRESS, id);
        self.renew_session(step, no);
        self.rebalance(step, group_id, joiner.reason(what));
    }

    /// A static member was started anew: it takes the place of its former self, which is fenced (KIP-345). In a stable
    /// group nobody else notices, unless another protocol would be chosen now.
    fn replace_static(&mut self, step: &mut Step<'_>, group_id: &Str, joiner: Joiner<'_>, no: MemberNo) {
        let Some(old) = self.members.get(no) else {
            return;
        };
        let (old_id, old_state) = (old.id.clone(), old.state());
        let id = match is_on(Mutant::StaticMemberNotFenced) {
            true => old_id.clone(),
            false => new_member_id(step, joiner.instance_id().unwrap_or(&old_id)),
        };
        step.gone(group_id, &old_id, Departure::Replaced);
        self.members.rename(no, id.clone());
        self.members.update(no, joiner.timeouts(), &joiner.request.protocols);
        if is_on(Mutant::StaticRestartInCompletingGetsNothing) && self.phase == Phase::CompletingRebalance {
            ClassicGroup::refuse_parked(step, old_state, ErrorCode::FENCED_INSTANCE_ID, old_id.clone());
            self.members.set_state(no, MemberState::AwaitingSync);
            self.renew_session(step, no);
            return self.tell_replaced(step, no, joiner.parked, old_id);
        }
        if self.phase == Phase::Stable && self.members.elect_protocol(self.leader) == self.protocol {
            self.renew_session(step, no);
            self.store(step, group_id);
            return self.tell_replaced(step, no, joiner.parked, old_id);
        }
        self.members.set_state(no, MemberState::Joining { parked: joiner.parked, first: false });
        ClassicGroup::refuse_parked(step, old_state, ErrorCode::FENCED_INSTANCE_ID, old_id);
        self.renew_session(step, no);
        self.rebalance(step, group_id, joiner.reason("a static member starts anew"));
    }

    /// A leader that starts anew must not compute an assignment, which nobody would ask for: newer clients can be told so
    /// (KIP-814); others are led to believe that the leader is the one they were before.
    fn tell_replaced(&self, step: &mut Step<'_>, no: MemberNo, parked: Parked, old_id: Str) {
        let Some(member) = self.members.get(no) else {
            return;
        };
        let mut answer = self.joined(no, member);
        if self.leader == Some(no) {
            match parked.version {
                CAN_SKIP_ASSIGNMENT.. => answer.skip_assignment = true,
                _ => {
                    answer.leader = old_id;
                    answer.members = Vec::new();
                }
            }
        }
        step.answer(parked.asker, answer);
    }
}

/// An id nobody else has: what the client is known by and a random (version 4) UUID, as Kafka makes them.
fn new_member_id(step: &mut Step<'_>, prefix: &Str) -> Str {
    let mut bytes = [0; 16];
    step.random.fill_bytes(&mut bytes);
    Str::from(alloc::format!("{prefix}-{}", RandomUuid(u128::from_be_bytes(bytes))))
}

/// 128 random bits, of which six say so when printed.
struct RandomUuid(u128);

impl fmt::Display for RandomUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = self.0 & !(0xf << 76) | (4 << 76);
        let digits = alloc::format!("{:032x}", version & !(3 << 62) | (2 << 62));
        let mut from = 0;
        for (part, length) in [8, 4, 4, 4, 12].into_iter().enumerate() {
            let dash = if part == 0 { "" } else { "-" };
            write!(f, "{dash}{}", digits.get(from..from + length).unwrap_or_default())?;
            from += length;
        }
        Ok(())
    }
}
