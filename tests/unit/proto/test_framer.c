#include "unit/proto/compact.h"

#define PING "{\"execute\":\"guest-ping\"}"
#define PONG "{\"return\": {}}"

static void framer_needs_nothing_between_requests(void **state)
{
    EXPECT(PING PING, PONG "; " PONG);
    EXPECT("\n\r\t " PING "\n" PING "\r\n", PONG "; " PONG);
    EXPECT("{'execute':'guest-ping','id':'x'}", "{\"return\": {}, \"id\": \"x\"}");
    EXPECT("{\"execute\":\n\"guest-ping\"\r\n,\t\"id\" : 2 }", "{\"return\": {}, \"id\": 2}");
}

static bool is_in(const char *data, size_t size, const char *text)
{
    return memmem(data, size, text, strlen(text)) != NULL;
}

static void framer_forgets_delivered_messages_when_told(void **state)
{
    static const char first[] = "{\"execute\":\"x\",\"arguments\":{\"password\":\"c2VjcmV0\"}}";
    static const char rest[] = "{\"execute\":\"gue";
    struct framer *framer = framer_new(FRAMER_MAX_BYTES);
    struct cmd_error error = { 0 };
    struct json_doc *doc = NULL;
    size_t size;
    char *space = framer_space(framer, &size);

    memcpy(space, first, sizeof(first) - 1);
    memcpy(space + sizeof(first) - 1, rest, sizeof(rest) - 1);
    framer_fed(framer, sizeof(first) + sizeof(rest) - 2);
    assert_int_equal(framer_next(framer, &doc, &error), FRAME_MESSAGE);
    assert_true(is_in(doc->text.data, doc->text.cap, "c2VjcmV0"));
    json_doc_wipe(doc);
    assert_false(is_in(doc->text.data, doc->text.cap, "c2VjcmV0"));
    json_doc_free(doc);
    assert_int_equal(framer_next(framer, &doc, &error), FRAME_MORE);
    framer_wipe(framer); /* in the middle of the next message, which is not touched */
    space = framer_space(framer, &size);
    memcpy(space, "st-ping\"}", 9);
    framer_fed(framer, 9);
    assert_int_equal(framer_next(framer, &doc, &error), FRAME_MESSAGE);
    assert_true(is_in(doc->text.data, doc->text.len, "guest-ping"));
    json_doc_free(doc);
    assert_int_equal(framer_next(framer, &doc, &error), FRAME_MORE);
    space = framer_space(framer, &size);
    assert_false(is_in(space, size, "c2VjcmV0"));
    framer_wipe(framer);
    framer_free(framer);
    json_doc_wipe(NULL);
}

static void framer_waits_for_the_end_of_a_message(void **state)
{
    EXPECT("{\"execute\":\"guest-ping\"", "");
    EXPECT("5", "");
    EXPECT("tru", "");
    EXPECT("\"abc", "");
    EXPECT("5 ", "NO");
    EXPECT("5}", "NO; E(expecting value)");
    EXPECT("\"a\"", "NO");
}

static void framer_resets_silently_on_ff(void **state)
{
    EXPECT("\xff\xff\xff", "");
    EXPECT("\xff" PING, PONG);
    EXPECT("{\"id\":[1,{\"a\":\"b\xff" PING, PONG);
    EXPECT("{\"id\":\"\\\xff" PING, PONG);
    EXPECT("{\"id\":-\xff" PING, PONG);
    EXPECT("\xffrubbish 12 \"\xff" PING, PONG);
    EXPECT("tru\xff" PING, "E(invalid keyword 'tru'); " PONG);
    EXPECT("\xff{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":1}}\n",
           "\xff{\"return\": 1}");
    EXPECT("{\"exec\xffute\":\"guest-ping\"}", "E(expecting value); NO; E(expecting value)");
    EXPECT("{\"execute\":\xff\"guest-ping\"}", "E(expecting value)");
}

