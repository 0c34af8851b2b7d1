import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp.OpType;
import org.apache.kafka.clients.admin.DescribeClusterResult;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.record.TimestampType;

/**
 * The checks of the Java clients; one source, compiled against several versions of kafka-clients.
 *
 * <pre>
 * java Suite suite  BOOTSTRAP PREFIX RECORDS
 * java Suite verify BOOTSTRAP RECORDS TOPIC:SET:[tag,tag]...
 * java Suite member BOOTSTRAP NAME TOPIC,... WAY=GROUP...     see Member
 * </pre>
 */
public final class Suite {
    private static final Map<Integer, Long> BEGINNING = Map.of(0, 0L, 1, 0L, 2, 0L);
    private static final List<String> CODECS = List.of("none", "gzip", "snappy", "lz4", "zstd");

    private final Clients clients;
    private final String prefix;
    private final RecordSet canonical;
    private final RecordSet bulk;
    private final RecordSet large;
    private final Checks checks = new Checks();

    private Suite(Clients clients, String prefix, String directory) throws Exception {
        this.clients = clients;
        this.prefix = prefix;
        this.canonical = RecordSet.load(directory, "canonical", Set.of());
        this.bulk = RecordSet.load(directory, "bulk", Set.of());
        this.large = RecordSet.load(directory, "large", Set.of());
    }

    public static void main(String[] args) throws Exception {
        if (args[0].equals("member")) {
            Member.run(args[1], args[2], args[3], Arrays.asList(args).subList(4, args.length));
            return;
        }
        int failed;
        try (Clients clients = new Clients(args[1])) {
            failed = args[0].equals("suite") ? new Suite(clients, args[2], args[3]).run()
                : verify(clients, args[2], Arrays.asList(args).subList(3, args.length));
        }
        System.exit(failed == 0 ? 0 : 1);
    }

    static boolean has(Class<?> type, String method) {
        return Arrays.stream(type.getMethods()).anyMatch(known -> known.getName().equals(method));
    }

    private static int verify(Clients clients, String directory, List<String> topics) {
        Checks checks = new Checks();
        for (String argument : topics) {
            String[] part = argument.split(":", -1);
            String topic = part[0];
            checks.run("reads " + topic, () -> {
                RecordSet set = RecordSet.load(directory, part[1], Set.of(part[2].split(",")));
                set.compare(clients.consume(topic, BEGINNING, set.records.size(), Map.of()), BEGINNING, true);
                return set.records.size() + " records";
            });
        }
        return checks.failed();
    }

    private int run() {
        checks.run("metadata", this::metadata);
        checks.run("topic create, describe, delete", this::topics);
        checks.run("topic configs", this::configs);
        checks.run("broker configs", this::brokerConfigs);
        checks.run("partitions add", this::morePartitions);
        for (String codec : CODECS) {
            checks.run("canonical records, " + codec, () -> oneCodec(codec));
        }
        checks.run("thousands of records, idempotent", this::thousands);
        checks.run("consume from offsets", () -> readBack(prefix + "-bulk", bulk, Map.of(0, 500L, 1, 1234L, 2, 1999L)));
        checks.run("consume from timestamps", this::fromTimestamps);
        checks.run("first and last offsets", this::watermarks);
        checks.run("small fetches", this::smallFetches);
        checks.run("large records", this::largeRecords);
        checks.run("acks 1 and 0", this::weakerAcks);
        checks.run("record too large", this::tooLarge);
        checks.run("log append time", this::logAppendTime);
        checks.run("log directories", this::logDirectories);
        if (has(Admin.class, "describeProducers")) {
            checks.run("producers of a partition", this::producers);
        }
        checks.run("offset out of range", this::outOfRange);
        checks.run("delete records", this::deleteRecords);
        return checks.failed();
    }

