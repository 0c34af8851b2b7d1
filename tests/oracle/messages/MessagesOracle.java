import java.io.DataOutputStream;
import java.lang.reflect.Field;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;

import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.message.RequestHeaderData;
import org.apache.kafka.common.message.ResponseHeaderData;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.apache.kafka.common.protocol.types.BoundField;
import org.apache.kafka.common.protocol.types.RawTaggedField;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.Struct;
import org.apache.kafka.common.protocol.types.TaggedFields;
import org.apache.kafka.common.protocol.types.Type;
import org.apache.kafka.common.record.internal.MemoryRecords;

/**
 * Kafka's own message classes, asked over pipes. A question names its kind, whether it is about requests, and the number of
 * the API. Package names are those of Kafka 4.4; for 3.9 the test takes out the "internal" below.
 */
public final class MessagesOracle {
    private static final byte VERSIONS = 1, COPY = 2, GENERATE = 3;
    private static final int[] SYMBOLS = {'a', 'z', '.', '-', '_', '0', 'ä', '水', 0x1f980};

    private final ApiMessageType api;
    private final boolean isRequest;
    private final short version;

    private MessagesOracle(ApiMessageType api, boolean isRequest, short version) {
        this.api = api;
        this.isRequest = isRequest;
        this.version = version;
    }

    public static void main(String[] arguments) throws Exception {
        Questions.answerAll(MessagesOracle::answer);
    }

    private static void answer(ByteBuffer question, DataOutputStream to) throws Exception {
        byte kind = question.get();
        boolean isRequest = question.get() == 1;
        ApiMessageType api = ApiMessageType.fromApiKey(question.getShort());
        if (kind == VERSIONS) {
            ApiMessage message = isRequest ? api.newRequest() : api.newResponse();
            to.writeShort(message.lowestSupportedVersion());
            to.writeShort(message.highestSupportedVersion());
            return;
        }
        MessagesOracle oracle = new MessagesOracle(api, isRequest, question.getShort());
        if (kind == COPY) {
            for (int frame = 0; question.hasRemaining(); frame++)
                Questions.put(oracle.copy(Questions.take(question), frame), to);
            return;
        }
        Random random = new Random(question.getLong());
        for (int left = question.getInt(); left > 0; left--) {
            ByteBuffer frame = oracle.generate(random);
            Questions.put(frame, to);
            Questions.put(oracle.copy(frame.duplicate(), left), to);
        }
    }

    private short headerVersion() {
        return isRequest ? api.requestHeaderVersion(version) : api.responseHeaderVersion(version);
    }

    /** Reads a whole frame into the classes of header and body, and writes them again. */
    private ByteBuffer copy(ByteBuffer frame, int number) {
        ApiMessage header = isRequest ? new RequestHeaderData() : new ResponseHeaderData();
        ApiMessage body = isRequest ? api.newRequest() : api.newResponse();
        ByteBufferAccessor from = new ByteBufferAccessor(frame);
        try {
            header.read(from, headerVersion());
            body.read(from, version);
            if (frame.hasRemaining())
                throw new IllegalArgumentException(frame.remaining() + " bytes are left over");
            ObjectSerializationCache cache = new ObjectSerializationCache();
            int size = header.size(cache, headerVersion()) + body.size(cache, version);
            ByteBufferAccessor to = new ByteBufferAccessor(ByteBuffer.allocate(size));
            header.write(to, cache, headerVersion());
            body.write(to, cache, version);
            to.flip();
            return to.buffer();
        } catch (RuntimeException failure) {
            throw new IllegalArgumentException("frame " + number + ": " + failure + "; " + header + "; " + body, failure);
        }
    }

    /**
     * A random frame, written by the schemas of the version, which are another part of Kafka than the classes: fields with a
     * tag stand there even with the value that the classes leave out, and unknown ones between them.
     */
    private ByteBuffer generate(Random random) throws ReflectiveOperationException {
        Schema[] schemas = isRequest ? api.requestSchemas() : api.responseSchemas();
        Struct body = struct(schemas[version], random);
        Struct header = header(random);
        ByteBuffer frame = ByteBuffer.allocate(header.sizeOf() + body.sizeOf());
        header.writeTo(frame);
        body.writeTo(frame);
        frame.flip();
        return frame;
    }