static void framer_recovers_from_strays_as_the_reference(void **state)
{
    EXPECT("hello world\n" PING, "E(invalid keyword 'hello'); E(invalid keyword 'world'); " PONG);
    EXPECT("Hello World\n" PING, "E(stray 'H'); " PONG);
    EXPECT("GET / HTTP/1.1\r\nHost: x\r\n",
           "E(stray 'G'); E(stray 'H'); E(expecting value); E(invalid keyword 'x')");
    EXPECT("{\"id\":$x}\n", "E(stray '$'); E(expecting value)");
    EXPECT("[$,1]\n", "E(stray '$'); E(expecting value); NO; E(expecting value)");
    EXPECT("say \"hello\n", "E(invalid keyword 'say'); E(stray '\\\"hello\\n')");
    EXPECT("}" PING "}", "E(expecting value); " PONG "; E(expecting value)");
    EXPECT("\xef\xbb\xbf" PING, "E(stray '\\uFFFD'); " PONG);
    EXPECT("{\"exec\xfeute\":\"guest-ping\"}",
           "E(stray '\\\"exec\\uFFFD'); E(expecting value); NO; E(expecting value)");
    EXPECT(PING " /*c*/", PONG "; E(stray '/')");
    EXPECT("$ \x01\x02\xfe" PING, "E(stray '$'); E(stray '\\u0001'); E(stray '\\u0002'); "
                                  "E(stray '\\uFFFD'); " PONG);
    EXPECT("\"a\0b\n" PING, "E(stray '\\\"a'); " PONG);
    EXPECT("[1.x]", "E(stray '1.x'); E(expecting value)");
    EXPECT("{\"execute\":\"guest-sync\",\"arguments\":{\"id\":01}}",
           "E(stray '01'); E(expecting value); E(expecting value)");
    EXPECT("0e5 ", "NO"); /* qemu-ga takes it apart, but to JSON it is one number */
    EXPECT("[-0e5, 0E+1]", "NO");
}

static void framer_words_syntax_errors_as_the_reference(void **state)
{
    EXPECT("{\"execute\" \"guest-ping\"}", "E(expecting ':')");
    EXPECT("{\"execute\":\"guest-ping\",}", "E(expecting key)");
    EXPECT("{execute:\"guest-ping\"}", "E(expecting key)");
    EXPECT("{\"a\":1 \"b\":2}", "E(expected ',' or '}')");
    EXPECT("[1 2]", "E(expected ',' or ']')");
    EXPECT("[1,]", "E(expecting value)");
    EXPECT("[,1]", "E(expecting value)");
    EXPECT("{\"a\":}", "E(expecting value)");
    EXPECT("{\"a\":1]", "E(expected ',' or '}')");
    EXPECT("{1:2}", "E(expecting key)");
    EXPECT("] : ,", "E(expecting value); E(expecting value); E(expecting value)");
    EXPECT("[tru]", "E(invalid keyword 'tru')");
    EXPECT("{\"a\":1,\"b\":{\"x\":1,\"\\u0078\":2}}", "E(duplicate key)");
    EXPECT("{\"a\":1,\"b\":2,\"a\":fals}", "E(invalid keyword 'fals')");
    EXPECT("xx {\"execute\":\"guest-ping\",\"id\":9}",
           "E(invalid keyword 'xx'); {\"return\": {}, \"id\": 9}");
    EXPECT("{\"id\":[1,2}" PING, ""); /* one [ is open: what follows belongs to it */
    EXPECT("{\"id\":[1,2}" PING "]", "E(expected ',' or ']')");
}

