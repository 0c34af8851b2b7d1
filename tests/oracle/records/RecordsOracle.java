import java.io.DataOutputStream;
import java.io.IOException;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.errors.CorruptRecordException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.MutableRecordBatch;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.record.internal.SimpleRecord;
import org.apache.kafka.common.requests.ProduceRequest;
import org.apache.kafka.common.requests.ProduceResponse;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.common.utils.internals.BufferSupplier;
import org.apache.kafka.common.utils.internals.ByteBufferOutputStream;
import org.apache.kafka.common.utils.internals.PrimitiveRef;
import org.apache.kafka.storage.internals.log.AppendOrigin;
import org.apache.kafka.storage.internals.log.LogValidator;
import org.apache.kafka.storage.internals.log.RecordValidationException;

/**
 * Kafka's own record formats, asked over pipes. Package names are those of Kafka 4.4; for 3.9 the test takes out the "internal"
 * and "internals" below. What else differs goes through reflection.
 */
public final class RecordsOracle {
    private static final byte BUILD = 1, READ = 2, DOWN_CONVERT = 3, FILTER = 4, VALIDATE = 5;

    public static void main(String[] arguments) throws Exception {
        Questions.answerAll(RecordsOracle::answer);
    }

    private static void answer(ByteBuffer question, DataOutputStream to) throws Exception {
        byte kind = question.get();
        switch (kind) {
            case BUILD: Questions.put(build(question), to); break;
            case READ: read(MemoryRecords.readableRecords(Questions.take(question)), to); break;
            case DOWN_CONVERT: Questions.put(downConvert(question), to); break;
            case FILTER: Questions.put(filter(question), to); break;
            case VALIDATE: validate(question, to); break;
            default: throw new IllegalArgumentException("kind " + kind);
        }
    }

    private static ByteBuffer build(ByteBuffer from) {
        byte magic = from.get();
        Compression compression = compression(from.get(), from.getInt());
        TimestampType timestampType = from.get() == 1 ? TimestampType.LOG_APPEND_TIME : TimestampType.CREATE_TIME;
        long baseOffset = from.getLong(), logAppendTime = from.getLong(), producerId = from.getLong();
        short producerEpoch = from.getShort();
        int baseSequence = from.getInt();
        boolean isTransactional = from.get() == 1, isControl = from.get() == 1;
        int leaderEpoch = from.getInt();
        long deleteHorizon = from.getLong();
        MemoryRecordsBuilder builder = new MemoryRecordsBuilder(new ByteBufferOutputStream(1024), magic, compression,
            timestampType, baseOffset, logAppendTime, producerId, producerEpoch, baseSequence, isTransactional, isControl,
            leaderEpoch, 1024, deleteHorizon);
        for (int left = from.getInt(); left > 0; left--) {
            long offset = from.getLong();
            SimpleRecord record = new SimpleRecord(from.getLong(), Questions.takeNullable(from),
                Questions.takeNullable(from), headers(from));
            if (isControl)
                builder.appendControlRecordWithOffset(offset, record);
            else
                builder.appendWithOffset(offset, record);
        }
        return builder.build().buffer();
    }

    private static Compression compression(byte id, int level) {
        boolean isDefault = level == Integer.MIN_VALUE;
        switch (CompressionType.forId(id)) {
            case GZIP: return isDefault ? Compression.gzip().build() : Compression.gzip().level(level).build();
            case SNAPPY: return Compression.snappy().build();
            case LZ4: return isDefault ? Compression.lz4().build() : Compression.lz4().level(level).build();
            case ZSTD: return isDefault ? Compression.zstd().build() : Compression.zstd().level(level).build();
            default: return Compression.NONE;
        }
    }

