//! Every command against a real SeaweedFS, one test after the other:
//!
//! ```text
//! tests/harness/seaweedfs.py --work tests/.work -- \
//!     cargo test -p kelpgate-smq-client --test seaweedfs -- --ignored --test-threads=1
//! ```

mod stack;

use std::time::{Duration, Instant};

use bytes::Bytes;
use kelpgate_core::pieces::Pieces;
use kelpgate_smq::rpc::{RpcCommand, RpcError, RpcReply, SmqPartition, SmqTopic, StreamId};
use stack::{PATIENCE, Paused, Subject, config, fresh, order, told, topic};

const SHORT: Duration = Duration::from_secs(3);

fn bytes(len: usize, seed: u8) -> Bytes {
    (0..len)
        .map(|at| (at as u8).wrapping_mul(31).wrapping_add((at >> 8) as u8) ^ seed)
        .collect::<Vec<_>>()
        .into()
}

#[test]
#[ignore = "needs a SeaweedFS"]
fn files_are_written_read_and_replaced() {
    let subject = Subject::real();
    let folder = format!("/kelpgate/{}", fresh("files"));
    // Content of the filer's has 4 MiB chunks.
    for (len, sync) in
        [(0, true), (0, false), (1, true), (1024, true), (16_384, false), (5 << 20, true), (9 << 20, false)]
    {
        let path = format!("{folder}/a b%#?+&/ü{len}");
        let whole = bytes(len, 1);
        subject.put(&path, whole.clone(), sync);
        assert_eq!(subject.get(&path, 0, u64::MAX), Ok((whole.clone(), len as u64)), "{len}");
        let shorter = bytes(len / 2, 9);
        subject.put(&path, shorter.clone(), sync);
        assert_eq!(subject.get(&path, 0, len as u64 + 1), Ok((shorter, len as u64 / 2)), "{len} replaced");
    }
    assert_eq!(subject.get(&format!("{folder}/none"), 0, 10), Err(RpcError::NotFound));
    assert_eq!(subject.get(&format!("{folder}/none"), 0, 0), Err(RpcError::NotFound));
    let names = subject.names(&format!("{folder}/a b%#?+&"));
    assert_eq!(names, ["ü0", "ü1", "ü1024", "ü16384", "ü5242880", "ü9437184"]);
}

#[test]
#[ignore = "needs a SeaweedFS"]
fn parts_of_files_are_read() {
    let subject = Subject::real();
    let path = format!("/kelpgate/{}", fresh("ranges"));
    let size = (4 << 20) + 4000;
    let whole = bytes(size, 3);
    subject.put(&path, whole.clone(), false);
    let edge = 4 << 20;
    for (from, len) in
        [(0, 1), (1, 1), (0, size), (10, 1000), (edge - 5, 10), (edge, 7), (size - 1, 1), (size - 3, 100)]
    {
        let part = whole.slice(from..(from + len).min(size));
        assert_eq!(subject.get(&path, from as u64, len as u64), Ok((part, size as u64)), "{from}+{len}");
    }
    for (from, len) in [(size, 1), (size + 9, 100), (0, 0), (5, 0), (size * 9, 0)] {
        assert_eq!(
            subject.get(&path, from as u64, len as u64),
            Ok((Bytes::new(), size as u64)),
            "{from}+{len}"
        );
    }
}

#[test]
#[ignore = "needs a SeaweedFS"]
fn folders_are_listed_page_by_page() {
    let subject = Subject::real();
    let folder = format!("/kelpgate/{}", fresh("list"));
    assert_eq!(subject.names(&folder), [""; 0]);
    let mut wanted: Vec<String> = (0..250).map(|number| format!("{number:03}")).collect();
    for (number, name) in wanted.iter().enumerate() {
        subject.put(&format!("{folder}/{name}"), bytes(number, 0), false);
    }
    subject.put(&format!("{folder}/inner/file"), bytes(5, 0), false);
    wanted.push("inner".into());
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let page = subject.list(&folder, &after, 100);
        assert!(page.len() <= 100);
        let Some(last) = page.last() else { break };
        after.clone_from(&last.name);
        found.extend(page);
    }
    assert_eq!(found.iter().map(|entry| entry.name.clone()).collect::<Vec<_>>(), wanted);
    assert!(
        found
            .iter()
            .take(250)
            .enumerate()
            .all(|(number, entry)| entry.size == number as u64 && !entry.folder)
    );
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
    assert!(found.iter().take(250).all(|entry| (entry.modified - now).abs() < 120_000));
    assert!(found[250].folder && found[250].size == 0);
    assert_eq!(subject.list(&folder, "", 0), []);
}