static void framer_checks_strings_as_the_reference(void **state)
{
    EXPECT("{\"execute\":\"\\ud800\"}", "E(\\\\ud800 is not a valid Unicode character)");
    EXPECT("[\"\\uD800\\u0041\"]", "E(\\\\uD800 is not a valid Unicode character)");
    EXPECT("[\"\\udbff\\udfff\"]", "E(\\\\udbff\\\\udfff is not a valid Unicode character)");
    EXPECT("[\"\\ufdd0 b\"]", "E(\\\\ufdd0 is not a valid Unicode character)");
    EXPECT("[\"\\u12\"]", "E(\\\\u12\\\" is not a valid Unicode character)");
    EXPECT("[\"\\u\"]", "E(\\\\u\\\" is not a valid Unicode character)");
    EXPECT("[\"\\x\"]", "E(invalid escape sequence in string)");
    EXPECT("{\"execute\":\"\xc3(\"}", "E(invalid UTF-8 sequence in string)");
    EXPECT("[\"\xed\xa0\x80\"]", "E(invalid UTF-8 sequence in string)");
    EXPECT("[\"\xc0\xaf\"]", "E(invalid UTF-8 sequence in string)");
    EXPECT("[\"\xef\xbf\xbe\"]", "E(invalid UTF-8 sequence in string)");
    EXPECT("[\"\xf4\x90\x80\x80\"]", "E(invalid UTF-8 sequence in string)");
    EXPECT("{\"id\":\"\xc0\x80\\u0000\\/"
           "\\\"\\'\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\xf0\x9f\x98\x80\x7f\","
           "\"execute\":\"guest-ping\"}",
           "{\"return\": {}, \"id\": \"\\u0000\\u0000/\\\"'\\b\\f\\n\\r\\t\\u00E9"
           "\\uD83D\\uDE00\\uD83D\\uDE00\\u007F\"}");
}

#define OPEN_FILE  "{\"execute\":\"guest-file-open\",\"arguments\":{\"path\":\"x\"}}"
#define SYNC(id)   "{\"execute\":\"guest-sync\",\"arguments\":{\"id\":" #id "}}"
#define SYNCED(id) "{\"return\": " #id "}"

static void framer_salvages_requests_behind_a_broken_message(void **state)
{
    EXPECT("{\"id\":[1,2}\n" PING, "E(expected ',' or ']'); " PONG);
    EXPECT("{\"execute\":\"guest-sy\n" PING, "E(stray '\\\"guest-sy\\n'); " PONG);
    EXPECT("[[{\r \t" PING, "E(expecting key); " PONG);
    EXPECT("[1 2\n{\"a\":[{\"b\":\n" PING, "");
    EXPECT("[1 2\n{\"a\":[{\"b\":\n" PING "\n" PING, "E(expected ',' or ']'); " PONG);
    EXPECT("{\"a\"\n{\"execute\":\"guest-ping\",}\n" PING "}",
           "E(expecting ':'); " PONG "; E(expecting value)");
    /* what is salvaged is one message too, whatever it holds */
    EXPECT("[1 2\n{\"execute\":\"guest-ping\",\"id\":\n" OPEN_FILE "\n}",
           "E(expected ',' or ']'); {\"return\": {}, \"id\": {\"execute\": \"guest-file-open\", "
           "\"arguments\": {\"path\": \"x\"}}}");
}

/* A valid value is one message, though it holds what looks like a request on a line of its own. */
static void framer_never_runs_what_is_inside_a_value(void **state)
{
    EXPECT("{\"execute\":\"guest-ping\",\"id\":[\n" PING "\n]}",
           "{\"return\": {}, \"id\": [{\"execute\": \"guest-ping\"}]}");
    EXPECT("{\"execute\":\"guest-ping\",\"id\":[\n" SYNC(1) ",\n" SYNC(2) "\n]}",
           "{\"return\": {}, \"id\": [{\"execute\": \"guest-sync\", \"arguments\": {\"id\": 1}}, "
           "{\"execute\": \"guest-sync\", \"arguments\": {\"id\": 2}}]}");
    EXPECT("{\"execute\":\"guest-ping\",\"arguments\":{\"x\":\n" PING "\n}}",
           "L(Parameter 'x' is unexpected)");
    EXPECT("[\n" PING ",\n" PING "\n]\n" PING, "NO; " PONG);
}