    private static void read(MemoryRecords records, DataOutputStream to) throws IOException {
        List<MutableRecordBatch> batches = new ArrayList<>();
        records.batches().forEach(batches::add);
        to.writeInt(batches.size());
        for (MutableRecordBatch batch : batches) {
            batch.ensureValid();
            to.writeByte(batch.magic());
            to.writeByte(batch.compressionType().id);
            to.writeByte(batch.timestampType().id);
            to.writeLong(batch.baseOffset());
            to.writeLong(batch.lastOffset());
            to.writeLong(batch.maxTimestamp());
            to.writeLong(batch.producerId());
            to.writeShort(batch.producerEpoch());
            to.writeInt(batch.baseSequence());
            to.writeInt(batch.lastSequence());
            to.writeBoolean(batch.isTransactional());
            to.writeBoolean(batch.isControlBatch());
            to.writeInt(batch.partitionLeaderEpoch());
            to.writeLong(batch.deleteHorizonMs().orElse(-1));
            to.writeInt(batch.sizeInBytes());
            List<Record> all = new ArrayList<>();
            batch.forEach(all::add);
            to.writeInt(all.size());
            for (Record record : all) {
                // The checksum of each message within a wrapper.
                record.ensureValid();
                to.writeLong(record.offset());
                to.writeLong(record.timestamp());
                Questions.putNullable(record.key(), to);
                Questions.putNullable(record.value(), to);
                to.writeInt(record.headers().length);
                for (Header header : record.headers()) {
                    Questions.put(ByteBuffer.wrap(header.key().getBytes("UTF-8")), to);
                    Questions.putNullable(header.value() == null ? null : ByteBuffer.wrap(header.value()), to);
                }
            }
        }
    }

    /** Gone in Kafka 4. */
    private static ByteBuffer downConvert(ByteBuffer from) throws Exception {
        byte magic = from.get();
        long firstOffset = from.getLong();
        MemoryRecords records = MemoryRecords.readableRecords(Questions.take(from));
        Method method = MemoryRecords.class.getMethod("downConvert", byte.class, long.class, Time.class);
        Object converted = method.invoke(records, magic, firstOffset, Time.SYSTEM);
        return ((MemoryRecords) converted.getClass().getMethod("records").invoke(converted)).buffer();
    }

    private static ByteBuffer filter(ByteBuffer from) throws Exception {
        long horizon = from.getLong();
        Set<Long> kept = new HashSet<>();
        for (int left = from.getInt(); left > 0; left--)
            kept.add(from.getLong());
        MemoryRecords records = MemoryRecords.readableRecords(Questions.take(from));
        MemoryRecords.RecordFilter filter = new MemoryRecords.RecordFilter(horizon, 0) {
            @Override
            protected BatchRetentionResult checkBatchRetention(RecordBatch batch) {
                return new BatchRetentionResult(BatchRetention.RETAIN_EMPTY, false);
            }

            @Override
            protected boolean shouldRetainRecord(RecordBatch batch, Record record) {
                return kept.contains(record.offset());
            }
        };
        ByteBuffer space = ByteBuffer.allocate(1 << 20);
        MemoryRecords.FilterResult result = null;
        for (Method method : MemoryRecords.class.getMethods()) {
            if (!method.getName().equals("filterTo"))
                continue;
            Object[] values = new Object[method.getParameterCount()];
            for (int index = 0; index < values.length; index++) {
                Class<?> type = method.getParameterTypes()[index];
                values[index] = type == TopicPartition.class ? new TopicPartition("orders", 3)
                    : type == ByteBuffer.class ? space
                    : type == int.class ? (Object) Integer.MAX_VALUE
                    : type == BufferSupplier.class ? BufferSupplier.NO_CACHING
                    : filter;
            }
            result = (MemoryRecords.FilterResult) method.invoke(records, values);
        }
        ByteBuffer output = result.outputBuffer();
        output.flip();
        return output;
    }