    private String topic(String name, Map<String, String> configs) throws Exception {
        String full = prefix + "-" + name;
        Map<String, String> all = new HashMap<>(Map.of("retention.ms", "-1"));
        all.putAll(configs);
        clients.create(full, 3, all);
        Checks.eventually(Set.of(0, 1, 2), () -> clients.partitions(full));
        return full;
    }

    private Object readBack(String topic, RecordSet set, Map<Integer, Long> start) {
        return readBack(topic, set, start, Map.of());
    }

    private Object readBack(String topic, RecordSet set, Map<Integer, Long> start, Map<String, Object> options) {
        set.compare(clients.consume(topic, start, set.countFrom(start), options), start, true);
        return set.countFrom(start) + " records";
    }

    private Object metadata() throws Exception {
        DescribeClusterResult cluster = clients.admin.describeCluster();
        Checks.expect(!cluster.nodes().get().isEmpty(), "no nodes");
        Checks.expect(cluster.nodes().get().contains(cluster.controller().get()), "controller is not a node");
        Checks.expect(!cluster.clusterId().get().isEmpty(), "no cluster id");
        return cluster.nodes().get();
    }

    private Object topics() throws Exception {
        String name = topic("admin", Map.of());
        Checks.expectError("TopicExistsException", () -> {
            clients.create(name, 3, Map.of());
            return "created";
        });
        Checks.expectError("InvalidTopicException", () -> {
            clients.create("not a topic!", 1, Map.of());
            return "created";
        });
        Checks.expectError("InvalidReplicationFactorException", () -> clients.admin.createTopics(List.of(
            new NewTopic(prefix + "-copies", 1, (short) 3))).all().get());
        Checks.expect(clients.admin.listTopics().names().get().contains(name), "a new topic is not listed");
        clients.admin.deleteTopics(List.of(name)).all().get();
        Checks.eventually(false, () -> clients.admin.listTopics().names().get().contains(name));
        Checks.expectError("UnknownTopicOrPartitionException", () -> clients.partitions(name));
        return name;
    }

    private Object configs() throws Exception {
        String name = topic("configs", Map.of("segment.bytes", "104857600"));
        ConfigResource resource = Clients.topicResource(name);
        Map<String, String> wanted = clients.configs(resource);
        wanted.putAll(Map.of("retention.ms", "-1", "segment.bytes", "104857600", "cleanup.policy", "delete"));
        Checks.eventually(wanted, () -> clients.configs(resource));
        clients.alter(name, OpType.SET, "retention.ms", "3600000");
        clients.alter(name, OpType.APPEND, "cleanup.policy", "compact");
        wanted.putAll(Map.of("retention.ms", "3600000", "cleanup.policy", "delete,compact"));
        Checks.eventually(wanted, () -> clients.configs(resource));
        clients.alter(name, OpType.SUBTRACT, "cleanup.policy", "delete");
        clients.alter(name, OpType.DELETE, "retention.ms", null);
        wanted.putAll(Map.of("retention.ms", "604800000", "cleanup.policy", "compact"));
        Checks.eventually(wanted, () -> clients.configs(resource));
        Checks.expectError("InvalidConfigurationException", () -> {
            clients.alter(name, OpType.SET, "retention.ms", "soon");
            return "altered";
        });
        if (has(Admin.class, "alterConfigs")) {
            clients.replaceConfigs(name, Map.of("retention.ms", "7200000"));
            wanted.putAll(Map.of("retention.ms", "7200000", "cleanup.policy", "delete", "segment.bytes", "1073741824"));
            Checks.eventually(wanted, () -> clients.configs(resource));
        }
        return wanted.size() + " configs";
    }

    private Object brokerConfigs() throws Exception {
        String node = clients.admin.describeCluster().nodes().get().iterator().next().idString();
        Map<String, String> configs = clients.configs(new ConfigResource(ConfigResource.Type.BROKER, node));
        for (String key : List.of("log.retention.hours", "num.partitions", "auto.create.topics.enable", "message.max.bytes")) {
            Checks.expect(configs.get(key) != null, "no " + key);
        }
        return configs.size() + " configs";
    }

