//! Who tests the tester: bugs that this field has seen, to be put in one at a time, so that it can be shown that the
//! simulator finds them. `kelpgate-sim mutants` does that; `docs/reference/simulator-mutants.md` says how long it took.
//!
//! A site in the machine or in the embedded log is one line, `if is_on(Mutant::..)`. Without the feature `mutants`
//! [`is_on`] is a constant `false`, and nothing of a mutant is in the program: names and texts are not even compiled, and
//! the program refuses to be built with the feature ([`BUILT_IN`]).

/// Whether mutants can be switched on in this build.
pub const BUILT_IN: bool = cfg!(feature = "mutants");

/// Declares the mutants, each with what is broken and where that was seen; the texts are the table in the docs.
macro_rules! mutants {
    ($($(#[doc = $text:literal])+ $name:ident,)+) => {
        /// A bug that can be put in.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[cfg_attr(feature = "mutants", derive(Debug))]
        #[repr(u8)]
        pub enum Mutant {
            $($(#[doc = $text])+ $name,)+
        }

        #[cfg(feature = "mutants")]
        impl Mutant {
            /// Every mutant, in the order of the list.
            pub const ALL: &[Mutant] = &[$(Mutant::$name,)+];

            /// Its name, as it stands in this file.
            pub fn name(self) -> &'static str {
                match self {
                    $(Mutant::$name => stringify!($name),)+
                }
            }

            /// What is broken, and where that was seen.
            pub fn about(self) -> &'static str {
                match self {
                    $(Mutant::$name => concat!($($text,)+).trim_ascii(),)+
                }
            }
        }
    };
}

mutants! {
    // Classic groups.

    /// Members are told apart by client id, so two clients with the default one are one member (SeaweedFS #9143).
    MembersCollapsedByClientId,
    /// A member that joins a stable group again loses its assignment (SeaweedFS #9143).
    RejoinWipesAssignment,
    /// A follower whose SyncGroup comes before the leader's is answered with an empty assignment (SeaweedFS's gateway).
    EmptyAssignmentForFollowers,
    /// Who joins between the leader's JoinGroup and its SyncGroup becomes a member without partitions (SeaweedFS #9162).
    LateJoinerLeftOut,
    /// A static member that starts anew while a rebalance completes gets nothing (KAFKA-9801).
    StaticRestartInCompletingGetsNothing,
    /// A member that is gone stays leader, so nobody shares out the partitions (SeaweedFS #9143, mockforge #187).
    DeadMemberStaysLeader,
    /// A new rebalance forgets the SyncGroups that wait instead of answering them (Kafka's own coordinator has such paths).
    ParkedSyncForgotten,
    /// A completed rebalance keeps the generation of the one before, so nobody is fenced by it (what generations are for).
    GenerationNotIncreased,
    /// A commit of an older generation is taken (what generations are for; KoP #1289 shows what follows).
    StaleGenerationCommits,
    /// A static member that starts anew gets the id of its former self, which is therefore not fenced (KIP-345).
    StaticMemberNotFenced,
    /// A heartbeat does not renew the session (hstream #1753 had it for commits).
    HeartbeatDoesNotRenewSession,
    /// Sessions of classic members never end, so the partitions of a dead one are read by nobody.
    SessionNeverEnds,
    /// LeaveGroup is answered and the member kept (SeaweedFS #9143 handled one leaver of several).
    LeaverIsKept,

    // Groups of the new protocol.

    /// A partition is given to its new owner before the old one has given it up (what KIP-848's reconciliation is for).
    GivenBeforeRevoked,
    /// A late word of a former owner takes a partition from its present one, so a third can get it too (KAFKA-16147).
    LateRevocationDisowns,
    /// A heartbeat that reports no partitions because nothing changed is taken to own none (new KIP-848 servers).
    NothingReportedIsNothingOwned,
    /// A member that starts over with epoch 0 is fenced, again and again (KAFKA-19233).
    MemberCannotStartOver,
    /// The assignment is told once only; who lost that answer never hears it again (new KIP-848 servers).
    AssignmentToldOnce,
    /// Sessions of members of the new protocol never end.
    ConsumerSessionNeverEnds,
    /// A commit is taken whatever member epoch it bears (what member epochs are for, KIP-848).
    MemberEpochNotChecked,

    // Committed offsets.

    /// An OffsetCommit is answered before it is durable (KoP #1289 shows what follows).
    CommitAnsweredBeforeDurable,
    /// Offsets of a group with members expire (KAFKA-4682, KIP-211; KAFKA-13636).
    OffsetsOfLiveGroupExpire,
    /// No committed offset is told as offset 0 (mockforge #187).
    NoOffsetIsZero,

    // Producing.

    /// Produce with acks=all is answered before its records are synced (a lost write of Jepsen's Kafka workload).
    ProduceAnsweredBeforeSync,
    /// A batch sent again is answered while the first copy is still on its way to the disk.
    DuplicateAnsweredBeforeSync,
    /// Readers are shown records that are not synced: the high watermark is the log's end (a crash takes back what was read).
    HighWatermarkBeforeSync,
    /// A restart forgets the sequences of idempotent producers, and takes a batch twice (Redpanda #3039, AutoMQ #437).
    SequencesForgottenAtRestart,
    /// A batch that was stored already is stored again (KIP-98; Redpanda #3039).
    DuplicateStoredAgain,
    /// A batch is stored although one before it is missing (KIP-98, KAFKA-5793).
    GapInSequenceTaken,
    /// Blocks of producer ids are handed out before that is durable, so two producers get one id (KIP-98).
    ProducerIdHandedOutTwice,
    /// Messages of one connection to an owner overtake each other, so pipelined batches change places.
    MessagesOvertake,
    /// Produce with acks=0 is answered, and every later answer on the connection is taken for another.
    FireAndForgetAnswered,

    // Reading.

    /// A fetch from the middle of a batch begins with the next batch (clients resume there: kafka-python #1239).
    FetchSkipsBegunBatch,
    /// A fetch that waits for records is not woken by them (KoP #973).
    FetchNotWoken,
    /// `max.wait` and `min.bytes` of a fetch are ignored (KoP #699).
    FetchDoesNotWait,
    /// A fetch that finds nothing waits for ever: the deadline has no timer.
    FetchWaitsForEver,
    /// ListOffsets looks for a record later than the timestamp, not at or after it (KoP #334, Redpanda #6604).
    TimestampOffByOne,
    /// Answers leave as they become ready, not in the order of the requests (KoP #199, Redpanda #25636).
    AnswersOutOfOrder,

    // The start of the log, and topics.

    /// DeleteRecords takes an offset above the high watermark and puts the log's start there (KIP-107 has it refused).
    DeleteRecordsPassesHighWatermark,
    /// A restart forgets how far records were deleted (KAFKA-16146).
    LogStartGoesBack,
    /// A topic made anew shows the records of its deleted namesake (KAFKA-14616).
    RecreatedTopicShowsOldRecords,
    /// Compaction drops the last record of a key.
    CompactionDropsLastRecord,
    /// Retention looks at a segment's oldest record, not its newest, and drops what is still to be kept.
    RetentionGoesByOldestRecord,

    // The disk.

    /// A failed sync is taken for one that worked, as if trying again could help (fsync of Linux; PostgreSQL in 2018).
    FailedSyncIgnored,
    /// After a crash the last write counts even if it was torn (checksums are not compared).
    TornTailServed,
    /// After a crash only the newest journal file is read.
    OldJournalsNotRead,
    /// After a crash writes count that had failed: their offsets have been used again (Redpanda #3003: two values).
    FailedWriteComesBack,
    /// Journal files are used again before the segments that hold the same are synced.
    CheckpointWithoutSync,
    /// The last record of a segment is lost to readers when the next segment begins.
    RollLosesLastRecord,
}

/// Whether this bug is in. A constant without the feature.
#[cfg(not(feature = "mutants"))]
#[inline(always)]
pub const fn is_on(_mutant: Mutant) -> bool {
    false
}

#[cfg(feature = "mutants")]
pub use switch::{is_on, select};

#[cfg(feature = "mutants")]
mod switch {
    use core::sync::atomic::{AtomicU8, Ordering};

    use super::Mutant;

    /// One more than the mutant that is in; 0 for none. Of the whole process: it is chosen before the first machine is
    /// made, and machines that run side by side all have it.
    static SELECTED: AtomicU8 = AtomicU8::new(0);

    /// Puts one bug in, in place of the one before, or takes it out.
    pub fn select(mutant: Option<Mutant>) {
        SELECTED.store(mutant.map_or(0, |mutant| mutant as u8 + 1), Ordering::Relaxed);
    }

    /// Whether this bug is in.
    #[inline]
    pub fn is_on(mutant: Mutant) -> bool {
        SELECTED.load(Ordering::Relaxed) == mutant as u8 + 1
    }

    impl core::str::FromStr for Mutant {
        type Err = UnknownMutant;

        fn from_str(name: &str) -> Result<Mutant, UnknownMutant> {
            Mutant::ALL.iter().copied().find(|mutant| mutant.name() == name).ok_or(UnknownMutant)
        }
    }

    /// No mutant has that name.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
    #[error("no mutant has that name")]
    pub struct UnknownMutant;

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn one_at_a_time_found_by_name_and_told_about() {
            for mutant in Mutant::ALL {
                assert_eq!(mutant.name().parse(), Ok(*mutant));
                assert!(mutant.about().ends_with('.'), "{}", mutant.name());
            }
            assert!(Mutant::ALL.len() >= 30);
            assert_eq!("Nothing".parse::<Mutant>(), Err(UnknownMutant));
        }
    }
}

#[cfg(all(test, not(feature = "mutants")))]
mod tests {
    use super::*;

    /// The compiler knows it, so that no site is in the program.
    const NOTHING: () = assert!(!is_on(Mutant::MembersCollapsedByClientId) && !BUILT_IN);

    #[test]
    fn nothing_is_in_without_the_feature() {
        let () = NOTHING;
    }
}