#[test]
#[ignore = "needs a SeaweedFS"]
fn files_and_folders_are_removed_and_renamed() {
    let subject = Subject::real();
    let folder = format!("/kelpgate/{}", fresh("remove"));
    let path = |name: &str| format!("{folder}/{name}");
    let delete = |path: String| assert_eq!(subject.ask(RpcCommand::Delete { path }), Ok(RpcReply::Done));
    let rename = |from: &str, to: &str| subject.ask(RpcCommand::Rename { from: path(from), to: path(to) });
    for name in ["one", "two", "deep/a/b", "deep/c"] {
        subject.put(&path(name), name.as_bytes().to_vec(), true);
    }
    assert_eq!(rename("one", "two"), Ok(RpcReply::Done));
    assert_eq!(subject.get(&path("two"), 0, 9), Ok((Bytes::from_static(b"one"), 3)));
    assert_eq!(subject.get(&path("one"), 0, 9), Err(RpcError::NotFound));
    assert_eq!(rename("one", "two"), Err(RpcError::NotFound));
    assert_eq!(rename("two", "other/three"), Ok(RpcReply::Done));
    assert_eq!(subject.get(&path("other/three"), 0, 9), Ok((Bytes::from_static(b"one"), 3)));
    delete(path("deep"));
    delete(path("deep"));
    delete(path("other/three"));
    assert_eq!(subject.names(&folder), ["other"]);
    delete(folder.clone());
    assert_eq!(subject.names(&folder), [""; 0]);
}

#[test]
#[ignore = "needs a SeaweedFS"]
fn the_room_of_the_cluster_is_told() {
    match Subject::real().ask(RpcCommand::Statistics) {
        Ok(RpcReply::Volume { total, usable }) => {
            assert!(0 < usable && usable <= total, "{usable} of {total}")
        }
        other => panic!("{other:?}"),
    }
}

#[test]
#[ignore = "needs a SeaweedFS"]
fn topics_are_made_looked_up_and_grown() {
    let subject = Subject::real();
    let topic = topic("Grown.x_1");
    assert_eq!(subject.ask(RpcCommand::LookupTopic { topic: topic.clone() }), Err(RpcError::NotFound));
    let made = subject.ensure(&topic, 3);
    let ranges = |found: &[kelpgate_smq::rpc::Assignment]| {
        found.iter().map(|one| (one.partition.range_start, one.partition.range_stop)).collect::<Vec<_>>()
    };
    assert_eq!(ranges(&made), [(0, 840), (840, 1680), (1680, 2520)]);
    assert!(made.iter().all(|one| !one.leader.is_empty()));
    assert_eq!(subject.ensure(&topic, 3), made);
    let found = subject.ask(RpcCommand::LookupTopic { topic: topic.clone() });
    assert_eq!(found, Ok(RpcReply::Assignments(made.clone())));
    let grown = subject.ensure(&topic, 7);
    assert_eq!((grown.len(), ranges(&grown)[6]), (7, (2160, 2520)));
    assert!(grown[0].partition.unix_time_ns > made[0].partition.unix_time_ns);
}

#[test]
#[ignore = "needs a SeaweedFS"]
fn numbers_of_partitions_that_end_the_broker_are_not_sent() {
    let subject = Subject::real();
    for partitions in [0, -1, i32::MIN, 2521, i32::MAX] {
        let refused = subject.ask(RpcCommand::EnsureTopic { topic: topic("bad"), partitions });
        assert!(matches!(refused, Err(RpcError::TooLarge(_))), "{refused:?}");
    }
    // As many as there may be keep a broker busy for a minute.
    assert_eq!(subject.ensure(&topic("many"), 100).len(), 100);
}