    private Object morePartitions() throws Exception {
        String name = topic("grows", Map.of());
        clients.addPartitions(name, 5);
        Checks.eventually(Set.of(0, 1, 2, 3, 4), () -> clients.partitions(name));
        Checks.expectError("InvalidPartitionsException", () -> {
            clients.addPartitions(name, 2);
            return "shrunk";
        });
        return name;
    }

    private Object oneCodec(String codec) throws Exception {
        String topic = topic(codec, Map.of());
        Map<Integer, Long> next = new HashMap<>(BEGINNING);
        for (RecordMetadata answer : clients.produce(topic, canonical, Map.of("compression.type", codec))) {
            long offset = next.merge(answer.partition(), 1L, Long::sum) - 1;
            Checks.expect(answer.offset() == offset, "acknowledged at " + answer.offset() + ", not " + offset);
        }
        System.out.printf("{\"wrote\": %s, \"set\": \"canonical\", \"without\": []}%n", Checks.quoted(topic));
        return readBack(topic, canonical, BEGINNING);
    }

    private Object thousands() throws Exception {
        String topic = topic("bulk", Map.of());
        clients.produce(topic, bulk, Map.of("enable.idempotence", true, "compression.type", "zstd", "batch.size", 4000));
        return readBack(topic, bulk, BEGINNING, Map.of("isolation.level", "read_committed"));
    }

    private Object fromTimestamps() {
        String topic = prefix + "-bulk";
        long moment = bulk.records.get(3001).timestamp() - 5;
        Map<Integer, Long> wanted = new TreeMap<>();
        for (int partition = 0; partition < 3; partition++) {
            List<ProducerRecord<byte[], byte[]>> mine = bulk.of(partition);
            wanted.put(partition, mine.stream().filter(record -> record.timestamp() < moment).count());
        }
        Map<Integer, Long> start = clients.offsetsForTime(topic, moment);
        Checks.expect(start.equals(wanted), "offsets for " + moment + ": expected " + wanted + ", got " + start);
        long after = bulk.records.get(bulk.records.size() - 1).timestamp() + 1;
        Map<Integer, Long> ended = clients.offsetsForTime(topic, after);
        Checks.expect(ended.values().stream().allMatch(offset -> offset == null), "after the end: " + ended);
        return readBack(topic, bulk, start);
    }

    private Object watermarks() throws Exception {
        String topic = prefix + "-bulk";
        clients.offsets(topic, OffsetSpec.earliest()).forEach((part, info) ->
            Checks.expect(info.offset() == 0, "earliest of " + part + ": " + info));
        clients.offsets(topic, OffsetSpec.latest()).forEach((part, info) ->
            Checks.expect(info.offset() == 2000, "latest of " + part + ": " + info));
        if (has(OffsetSpec.class, "maxTimestamp")) {
            OffsetSpec newest = (OffsetSpec) OffsetSpec.class.getMethod("maxTimestamp").invoke(null);
            for (Map.Entry<Integer, ListOffsetsResultInfo> at : clients.offsets(topic, newest).entrySet()) {
                long timestamp = bulk.of(at.getKey()).get(1999).timestamp();
                Checks.expect(at.getValue().offset() == 1999 && at.getValue().timestamp() == timestamp,
                    "newest of " + at.getKey() + ": " + at.getValue());
            }
        }
        return "0 to 2000";
    }

    private Object smallFetches() {
        return readBack(prefix + "-bulk", bulk, Map.of(0, 1000L, 1, 1000L),
            Map.of("max.partition.fetch.bytes", 1, "fetch.max.bytes", 1, "max.poll.records", 50));
    }

    private Object largeRecords() throws Exception {
        String topic = topic("large", Map.of());
        clients.produce(topic, large, Map.of());
        clients.produce(topic, large, Map.of("compression.type", "zstd"));
        return readBack(topic, large.twice(), BEGINNING);
    }

