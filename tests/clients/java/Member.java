import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** One member of one group; it tells what it does, see ../groups/ledger.py. */
final class Member implements ConsumerRebalanceListener {
    private static final int SESSION = 6000;
    private static final int STATIC_SESSION = 30000;
    private static final Map<String, String> ASSIGNORS = Map.of("range", "Range", "cooperative-sticky", "CooperativeSticky", "static", "Range");
    private final String way;
    private final List<String> topics;
    private final AtomicBoolean leaving;
    private final KafkaConsumer<byte[], byte[]> consumer;
    private final TreeSet<String> owned = new TreeSet<>();

    private Member(String bootstrap, String name, List<String> topics, String way, String group, AtomicBoolean leaving) {
        this.way = way;
        this.topics = topics;
        this.leaving = leaving;
        Map<String, Object> config = new HashMap<>(Map.of("bootstrap.servers", bootstrap, "group.id", group,
            "auto.offset.reset", "earliest", "enable.auto.commit", false, "reconnect.backoff.max.ms", 200));
        if (way.endsWith("consumer")) {
            config.put("group.protocol", "consumer");
        } else {
            config.putAll(Map.of("session.timeout.ms", way.equals("static") ? STATIC_SESSION : SESSION, "heartbeat.interval.ms", 500,
                "partition.assignment.strategy", "org.apache.kafka.clients.consumer." + ASSIGNORS.get(way) + "Assignor"));
        }
        if (way.startsWith("static")) {
            config.put("group.instance.id", name);
        }
        consumer = new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    /** Be a member in each group, `WAY=GROUP`, until standard input ends. */
    static void run(String bootstrap, String name, String topics, List<String> groups) throws Exception {
        AtomicBoolean leaving = new AtomicBoolean();
        List<Thread> threads = new ArrayList<>();
        for (String pair : groups) {
            String[] part = pair.split("=");
            Thread thread = new Thread(() -> {
                try {
                    new Member(bootstrap, name, Arrays.asList(topics.split(",")), part[0], part[1], leaving).takePart();
                } catch (Exception error) {
                    error.printStackTrace();
                    tell(part[0], "failed", Checks.quoted(error.toString()));
                }
            });
            thread.start();
            threads.add(thread);
        }
        while (System.in.read() >= 0) {
            continue;
        }
        leaving.set(true);
        for (Thread thread : threads) {
            thread.join();
        }
    }

    private void takePart() {
        try (consumer) {
            consumer.subscribe(topics, this);
            while (!leaving.get()) {
                ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofMillis(100));
                if (!records.isEmpty()) {
                    got(records);
                    commit(records);
                }
            }
        }
    }

    private void got(ConsumerRecords<byte[], byte[]> records) {
        tell(way, "got", records.partitions().stream().map(part -> Checks.quoted(part.toString()) + ": "
            + records.records(part).stream().map(ConsumerRecord::offset).collect(Collectors.toList()))
            .collect(Collectors.joining(", ", "{", "}")));
    }

    private void commit(ConsumerRecords<byte[], byte[]> records) {
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        records.forEach(record -> offsets.put(new TopicPartition(record.topic(), record.partition()),
            new OffsetAndMetadata(record.offset() + 1)));
        try {
            consumer.commitSync(offsets);
        } catch (KafkaException error) { // too late: the records are read again by whoever owns them then
            tell(way, "note", Checks.quoted(error.getClass().getSimpleName()));
            return;
        }
        tell(way, "committed", offsets.entrySet().stream().map(entry -> Checks.quoted(entry.getKey().toString()) + ": "
            + entry.getValue().offset()).collect(Collectors.joining(", ", "{", "}")));
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
        partitions.forEach(part -> owned.remove(part.toString()));
        tell(way, "owns", names());
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
        partitions.forEach(part -> owned.add(part.toString()));
        // In the new protocol the generation is the member's own epoch and says nothing of others.
        tell(way, "owns", names() + (way.endsWith("consumer") ? "" : ", \"generation\": " + consumer.groupMetadata().generationId()));
    }

    private String names() {
        return owned.stream().map(Checks::quoted).collect(Collectors.joining(", ", "[", "]"));
    }

    private static void tell(String way, String what, String json) {
        Instant now = Instant.now();
        synchronized (System.out) {
            System.out.printf("{\"way\": %s, \"at\": %d.%06d, \"%s\": %s}%n", Checks.quoted(way), now.getEpochSecond(),
                now.getNano() / 1000, what, json);
        }
    }
}