/* Valid to a JSON parser and an error here: still nothing inside it is a request. */
static void framer_never_runs_what_is_inside_a_refused_value(void **state)
{
    EXPECT("{\"a\":1,\"a\":[\n" PING "\n]}" PING, "E(duplicate key); " PONG);
    EXPECT("[\"\\ud800\",\n" PING "\n]" PING,
           "E(\\\\ud800 is not a valid Unicode character); " PONG);
    EXPECT("[\"\xed\xa0\x80\",\n" PING ",\n" PING "\n]", "E(invalid UTF-8 sequence in string)");
    EXPECT("[0e5,\n" PING "\n]", "NO");
    EXPECT("[\"\\x\",tru,\n" PING "\n]" PING, "E(invalid escape sequence in string); " PONG);
}

/* Three places of an unfinished message take any value, so a request on the next line is part of
 * it; the line after that shows that the message will never be finished. */
static void framer_answers_the_second_line_behind_an_unfinished_message(void **state)
{
    EXPECT("{\"execute\":\"guest-sync\",\"arguments\":\n" SYNC(1), "");
    EXPECT("{\"execute\":\"guest-sync\",\"arguments\":\n" SYNC(1) "\n" SYNC(2),
           "E(expected ',' or '}'); " SYNCED(2));
    EXPECT("[\n" SYNC(1) "\n" SYNC(2) "\n" PING, "E(expected ',' or ']'); " SYNCED(2) "; " PONG);
    EXPECT("[1,\n" SYNC(1) "\n" SYNC(2), "E(expected ',' or ']'); " SYNCED(2));
    EXPECT("{\"a\":1,\"a\":2,\"b\":\n" SYNC(1) "\n" SYNC(2), "E(duplicate key); " SYNCED(2));
    /* anywhere else the first line is answered */
    EXPECT("{\n" SYNC(1), "E(expecting key); " SYNCED(1));
    EXPECT("{\"a\"\n" SYNC(1), "E(expecting ':'); " SYNCED(1));
    EXPECT("{\"a\":1\n" SYNC(1), "E(expected ',' or '}'); " SYNCED(1));
    EXPECT("{\"a\":1,\n" SYNC(1), "E(expecting key); " SYNCED(1));
    EXPECT("[\"a\n" SYNC(1), "E(stray '\\\"a\\n'); " SYNCED(1));
    EXPECT("[tru\n" SYNC(1), "E(invalid keyword 'tru'); " SYNCED(1));
}

static void framer_takes_requests_that_span_lines(void **state)
{
    EXPECT("{\n\"execute\":\"guest-exec\",\n\"arguments\":\n{\"path\":\"x\"}\n}",
           "{\"return\": [\"x\", 0]}");
    EXPECT("{\"execute\":\"guest-ping\",\n\"id\":\n[\n{\"a\":1},\n{\n}\n]}",
           "{\"return\": {}, \"id\": [{\"a\": 1}, {}]}");
    EXPECT("{\"a\":\n{\"b\":1},\n}", "E(expecting key)");
}

static char *nested(size_t depth, const char *inside, const char *end)
{
    struct buf text = { 0 };
    size_t i;

    for (i = 0; i < depth; i++)
        buf_putc(&text, '[');
    buf_puts(&text, inside);
    for (i = 0; i < depth; i++)
        buf_putc(&text, ']');
    buf_puts(&text, end);
    return buf_terminate(&text);
}

static size_t count_of(const char *text, const char *what)
{
    size_t count = 0;

    for (; (text = strstr(text, what)); text += strlen(what))
        count++;
    return count;
}