    private Object weakerAcks() throws Exception {
        String topic = topic("acks", Map.of());
        RecordSet some = canonical.valuesBelow(1000);
        clients.produce(topic, some, Map.of("acks", "1"));
        clients.produce(topic, some, Map.of("acks", "0"));
        return readBack(topic, some.twice(), BEGINNING);
    }

    private Object tooLarge() throws Exception {
        String topic = topic("too-large", Map.of("max.message.bytes", "1000"));
        Checks.expectError("RecordTooLargeException", () -> clients.produce(topic, large.first(1), Map.of()));
        clients.produce(topic, bulk.first(1), Map.of());
        return readBack(topic, bulk.first(1), BEGINNING);
    }

    private Object logAppendTime() throws Exception {
        String topic = topic("append-time", Map.of("message.timestamp.type", "LogAppendTime"));
        long before = System.currentTimeMillis() - 1000;
        List<RecordMetadata> answers = clients.produce(topic, bulk.first(30), Map.of("compression.type", "lz4"));
        List<ConsumerRecord<byte[], byte[]>> got = clients.consume(topic, BEGINNING, 30, Map.of());
        long after = System.currentTimeMillis() + 1000;
        bulk.first(30).compare(got, BEGINNING, false);
        for (ConsumerRecord<byte[], byte[]> record : got) {
            Checks.expect(record.timestampType() == TimestampType.LOG_APPEND_TIME, "type " + record.timestampType());
            Checks.expect(before <= record.timestamp() && record.timestamp() <= after, "time " + record.timestamp());
            Checks.expect(answers.stream().anyMatch(answer -> answer.partition() == record.partition()
                && answer.offset() == record.offset() && answer.timestamp() == record.timestamp()),
                "the producer was told another time than " + record);
        }
        return got.get(0).timestamp();
    }

    private Object logDirectories() throws Exception {
        int node = clients.admin.describeCluster().nodes().get().iterator().next().id();
        long size = clients.admin.describeLogDirs(List.of(node)).descriptions().get(node).get().values().stream()
            .flatMap(directory -> directory.replicaInfos().entrySet().stream())
            .filter(replica -> replica.getKey().topic().equals(prefix + "-large"))
            .mapToLong(replica -> replica.getValue().size()).sum();
        Checks.expect(size > 3 * 900 * 1024, "size " + size);
        return size + " bytes";
    }

    /** `describeProducers` came after 2.8. */
    private Object producers() throws Exception {
        TopicPartition part = new TopicPartition(prefix + "-bulk", 0);
        Object result = Admin.class.getMethod("describeProducers", Collection.class).invoke(clients.admin, List.of(part));
        Object state = result.getClass().getMethod("partitionResult", TopicPartition.class).invoke(result, part);
        String text = ((Future<?>) state).get().toString();
        Checks.expect(text.split("lastSequence=1999").length == 2, text);
        return text;
    }

    private Object outOfRange() throws Exception {
        Checks.expectError("OffsetOutOfRangeException",
            () -> clients.consume(prefix + "-bulk", Map.of(0, 5000L), 1, Map.of()));
        return clients.consume(prefix + "-bulk", Map.of(0, 5000L), 1, Map.of("auto.offset.reset", "earliest"))
            .get(0).offset();
    }

    private Object deleteRecords() throws Exception {
        String topic = prefix + "-bulk";
        clients.deleteRecords(topic, 0, 100);
        Checks.expect(clients.offsets(topic, OffsetSpec.earliest()).get(0).offset() == 100, "earliest is not 100");
        Checks.expectError("OffsetOutOfRangeException", () -> clients.consume(topic, Map.of(0, 99L), 1, Map.of()));
        return readBack(topic, bulk, Map.of(0, 100L, 1, 1990L));
    }
}