#[test]
#[ignore = "needs a SeaweedFS"]
fn publishes_are_answered_in_order_and_written_out_by_close() {
    let subject = Subject::real();
    let topic = topic("order");
    let to = subject.ensure(&topic, 2);
    let streams = [subject.open(&topic, &to[0]).unwrap(), subject.open(&topic, &to[1]).unwrap()];
    let tickets: Vec<_> = (0..20_000)
        .map(|number| {
            subject.publish(streams[number % 2], &format!("{number:06}"), bytes(100 + number % 50, 7))
        })
        .collect();
    let done: Vec<_> = tickets.iter().map(|_| subject.outcome()).collect();
    assert!(done.iter().all(|one| one.outcome == Ok(RpcReply::Done)));
    for lane in 0..2 {
        let in_order: Vec<_> =
            done.iter().map(|one| one.ticket).filter(|ticket| ticket.0 % 2 == lane).collect();
        assert!(in_order.is_sorted(), "answers of one stream are out of order");
    }
    for stream in streams {
        assert_eq!(subject.ask(RpcCommand::CloseStream { stream }), Ok(RpcReply::Done));
    }
    let stored = subject.stored(&topic);
    let mut keys: Vec<_> = stored.iter().map(|entry| entry.key.clone()).collect();
    assert!(keys[..10_000].is_sorted() && keys[10_000..].is_sorted(), "stored out of order");
    keys.sort();
    assert_eq!(keys, (0..20_000).map(|number| Bytes::from(format!("{number:06}"))).collect::<Vec<_>>());
    assert!(stored.iter().all(|entry| {
        let number: usize = str::from_utf8(&entry.key).unwrap().parse().unwrap();
        entry.data == bytes(100 + number % 50, 7)
    }));
}

#[test]
#[ignore = "needs a SeaweedFS"]
fn messages_of_many_pieces_and_many_megabytes_arrive() {
    let subject = Subject::real();
    let topic = topic("large");
    let to = subject.ensure(&topic, 1);
    let stream = subject.open(&topic, &to[0]).unwrap();
    let part = bytes(1 << 20, 5);
    let value: Pieces = (0..64).map(|_| part.clone()).collect();
    let sent =
        subject.ask(RpcCommand::Publish { stream, key: Bytes::from_static(b"k"), value: value.clone() });
    assert_eq!(sent, Ok(RpcReply::Done));
    assert_eq!(subject.ask(RpcCommand::CloseStream { stream }), Ok(RpcReply::Done));
    let stored = subject.stored(&topic);
    assert!(stored.len() == 1 && stored[0].data == value.concat());
}

#[test]
#[ignore = "needs a SeaweedFS"]
fn messages_beyond_a_gibibyte_break_the_stream_unsent() {
    let subject = Subject::real();
    let topic = topic("beyond");
    let to = subject.ensure(&topic, 1);
    let stream = subject.open(&topic, &to[0]).unwrap();
    let part = bytes(1 << 20, 5);
    let value: Pieces = (0..1024).map(|_| part.clone()).collect();
    let sent = subject.ask(RpcCommand::Publish { stream, key: Bytes::new(), value });
    assert!(matches!(sent, Err(RpcError::TooLarge(_))), "{sent:?}");
    let after = subject.ask(RpcCommand::Publish { stream, key: Bytes::new(), value: part.into() });
    assert!(matches!(after, Err(RpcError::Broken(_))), "{after:?}");
}

#[test]
#[ignore = "needs a SeaweedFS"]
fn streams_that_do_not_exist_are_told_apart() {
    let subject = Subject::real();
    let stream = StreamId(999);
    let sent = subject.ask(RpcCommand::Publish { stream, key: Bytes::new(), value: Pieces::new() });
    assert!(matches!(sent, Err(RpcError::Broken(_))), "{sent:?}");
    assert_eq!(subject.ask(RpcCommand::CloseStream { stream }), Ok(RpcReply::Done));

    let known = topic("known");
    let to = subject.ensure(&known, 1);
    let missing = subject.open(&topic("missing"), &to[0]);
    assert_eq!(missing, Err(RpcError::NotFound));
    let partition = SmqPartition { range_stop: 77, ..to[0].partition };
    let elsewhere = kelpgate_smq::rpc::Assignment { partition, ..to[0].clone() };
    // A broker that has just started says the same of partitions that exist.
    assert!(matches!(subject.open(&known, &elsewhere), Err(RpcError::NoBroker(_))));
    let nobody = kelpgate_smq::rpc::Assignment { leader: String::new(), ..to[0].clone() };
    assert!(matches!(subject.open(&known, &nobody), Err(RpcError::NoBroker(_))));
    let stream = subject.open(&known, &to[0]).unwrap();
    let again = RpcCommand::OpenStream {
        stream,
        broker: to[0].leader.clone(),
        topic: known,
        partition: to[0].partition,
    };
    assert!(matches!(subject.ask(again), Err(RpcError::Other(_))));
}