static void framer_limits_depth(void **state)
{
    CLEANUP(free_ptr) char *deepest = nested(FRAMER_MAX_DEPTH, "", "");
    CLEANUP(free_ptr) char *deeper = nested(FRAMER_MAX_DEPTH + 1, "", PING);
    CLEANUP(free_ptr) char *open = nested(FRAMER_MAX_DEPTH, "\n" PING, "");
    CLEANUP(free_ptr) char *more = nested(FRAMER_MAX_DEPTH, "\n" PING "\n" PING, "");
    CLEANUP(free_ptr) char *text = serve_cut(deepest, strlen(deepest), 0, 0);
    CLEANUP(free_ptr) char *shower = serve_cut(deeper, strlen(deeper), 0, 7);
    CLEANUP(free_ptr) char *kept = serve_cut(open, strlen(open), 0, 0);
    CLEANUP(free_ptr) char *after = serve_cut(more, FRAMER_MAX_DEPTH + strlen(PING) * 2 + 2, 0, 5);

    assert_string_equal(text, "NO");
    assert_string_equal(shower, "L(JSON nesting depth limit exceeded); " PONG);
    assert_string_equal(kept, "L(JSON nesting depth limit exceeded)");
    assert_string_equal(after, "L(JSON nesting depth limit exceeded); " PONG);
}

static void framer_limits_depth_for_values_of_any_depth(void **state)
{
    CLEANUP(free_ptr) char *deep = nested(20 * FRAMER_MAX_DEPTH, "\n" PING ",\n" PING, PING);
    CLEANUP(free_ptr) char *open = nested(20 * FRAMER_MAX_DEPTH, "\n" PING "\n" PING, "");
    CLEANUP(free_ptr) char *text = serve_cut(deep, strlen(deep), 0, 999);
    CLEANUP(free_ptr) char *broken = serve_cut(open, strlen(open), 0, 999);

    assert_string_equal(text, "L(JSON nesting depth limit exceeded); " PONG);
    assert_int_equal(strncmp(broken, "L(JSON nesting depth limit exceeded); " PONG, 52), 0);
}

static void framer_echoes_an_id_1023_deep(void **state)
{
    CLEANUP(free_ptr) char *id = nested(FRAMER_MAX_DEPTH - 1, "", "");
    struct buf input = { 0 };
    char *text;

    buf_printf(&input, "{\"execute\":\"guest-ping\",\"id\":%s}", id);
    text = serve_cut(input.data, input.len, 0, 0);
    assert_int_equal(strncmp(text, "{\"return\": {}, \"id\": [[[", 24), 0);
    assert_int_equal(count_of(text, "["), FRAMER_MAX_DEPTH - 1);
    free(text);
    buf_done(&input);
}

/* A conversation with a framer whose messages may have `max` bytes. */
static void expect_limited(size_t max, const char *input, const char *expected)
{
    size_t len = strlen(input), cut;

    for (cut = 0; cut <= len; cut++) {
        struct framer *framer = framer_new(max);
        struct buf replies = { 0 };
        CLEANUP(free_ptr) char *text = NULL;

        serve_feed(framer, input, cut, &replies);
        serve_feed(framer, input + cut, len - cut, &replies);
        text = compact(&replies);
        assert_string_equal(text, expected);
        buf_done(&replies);
        framer_free(framer);
    }
}

