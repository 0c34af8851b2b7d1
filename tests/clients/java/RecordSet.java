import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;

/** Reading the record files and comparing what comes back; see ../records.py for the format. */
final class RecordSet {
    /** The records of a file, in its order. */
    final List<ProducerRecord<byte[], byte[]>> records;

    private RecordSet(List<ProducerRecord<byte[], byte[]>> records) {
        this.records = records;
    }

    /** The records of one file, but for those that carry one of the tags. */
    static RecordSet load(String directory, String name, Set<String> without) throws IOException {
        List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
        for (String line : Files.readAllLines(Path.of(directory, name + ".tsv"), StandardCharsets.US_ASCII)) {
            String[] field = line.split("\t", -1);
            if (Collections.disjoint(Arrays.asList(field[5].split(",")), without)) {
                records.add(new ProducerRecord<>("", Integer.parseInt(field[0]), Long.parseLong(field[1]),
                    bytes(field[2]), bytes(field[3]), headers(field[4])));
            }
        }
        return new RecordSet(records);
    }

    RecordSet first(int count) {
        return new RecordSet(records.subList(0, count));
    }

    RecordSet valuesBelow(int size) {
        List<ProducerRecord<byte[], byte[]>> small = new ArrayList<>(records);
        small.removeIf(record -> record.value() != null && record.value().length >= size);
        return new RecordSet(small);
    }

    RecordSet twice() {
        List<ProducerRecord<byte[], byte[]>> both = new ArrayList<>(records);
        both.addAll(records);
        return new RecordSet(both);
    }

    /** The records of a partition, each at its offset. */
    List<ProducerRecord<byte[], byte[]>> of(int partition) {
        List<ProducerRecord<byte[], byte[]>> mine = new ArrayList<>(records);
        mine.removeIf(record -> record.partition() != partition);
        return mine;
    }

    /** How many records lie at or after the starting offsets. */
    int countFrom(Map<Integer, Long> start) {
        return start.entrySet().stream().mapToInt(at -> of(at.getKey()).size() - at.getValue().intValue()).sum();
    }

    /** Compare field by field and in order within each partition; throws at the first difference. */
    void compare(List<ConsumerRecord<byte[], byte[]>> got, Map<Integer, Long> start, boolean timestamps) {
        Map<Integer, Long> next = new HashMap<>(start);
        for (ConsumerRecord<byte[], byte[]> have : got) {
            String at = "partition " + have.partition() + " offset " + have.offset();
            long offset = next.merge(have.partition(), 1L, Long::sum) - 1;
            same(at + " offset", offset, have.offset());
            ProducerRecord<byte[], byte[]> want = of(have.partition()).get((int) offset);
            same(at + " key", want.key(), have.key());
            same(at + " value", want.value(), have.value());
            same(at + " headers", want.headers().toArray(), have.headers().toArray());
            if (timestamps) {
                same(at + " timestamp", want.timestamp(), have.timestamp());
            }
        }
        same("number of records", countFrom(start), got.size());
    }

    private static void same(String what, Object want, Object have) {
        if (!Objects.deepEquals(want, have)) {
            throw new AssertionError(what + ": expected " + brief(want) + ", got " + brief(have));
        }
    }

    private static String brief(Object value) {
        String text = value instanceof byte[] ? Arrays.toString((byte[]) value)
            : value instanceof Header[] ? Arrays.toString((Header[]) value) : String.valueOf(value);
        return text.length() <= 80 ? text : text.substring(0, 80) + "...";
    }

    private static List<Header> headers(String text) {
        List<Header> headers = new ArrayList<>();
        for (String pair : text.equals("-") ? new String[0] : text.split(",")) {
            String[] part = pair.split(":", -1);
            headers.add(new RecordHeader(new String(bytes(part[0]), StandardCharsets.UTF_8), bytes(part[1])));
        }
        return headers;
    }

    private static byte[] bytes(String text) {
        if (text.equals("-")) {
            return null;
        }
        byte[] bytes = new byte[text.length() / 2];
        for (int at = 0; at < bytes.length; at++) {
            bytes[at] = (byte) Integer.parseInt(text.substring(2 * at, 2 * at + 2), 16);
        }
        return bytes;
    }
}
