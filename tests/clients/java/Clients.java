import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** The Java clients' calls that the suite needs; compiles against kafka-clients 2.8 to 4.x. */
final class Clients implements AutoCloseable {
    static final Duration WAIT = Duration.ofSeconds(30);
    private final String bootstrap;
    final Admin admin;

    Clients(String bootstrap) {
        this.bootstrap = bootstrap;
        this.admin = Admin.create(Map.of("bootstrap.servers", bootstrap, "default.api.timeout.ms", 30000));
    }

    @Override
    public void close() {
        admin.close(WAIT);
    }

    void create(String topic, int partitions, Map<String, String> configs) throws Exception {
        admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 1).configs(configs))).all().get();
    }

    /** The numbers of a topic's partitions, each of which must have a leader. */
    Set<Integer> partitions(String topic) throws Exception {
        Set<Integer> numbers = new TreeSet<>();
        describe(topic).partitions().forEach(part -> {
            Checks.expect(part.leader() != null && !part.isr().isEmpty(), "no leader: " + part);
            numbers.add(part.partition());
        });
        return numbers;
    }

    /** `all()` went with 4.0, `allTopicNames()` came with 3.1. */
    @SuppressWarnings("unchecked")
    private TopicDescription describe(String topic) throws Exception {
        Object result = admin.describeTopics(List.of(topic));
        String method = Suite.has(result.getClass(), "allTopicNames") ? "allTopicNames" : "all";
        Future<Map<String, TopicDescription>> all =
            (Future<Map<String, TopicDescription>>) result.getClass().getMethod(method).invoke(result);
        return all.get().get(topic);
    }

    void addPartitions(String topic, int total) throws Exception {
        admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(total))).all().get();
    }

    Map<String, String> configs(ConfigResource resource) throws Exception {
        Map<String, String> configs = new HashMap<>();
        admin.describeConfigs(List.of(resource)).all().get().get(resource).entries()
            .forEach(entry -> configs.put(entry.name(), entry.value()));
        return configs;
    }

    void alter(String topic, AlterConfigOp.OpType kind, String key, String value) throws Exception {
        admin.incrementalAlterConfigs(
            Map.of(topicResource(topic), List.of(new AlterConfigOp(new ConfigEntry(key, value), kind)))).all().get();
    }

    /** AlterConfigs as it was before KIP-339, which 4.0 dropped: sets all dynamic configs of the topic. */
    void replaceConfigs(String topic, Map<String, String> configs) throws Exception {
        Config all = new Config(configs.entrySet().stream()
            .map(entry -> new ConfigEntry(entry.getKey(), entry.getValue())).collect(Collectors.toList()));
        Object result = Admin.class.getMethod("alterConfigs", Map.class)
            .invoke(admin, Map.of(topicResource(topic), all));
        ((Future<?>) result.getClass().getMethod("all").invoke(result)).get();
    }

    static ConfigResource topicResource(String topic) {
        return new ConfigResource(ConfigResource.Type.TOPIC, topic);
    }

    void deleteRecords(String topic, int partition, long before) throws Exception {
        TopicPartition part = new TopicPartition(topic, partition);
        long low = admin.deleteRecords(Map.of(part, RecordsToDelete.beforeOffset(before)))
            .lowWatermarks().get(part).get().lowWatermark();
        Checks.expect(low == before, "low watermark " + low);
    }

    Map<Integer, ListOffsetsResultInfo> offsets(String topic, OffsetSpec spec) throws Exception {
        Map<TopicPartition, OffsetSpec> asked = new HashMap<>();
        for (int partition = 0; partition < 3; partition++) {
            asked.put(new TopicPartition(topic, partition), spec);
        }
        Map<Integer, ListOffsetsResultInfo> found = new TreeMap<>();
        admin.listOffsets(asked).all().get().forEach((part, info) -> found.put(part.partition(), info));
        return found;
    }

    /** Write the records and return what the broker said of each. */
    List<RecordMetadata> produce(String topic, RecordSet set, Map<String, Object> options) throws Exception {
        Map<String, Object> config = new HashMap<>(Map.of(
            "bootstrap.servers", bootstrap, "acks", "all", "enable.idempotence", false, "linger.ms", 20,
            "max.request.size", 4 << 20, "buffer.memory", 64L << 20, "request.timeout.ms", 20000,
            "delivery.timeout.ms", 30000));
        config.putAll(options);
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        try (KafkaProducer<byte[], byte[]> producer =
                 new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer())) {
            for (ProducerRecord<byte[], byte[]> record : set.records) {
                sent.add(producer.send(new ProducerRecord<>(topic, record.partition(), record.timestamp(),
                    record.key(), record.value(), record.headers())));
            }
        }
        List<RecordMetadata> answers = new ArrayList<>();
        for (Future<RecordMetadata> future : sent) {
            answers.add(future.get());
        }
        return answers;
    }

    KafkaConsumer<byte[], byte[]> consumer(Map<String, Object> options) {
        Map<String, Object> config = new HashMap<>(Map.of("bootstrap.servers", bootstrap,
            "auto.offset.reset", "none", "enable.auto.commit", false, "max.partition.fetch.bytes", 4 << 20));
        config.putAll(options);
        return new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    /** Consume by assignment from the starting offsets until so many records have come. */
    List<ConsumerRecord<byte[], byte[]>> consume(String topic, Map<Integer, Long> start, int count,
                                                 Map<String, Object> options) {
        List<ConsumerRecord<byte[], byte[]>> got = new ArrayList<>();
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(options)) {
            consumer.assign(start.keySet().stream().map(number -> new TopicPartition(topic, number))
                .collect(Collectors.toList()));
            start.forEach((number, offset) -> consumer.seek(new TopicPartition(topic, number), offset));
            long limit = System.nanoTime() + WAIT.toNanos();
            while (got.size() < count) {
                Checks.expect(System.nanoTime() < limit, got.size() + " of " + count + " records came");
                consumer.poll(Duration.ofMillis(500)).forEach(got::add);
            }
        }
        return got;
    }

    /** The first offset of each partition at or after a moment; null where there is none. */
    Map<Integer, Long> offsetsForTime(String topic, long moment) {
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(Map.of())) {
            Map<TopicPartition, Long> asked = new HashMap<>();
            for (int partition = 0; partition < 3; partition++) {
                asked.put(new TopicPartition(topic, partition), moment);
            }
            Map<Integer, Long> found = new TreeMap<>();
            for (Map.Entry<TopicPartition, OffsetAndTimestamp> at : consumer.offsetsForTimes(asked).entrySet()) {
                found.put(at.getKey().partition(), at.getValue() == null ? null : at.getValue().offset());
            }
            return found;
        }
    }
}