static void framer_limits_the_bytes_of_tokens(void **state)
{
    /* blanks do not count */
    expect_limited(25, PING, PONG);
    expect_limited(25, "{  \"execute\" \n :   \"guest-ping\"    }", PONG);
    expect_limited(24, PING, "L(JSON token size limit exceeded)");
    expect_limited(9, "[\"12345\"]", "L(JSON token size limit exceeded)");
    expect_limited(10, "[\"12345\"]", "NO");
    /* what exceeds it is read over up to its end, strings too */
    expect_limited(8, "[\"1234567\"]", "L(JSON token size limit exceeded)");
    expect_limited(8, "[\"12345678A1\"]1 ", "L(JSON token size limit exceeded); NO");
    expect_limited(8, "[123456789, 1]", "L(JSON token size limit exceeded)");
    expect_limited(8, "123456789.5e3 1 ", "L(JSON token size limit exceeded); NO");
    expect_limited(8, "\"12345678A1\"1 ", "L(JSON token size limit exceeded); NO");
    expect_limited(26,
                   "[\""
                   "0123456789012345678901234 {'execute':'guest-ping'} \",\n" PING ",\n{}]" PING,
                   "L(JSON token size limit exceeded); " PONG);
    expect_limited(26, "{\"a\":[\n" PING ",\n" PING ",{'b':\n" PING "}]}" PING,
                   "L(JSON token size limit exceeded); " PONG);
    /* until it breaks */
    expect_limited(26, "[\"0123456789012345678901234\n" PING,
                   "L(JSON token size limit exceeded); E(stray '\\n'); " PONG);
    expect_limited(26, "[\"0123456789012345678901234\" 1\n" PING,
                   "L(JSON token size limit exceeded); " PONG);
    expect_limited(26, "[\"0123456789012345678901234\",\n" PING "\n" PING,
                   "L(JSON token size limit exceeded); " PONG);
    /* the limit that rubbish exceeds does not swallow the request on the next line */
    expect_limited(40, "[1,2,3,4,5,6,7,8,9,1 2\n" PING, "L(JSON token size limit exceeded); " PONG);
}

static void framer_limits_the_count_of_tokens(void **state)
{
    struct buf input = { 0 };
    CLEANUP(free_ptr) char *text = NULL;
    CLEANUP(free_ptr) char *more = NULL;
    uint32_t i;

    buf_puts(&input, "[{}"); /* with the last bracket four tokens */
    for (i = 0; i < (FRAMER_MAX_TOKENS - 4) / 2; i++)
        buf_puts(&input, ",1");
    buf_putc(&input, ']');
    text = serve_cut(input.data, input.len, 0, 0);
    assert_string_equal(text, "NO");
    input.len--;
    buf_puts(&input, ",1]");
    more = serve_cut(input.data, input.len, 0, 0);
    assert_string_equal(more, "L(JSON token count limit exceeded)");
    buf_done(&input);
}

static void framer_answers_100000_requests_of_one_write(void **state)
{
    struct framer *framer = framer_new(FRAMER_MAX_BYTES);
    struct buf input = { 0 }, replies = { 0 };
    uint32_t i;

    for (i = 0; i < 100000; i++)
        buf_puts(&input, PING);
    serve_feed(framer, input.data, input.len, &replies);
    assert_int_equal(replies.len, 100000 * strlen(PONG "\n"));
    assert_true(framer_held(framer) < 64 * KIB);
    buf_done(&input);
    buf_done(&replies);
    framer_free(framer);
}

/* A write request with `len` payload characters and what follows it. */
static void make_write(struct buf *input, size_t len, const char *rest)
{
    buf_puts(input, "{\"execute\":\"guest-exec\",\"arguments\":{\"path\":\"");
    memset(buf_reserve(input, len), 'A', len);
    input->len += len;
    buf_puts(input, "\"}}");
    buf_puts(input, rest);
}

static void framer_hands_large_messages_over_with_their_buffer(void **state)
{
    struct framer *framer = framer_new(FRAMER_MAX_BYTES);
    struct buf input = { 0 }, replies = { 0 };
    size_t len = 3 * MIB;

    make_write(&input, len, PING);
    serve_feed(framer, input.data, input.len, &replies);
    assert_int_equal(replies.len, len + strlen("{\"return\": [\"\", 0]}\n" PONG "\n"));
    assert_true(framer_held(framer) < MIB);
    buf_done(&input);
    buf_done(&replies);
    framer_free(framer);
}

static void framer_refuses_64_mib_and_a_byte(void **state)
{
    struct framer *framer = framer_new(FRAMER_MAX_BYTES);
    struct buf input = { 0 }, replies = { 0 };
    CLEANUP(free_ptr) char *text = NULL;

    make_write(&input, FRAMER_MAX_BYTES + 1, "\n" PING);
    serve_feed(framer, input.data, input.len, &replies);
    text = compact(&replies);
    assert_string_equal(text, "L(JSON token size limit exceeded); " PONG);
    assert_true(framer_held(framer) < 64 * KIB);
    buf_done(&input);
    buf_done(&replies);
    framer_free(framer);
}