#[test]
#[ignore = "needs a SeaweedFS"]
fn topics_that_begin_with_an_underscore_keep_what_is_published() {
    let subject = Subject::real();
    let topic = SmqTopic { namespace: "kelpgate-tests".into(), name: fresh("__offsets") };
    let to = subject.ensure(&topic, 1);
    let stream = subject.open(&topic, &to[0]).unwrap();
    subject.publish(stream, "k", bytes(10, 1));
    assert_eq!(subject.outcome().outcome, Ok(RpcReply::Done));
    assert_eq!(subject.ask(RpcCommand::CloseStream { stream }), Ok(RpcReply::Done));
    let began = Instant::now();
    while subject.stored(&topic).is_empty() {
        assert!(began.elapsed() < PATIENCE, "the broker's own interval has not written it out");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
#[ignore = "needs a SeaweedFS"]
fn a_killed_broker_breaks_its_streams_and_comes_back() {
    let subject = Subject::real();
    let topic = topic("killed");
    let to = subject.ensure(&topic, 1);
    let stream = subject.open(&topic, &to[0]).unwrap();
    let paused = Paused::new("broker");
    let under_way: Vec<_> =
        (0..1000).map(|number| subject.publish(stream, &number.to_string(), bytes(1000, 2))).collect();
    assert!(subject.is_idle());
    order("kill broker");
    paused.forget();
    let failed: Vec<_> = under_way.iter().map(|_| subject.outcome()).collect();
    assert_eq!(failed.iter().map(|done| done.ticket).collect::<Vec<_>>(), under_way);
    assert!(matches!(failed[0].outcome, Err(RpcError::NoBroker(_))), "{:?}", failed[0]);
    assert!(failed[1..].iter().all(|done| matches!(done.outcome, Err(RpcError::Broken(_)))));
    let later = subject.publish(stream, "later", bytes(1, 0));
    let done = subject.outcome();
    assert!(done.ticket == later && matches!(done.outcome, Err(RpcError::Broken(_))));
    let gone = subject.open(&topic, &to[0]);
    assert!(matches!(gone, Err(RpcError::NoBroker(_))), "{gone:?}");
    let asked = subject.ask(RpcCommand::LookupTopic { topic: topic.clone() });
    assert!(matches!(asked, Err(RpcError::NoBroker(_))), "{asked:?}");
    let (back, starting) = (Instant::now(), std::thread::spawn(|| order("start broker")));
    let stream = subject.open_at_last(&topic);
    println!("a stream is open {:.1} s after the broker was started", back.elapsed().as_secs_f32());
    starting.join().unwrap();
    subject.publish(stream, "again", bytes(1, 0));
    assert_eq!(subject.outcome().outcome, Ok(RpcReply::Done));
}

#[test]
#[ignore = "needs a SeaweedFS"]
fn a_broker_that_hangs_is_given_up_in_time() {
    let subject = Subject::real();
    let topic = topic("hangs");
    let to = subject.ensure(&topic, 1);
    let stream = subject.open(&topic, &to[0]).unwrap();
    let idle = subject.open(&topic, &to[0]).unwrap();
    let paused = Paused::new("broker");
    let publish =
        |stream| RpcCommand::Publish { stream, key: Bytes::new(), value: Bytes::from_static(b"x").into() };
    let first = subject.submit(publish(stream), SHORT);
    let second = subject.submit(publish(stream), PATIENCE);
    let (one, two) = (subject.outcome(), subject.outcome());
    assert_eq!((one.ticket, one.outcome), (first, Err(RpcError::Timeout)));
    assert!(two.ticket == second && matches!(two.outcome, Err(RpcError::Broken(_))), "{two:?}");
    let closed = subject.ask_within(RpcCommand::CloseStream { stream: idle }, SHORT);
    assert_eq!(closed, Err(RpcError::Timeout));
    let asked = subject.ask_within(RpcCommand::LookupTopic { topic: topic.clone() }, SHORT);
    assert_eq!(asked, Err(RpcError::Timeout));
    drop(paused);
    let back = Instant::now();
    subject.open_at_last(&topic);
    println!("a stream is open {:.1} s after the broker goes on", back.elapsed().as_secs_f32());
}

#[test]
#[ignore = "needs a SeaweedFS"]
fn a_filer_that_is_gone_is_missed_and_found_again() {
    let subject = Subject::real();
    let path = format!("/kelpgate/{}", fresh("filer"));
    subject.put(&path, bytes(2000, 4), true);
    order("kill filer");
    let missed = subject.get(&path, 0, 9);
    assert!(matches!(missed, Err(RpcError::NoFiler(_))), "{missed:?}");
    let missed = subject.ask(RpcCommand::List { folder: "/".into(), after: String::new(), limit: 9 });
    assert!(matches!(missed, Err(RpcError::NoFiler(_))), "{missed:?}");
    let missed = subject.ask(RpcCommand::Put { path: path.clone(), content: bytes(9, 9).into(), sync: true });
    assert!(matches!(missed, Err(RpcError::NoFiler(_))), "{missed:?}");
    order("start filer");
    subject.ask_until_done(&RpcCommand::Get { path: path.clone(), from: 0, len: 9 });
    assert_eq!(subject.get(&path, 0, 5000), Ok((bytes(2000, 4), 2000)));
}

#[test]
#[ignore = "needs a SeaweedFS"]
fn addresses_that_lead_nowhere_are_said() {
    let statistics = |masters: &str| Subject::new(config(masters)).ask(RpcCommand::Statistics);
    let nobody = statistics("127.0.0.1:1.1,127.0.0.1:2.2");
    assert!(
        matches!(&nobody, Err(RpcError::NoMaster(text)) if text.contains("127.0.0.1:1") && text.contains("127.0.0.1:2"))
    );
    // A server of HTTP, and one of gRPC that is no master.
    let master = told("SEAWEEDFS_MASTER");
    let port: u16 = master.rsplit_once(':').unwrap().1.split_once('.').unwrap().0.parse().unwrap();
    let not_grpc = statistics(&format!("127.0.0.1:{port}.{port}"));
    assert!(matches!(not_grpc, Err(RpcError::NoMaster(_))), "{not_grpc:?}");
    let filer = statistics(&format!("127.0.0.1:{port}.{}", port + 6));
    assert!(
        matches!(&filer, Err(RpcError::Refused(text)) if text.contains("master_pb.Seaweed")),
        "{filer:?}"
    );
    // One that answers is enough.
    let second = statistics(&format!("127.0.0.1:1.1,{master}"));
    assert!(second.is_ok(), "{second:?}");
    let mut elsewhere = config(&master);
    elsewhere.filer_group = "strangers".into();
    let strangers = Subject::new(elsewhere).ask(RpcCommand::Statistics);
    assert!(matches!(strangers, Err(RpcError::NoFiler(_))), "{strangers:?}");
}

#[test]
#[ignore = "needs a SeaweedFS"]
fn more_commands_than_agreed_are_turned_away() {
    let mut limited = config(&told("SEAWEEDFS_MASTER"));
    limited.most_commands = 4;
    let subject = Subject::new(limited);
    for _ in 0..20 {
        subject.submit(RpcCommand::Statistics, PATIENCE);
    }
    let outcomes: Vec<_> = (0..20).map(|_| subject.outcome().outcome).collect();
    let busy = outcomes.iter().filter(|outcome| matches!(outcome, Err(RpcError::Busy(_)))).count();
    assert!((1..=16).contains(&busy), "{outcomes:?}");
    assert!(outcomes.iter().filter(|outcome| outcome.is_ok()).count() == 20 - busy);
    assert!(subject.ask(RpcCommand::Statistics).is_ok());
}
