import java.util.concurrent.ExecutionException;

/** Runs checks one after another and prints one JSON line for each. */
final class Checks {
    /** One check; what it returns is printed as its detail. */
    interface Body {
        Object run() throws Exception;
    }

    private int failed;

    int failed() {
        return failed;
    }

    /** Run one check; an exception fails it and the next one still runs. */
    void run(String name, Body body) {
        long started = System.nanoTime();
        boolean ok = true;
        String detail;
        try {
            detail = String.valueOf(body.run());
        } catch (Throwable error) {
            error.printStackTrace();
            ok = false;
            detail = error.toString();
            failed++;
        }
        System.out.printf("{\"check\": %s, \"ok\": %s, \"detail\": %s, \"seconds\": %.2f}%n",
            quoted(name), ok, quoted(detail), (System.nanoTime() - started) / 1e9);
    }

    /** Assert that a call fails with an exception whose class has this simple name. */
    static void expectError(String name, Body body) throws Exception {
        Object answer;
        try {
            answer = body.run();
        } catch (Exception error) {
            Throwable cause = error instanceof ExecutionException ? error.getCause() : error;
            if (!cause.getClass().getSimpleName().equals(name)) {
                throw new AssertionError("expected " + name, cause);
            }
            return;
        }
        throw new AssertionError("expected " + name + ", got " + answer);
    }

    /** Ask until the answer is the wanted one, for at most five seconds: a broker's view may lag its controller. */
    static void eventually(Object wanted, Body ask) throws Exception {
        long limit = System.nanoTime() + 5_000_000_000L;
        while (true) {
            Object got;
            try {
                got = ask.run();
            } catch (ExecutionException error) {
                got = error.getCause();
            }
            if (wanted.equals(got)) {
                return;
            }
            expect(System.nanoTime() < limit, "expected " + wanted + ", got " + got);
            Thread.sleep(50);
        }
    }

    static void expect(boolean holds, String otherwise) {
        if (!holds) {
            throw new AssertionError(otherwise);
        }
    }

    static String quoted(String text) {
        StringBuilder out = new StringBuilder("\"");
        for (char letter : (text.length() > 500 ? text.substring(0, 500) : text).toCharArray()) {
            if (letter == '"' || letter == '\\') {
                out.append('\\').append(letter);
            } else if (letter < ' ') {
                out.append(String.format("\\u%04x", (int) letter));
            } else {
                out.append(letter);
            }
        }
        return out.append('"').toString();
    }
}