static void framer_does_not_hold_blanks(void **state)
{
    static const char head[] =
        "{\"execute\":\"guest-exec\",\"arguments\":{\"path\":\"p\",\"arg\":[";
    static char blanks[MIB];
    struct framer *framer = framer_new(FRAMER_MAX_BYTES);
    struct buf replies = { 0 };
    CLEANUP(free_ptr) char *text = NULL;
    size_t i;

    memset(blanks, ' ', sizeof(blanks));
    serve_feed(framer, head, strlen(head), &replies);
    for (i = 0; i < 40; i++) {
        serve_feed(framer, blanks, sizeof(blanks), &replies);
        serve_feed(framer, i == 0 ? "\"a\\n\"" : ",\"a\\n\"", i == 0 ? 5 : 6, &replies);
        assert_true(framer_held(framer) < 3 * MIB);
    }
    serve_feed(framer, "]}}", 3, &replies);
    text = compact(&replies);
    assert_int_equal(count_of(text, "a\\n"), 40);
    buf_done(&replies);
    framer_free(framer);
}

static void framer_holds_little_when_idle(void **state)
{
    struct framer *framer = framer_new(FRAMER_MAX_BYTES);
    struct buf input = { 0 }, replies = { 0 };

    assert_int_equal(framer_held(framer), 0);
    make_write(&input, 100 * KIB, "");
    serve_feed(framer, input.data, input.len, &replies);
    serve_feed(framer, PING, strlen(PING), &replies);
    assert_true(framer_held(framer) < 32 * KIB);
    buf_done(&input);
    buf_done(&replies);
    framer_free(framer);
}

static void framer_reset_forgets_half_a_request(void **state)
{
    struct framer *framer = framer_new(FRAMER_MAX_BYTES);
    struct buf replies = { 0 };
    CLEANUP(free_ptr) char *text = NULL;

    serve_feed(framer, "{\"execute\":\"gue", 15, &replies);
    framer_reset(framer);
    serve_feed(framer, PING, strlen(PING), &replies);
    text = compact(&replies);
    assert_string_equal(text, PONG);
    buf_done(&replies);
    framer_free(framer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(framer_needs_nothing_between_requests),
        cmocka_unit_test(framer_forgets_delivered_messages_when_told),
        cmocka_unit_test(framer_waits_for_the_end_of_a_message),
        cmocka_unit_test(framer_resets_silently_on_ff),
        cmocka_unit_test(framer_recovers_from_strays_as_the_reference),
        cmocka_unit_test(framer_words_syntax_errors_as_the_reference),
        cmocka_unit_test(framer_checks_strings_as_the_reference),
        cmocka_unit_test(framer_salvages_requests_behind_a_broken_message),
        cmocka_unit_test(framer_never_runs_what_is_inside_a_value),
        cmocka_unit_test(framer_never_runs_what_is_inside_a_refused_value),
        cmocka_unit_test(framer_answers_the_second_line_behind_an_unfinished_message),
        cmocka_unit_test(framer_takes_requests_that_span_lines),
        cmocka_unit_test(framer_limits_depth),
        cmocka_unit_test(framer_limits_depth_for_values_of_any_depth),
        cmocka_unit_test(framer_echoes_an_id_1023_deep),
        cmocka_unit_test(framer_limits_the_bytes_of_tokens),
        cmocka_unit_test(framer_limits_the_count_of_tokens),
        cmocka_unit_test(framer_answers_100000_requests_of_one_write),
        cmocka_unit_test(framer_hands_large_messages_over_with_their_buffer),
        cmocka_unit_test(framer_refuses_64_mib_and_a_byte),
        cmocka_unit_test(framer_does_not_hold_blanks),
        cmocka_unit_test(framer_holds_little_when_idle),
        cmocka_unit_test(framer_reset_forgets_half_a_request),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
