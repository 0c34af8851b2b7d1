import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/**
 * What the Java programs of the oracles share: questions on standard input, each a frame of a length and its fields, and each
 * answered on standard output by a length, 0 and the answer, or 1 and the text of an exception.
 */
final class Questions {
    interface Answering {
        void answer(ByteBuffer question, DataOutputStream to) throws Exception;
    }

    private Questions() { }

    /** Answers until there are no more questions. */
    static void answerAll(Answering answering) throws IOException {
        DataInputStream in = new DataInputStream(System.in);
        DataOutputStream out = new DataOutputStream(System.out);
        while (true) {
            int length = in.read();
            if (length < 0)
                return;
            length = length << 24 | in.readUnsignedByte() << 16 | in.readUnsignedShort();
            ByteBuffer question = ByteBuffer.wrap(in.readNBytes(length));
            ByteArrayOutputStream answer = new ByteArrayOutputStream();
            DataOutputStream to = new DataOutputStream(answer);
            try {
                to.writeByte(0);
                answering.answer(question, to);
            } catch (Throwable failure) {
                answer.reset();
                to.writeByte(1);
                boolean isWrapped = failure instanceof InvocationTargetException;
                put((isWrapped ? failure.getCause() : failure).toString(), to);
            }
            out.writeInt(answer.size());
            answer.writeTo(out);
            out.flush();
        }
    }

    /** Bytes after their length, in memory of their own. */
    static ByteBuffer take(ByteBuffer from) {
        byte[] bytes = new byte[from.getInt()];
        from.get(bytes);
        return ByteBuffer.wrap(bytes);
    }

    /** The same, or null for a length of -1. */
    static ByteBuffer takeNullable(ByteBuffer from) {
        if (from.getInt(from.position()) >= 0)
            return take(from);
        from.getInt();
        return null;
    }

    static void put(ByteBuffer bytes, DataOutputStream to) throws IOException {
        byte[] copy = new byte[bytes.remaining()];
        bytes.duplicate().get(copy);
        to.writeInt(copy.length);
        to.write(copy);
    }

    static void put(String text, DataOutputStream to) throws IOException {
        put(ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)), to);
    }

    static void putNullable(ByteBuffer bytes, DataOutputStream to) throws IOException {
        if (bytes == null)
            to.writeInt(-1);
        else
            put(bytes, to);
    }
}