    private Struct header(Random random) throws ReflectiveOperationException {
        if (isRequest)
            return struct(RequestHeaderData.SCHEMAS[headerVersion()], random)
                .set("request_api_key", api.apiKey())
                .set("request_api_version", version);
        Struct header = new Struct(ResponseHeaderData.SCHEMAS[headerVersion()]).set("correlation_id", random.nextInt());
        return headerVersion() == 0 ? header : header.set("_tagged_fields", new TreeMap<Integer, Object>());
    }

    private static Struct struct(Schema schema, Random random) throws ReflectiveOperationException {
        Struct struct = new Struct(schema);
        for (BoundField field : schema.fields())
            struct.set(field, value(field.def.type, random));
        return struct;
    }

    private static Object value(Type type, Random random) throws ReflectiveOperationException {
        if (type.isNullable() && random.nextInt(3) == 0)
            return null;
        if (type.isArray())
            return array(type.arrayElementType().get(), random);
        if (type instanceof Schema)
            return struct((Schema) type, random);
        if (type instanceof TaggedFields)
            return tagged((TaggedFields) type, random);
        String name = type.toString().replace("COMPACT_", "").replace("NULLABLE_", "");
        switch (name) {
            case "BOOLEAN": return random.nextBoolean();
            case "INT8": return (byte) number(random);
            case "INT16": return (short) number(random);
            case "INT32": return (int) number(random);
            case "INT64": return number(random);
            case "UUID": return random.nextInt(4) == 0 ? Uuid.ZERO_UUID : new Uuid(random.nextLong(), random.nextLong());
            case "STRING": return text(random);
            case "BYTES": return ByteBuffer.wrap(bytes(random));
            case "RECORDS": return MemoryRecords.readableRecords(ByteBuffer.wrap(bytes(random)));
            default: throw new IllegalArgumentException("a type " + name);
        }
    }

    private static Object[] array(Type element, Random random) throws ReflectiveOperationException {
        Object[] values = new Object[random.nextInt(4)];
        for (int index = 0; index < values.length; index++)
            values[index] = value(element, random);
        return values;
    }

    private static Object tagged(TaggedFields type, Random random) throws ReflectiveOperationException {
        // Kafka 3.9 shows its known fields to nobody.
        Field known = TaggedFields.class.getDeclaredField("fields");
        known.setAccessible(true);
        TreeMap<Integer, Object> values = new TreeMap<>();
        for (Object entry : ((Map<?, ?>) known.get(type)).entrySet()) {
            Object field = ((Map.Entry<?, ?>) entry).getValue();
            if (random.nextBoolean())
                values.put((Integer) ((Map.Entry<?, ?>) entry).getKey(),
                    value(((org.apache.kafka.common.protocol.types.Field) field).type, random));
        }
        // Above every tag that Kafka has given away.
        for (int unknown = random.nextInt(8) == 0 ? 1 + random.nextInt(3) : 0; unknown > 0; unknown--) {
            int tag = 64 + random.nextInt(Integer.MAX_VALUE - 64);
            values.put(tag, new RawTaggedField(tag, bytes(random)));
        }
        return values;
    }

    /** Any width up to 64 bits, the extremes more often than chance would have them. */
    private static long number(Random random) {
        switch (random.nextInt(8)) {
            case 0: return Long.MIN_VALUE;
            case 1: return Long.MAX_VALUE;
            case 2: return -1;
            case 3: return 0;
            case 4: return random.nextInt(256);
            default: return random.nextLong();
        }
    }

    /** Mostly small, now and then across a border of the encoding. */
    private static int length(Random random) {
        return random.nextInt(random.nextInt(16) == 0 ? 400 : 12);
    }

    private static byte[] bytes(Random random) {
        byte[] bytes = new byte[length(random)];
        random.nextBytes(bytes);
        return bytes;
    }

    private static String text(Random random) {
        StringBuilder text = new StringBuilder();
        for (int left = length(random); left > 0; left--)
            text.appendCodePoint(SYMBOLS[random.nextInt(SYMBOLS.length)]);
        return text.toString();
    }
}