    /** What a broker does with the records of one partition of a Produce request, before it looks at the producer's state. */
    private static void validate(ByteBuffer from, DataOutputStream to) throws Exception {
        short version = from.getShort();
        byte target = from.get();
        boolean isCompacted = from.get() == 1;
        TimestampType timestampType = from.get() == 1 ? TimestampType.LOG_APPEND_TIME : TimestampType.CREATE_TIME;
        long before = from.getLong(), after = from.getLong(), now = from.getLong(), baseOffset = from.getLong();
        int leaderEpoch = from.getInt(), maxMessageBytes = from.getInt();
        ByteBuffer sent = Questions.take(from);
        Throwable failure = null;
        List<ProduceResponse.RecordError> recordErrors = List.of();
        ByteBuffer appended = ByteBuffer.allocate(0);
        try {
            MemoryRecords records = MemoryRecords.readableRecords(sent);
            // For older versions, which Kafka 4 does not serve, a broker of 3.9 looks at nothing here.
            if (version >= 3)
                ProduceRequest.validateRecords(version, records);
            CompressionType source = analyze(records, maxMessageBytes);
            Compression compression = target < 0 ? compression(source.id, Integer.MIN_VALUE)
                : compression(target, Integer.MIN_VALUE);
            Object[] arguments = {records, new TopicPartition("orders", 3), at(now), source, compression,
                isCompacted, RecordBatch.CURRENT_MAGIC_VALUE, timestampType, before, after, leaderEpoch,
                AppendOrigin.CLIENT};
            appended = validated(arguments, baseOffset).buffer();
        } catch (RecordValidationException invalid) {
            failure = invalid.invalidException();
            recordErrors = invalid.recordErrors();
        } catch (Throwable other) {
            failure = other;
        }
        to.writeShort(failure == null ? 0 : Errors.forException(failure).code());
        Questions.put(failure == null ? "" : String.valueOf(failure.getMessage()), to);
        to.writeInt(recordErrors.size());
        for (ProduceResponse.RecordError error : recordErrors) {
            to.writeInt(error.batchIndex);
            Questions.put(error.message, to);
        }
        Questions.put(appended, to);
    }

    /** UnifiedLog.analyzeAndValidateRecords. */
    private static CompressionType analyze(MemoryRecords records, int maxMessageBytes) {
        CompressionType source = CompressionType.NONE;
        for (MutableRecordBatch batch : records.batches()) {
            if (batch.sizeInBytes() > maxMessageBytes)
                throw new RecordTooLargeException("The record batch size in the append to orders-3 is "
                    + batch.sizeInBytes() + " bytes which exceeds the maximum configured value of " + maxMessageBytes + ".");
            if (!batch.isValid())
                throw new CorruptRecordException("Record is corrupt");
            if (batch.compressionType() != CompressionType.NONE)
                source = batch.compressionType();
        }
        return source;
    }

    private static MemoryRecords validated(Object[] arguments, long baseOffset) throws Throwable {
        Object result;
        try {
            result = validator(arguments).validateMessagesAndAssignOffsets(PrimitiveRef.ofLong(baseOffset),
                new NoMetrics(), BufferSupplier.NO_CACHING);
        } catch (InvocationTargetException wrapped) {
            throw wrapped.getCause();
        }
        try {
            return (MemoryRecords) result.getClass().getField("validatedRecords").get(result);
        } catch (NoSuchFieldException newer) {
            return (MemoryRecords) result.getClass().getMethod("validatedRecords").invoke(result);
        }
    }

    /** Kafka 3.9 wants the protocol version between brokers as well. */
    private static LogValidator validator(Object[] arguments) throws Exception {
        for (Constructor<?> constructor : LogValidator.class.getConstructors()) {
            int count = constructor.getParameterCount();
            if (count == arguments.length)
                return (LogValidator) constructor.newInstance(arguments);
            Class<?> last = constructor.getParameterTypes()[count - 1];
            if (count == arguments.length + 1 && last.getSimpleName().equals("MetadataVersion")) {
                Object[] more = Arrays.copyOf(arguments, count);
                more[count - 1] = last.getMethod("latestTesting").invoke(null);
                return (LogValidator) constructor.newInstance(more);
            }
        }
        throw new NoSuchMethodException("LogValidator");
    }

    /** A clock that stands still. */
    private static Time at(long now) {
        return (Time) Proxy.newProxyInstance(Time.class.getClassLoader(), new Class<?>[] {Time.class},
            (proxy, method, values) -> method.getName().equals("milliseconds") ? now : 0L);
    }

    private static final class NoMetrics implements LogValidator.MetricsRecorder {
        @Override
        public void recordInvalidMagic() { }

        @Override
        public void recordInvalidOffset() { }

        @Override
        public void recordInvalidSequence() { }

        @Override
        public void recordInvalidChecksums() { }

        @Override
        public void recordNoKeyCompactedTopic() { }
    }

    private static Header[] headers(ByteBuffer from) {
        Header[] headers = new Header[from.getInt()];
        for (int index = 0; index < headers.length; index++)
            headers[index] = new RecordHeader(Questions.take(from), Questions.takeNullable(from));
        return headers;
    }
}
