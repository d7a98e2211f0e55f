#include "proto/reply.h"

#include "unit/proto/parse.h"

#include <errno.h>

static void expect_text(const char *bytes, size_t len, const char *expected)
{
    struct buf text = { 0 };

    text_string(&text, bytes, len);
    assert_string_equal(buf_terminate(&text), expected);
    buf_done(&text);
}

#define EXPECT_TEXT(bytes, expected) expect_text(bytes, sizeof(bytes) - 1, expected)

static void text_string_escapes_what_is_not_plain_ascii(void **state)
{
    EXPECT_TEXT("", "\"\"");
    EXPECT_TEXT("a/b ~", "\"a/b ~\"");
    EXPECT_TEXT("\b\f\n\r\t\"\\'", "\"\\b\\f\\n\\r\\t\\\"\\\\'\"");
    EXPECT_TEXT("\0\x01\x1f\x7f", "\"\\u0000\\u0001\\u001F\\u007F\"");
    EXPECT_TEXT("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\"\\u00E9\\u20AC\\uD83D\\uDE00\"");
    EXPECT_TEXT("\xc0\x80", "\"\\u0000\"");
}

static void text_string_replaces_what_is_no_utf8(void **state)
{
    EXPECT_TEXT("caf\xe9", "\"caf\\uFFFD\"");
    EXPECT_TEXT("\xff\xfe\x80", "\"\\uFFFD\\uFFFD\\uFFFD\"");
    EXPECT_TEXT("\xe2\x82(", "\"\\uFFFD(\"");
    EXPECT_TEXT("\xed\xa0\x80\xc1\xbf", "\"\\uFFFD\\uFFFD\"");
    EXPECT_TEXT("\xf8\x88\x80\x80\x80z", "\"\\uFFFDz\"");
    EXPECT_TEXT("\xc3", "\"\\uFFFD\"");
}

static void text_string_copies_long_texts(void **state)
{
    struct buf text = { 0 };
    static char bytes[100003];

    memset(bytes, 'x', sizeof(bytes));
    bytes[50001] = '"';
    text_string(&text, bytes, sizeof(bytes));
    assert_true(buf_ok(&text));
    assert_int_equal(text.len, sizeof(bytes) + 3);
    assert_memory_equal(text.data + 50002, "\\\"x", 3);
    buf_done(&text);
}

static void expect_echo(const char *input, const char *expected)
{
    struct json_doc *doc = parse(input);
    struct buf text = { 0 };

    text_node(&text, doc, doc->nodes);
    assert_string_equal(buf_terminate(&text), expected);
    assert_in_range(text_node_size(doc, doc->nodes, SIZE_MAX), text.len,
                    text.len + strlen(input) + 26 * (size_t)doc->node_count);
    buf_done(&text);
    json_doc_free(doc);
}

static void text_node_gives_values_back(void **state)
{
    expect_echo("{\"a\":{},\"b\":[],\"c\":[[1],{\"d\":null}],\"e\":true,\"f\":\"x\"}",
                "{\"a\": {}, \"b\": [], \"c\": [[1], {\"d\": null}], \"e\": true, \"f\": \"x\"}");
    expect_echo("[[[]],[],[1,2]]", "[[[]], [], [1, 2]]");
    expect_echo("-0", "0");
    expect_echo("18446744073709551615", "18446744073709551615");
    expect_echo("-9223372036854775808", "-9223372036854775808");
}

static void text_node_writes_doubles_with_17_digits(void **state)
{
    expect_echo("0.1", "0.10000000000000001");
    expect_echo("1e3", "1000");
    expect_echo("3.0", "3");
    expect_echo("1e22", "1e+22");
    expect_echo("-0.0", "-0");
    expect_echo("123456789012345678901", "1.2345678901234568e+20");
    expect_echo("-9223372036854775809", "-9.2233720368547758e+18");
    expect_echo("[1e400,-1E+999]", "[1e400, -1E+999]"); /* no double: as it was written */
}

static void expect_size(const char *input, size_t most, size_t least, size_t limit)
{
    struct json_doc *doc = parse(input);

    assert_in_range(text_node_size(doc, doc->nodes, most), least, limit);
    json_doc_free(doc);
}

/* Two bytes more than the text: what may stand behind it. */
static void text_node_size_knows_escapes_and_stops_counting(void **state)
{
    expect_size("\"abc\"", 1000, 7, 7);
    expect_size("\"\x7f\x7f\"", 1000, 16, 16);
    expect_size("\"\\n\\\"\"", 1000, 8, 8);
    expect_size("\"\xc3\xa9\xf0\x9f\x98\x80\"", 1000, 22, 22);
    expect_size("[\"\x7f\x7f\",\"\x7f\x7f\",\"\x7f\x7f\"]", 16, 17, 40);
    expect_size("{\"a\":1,\"b\":[1.5,null,true]}", 1000, 28, 300);
}

static void text_node_starts_anywhere(void **state)
{
    struct json_doc *doc = parse("{\"x\":[1,{\"y\":[2,3]}],\"z\":4}");
    struct buf text = { 0 };

    text_node(&text, doc, json_get(doc, doc->nodes, "x"));
    assert_string_equal(buf_terminate(&text), "[1, {\"y\": [2, 3]}]");
    buf_done(&text);
    json_doc_free(doc);
}

static void text_value_writes_json_c_values(void **state)
{
    CLEANUP(json_putp) struct json_object *object = json_object_new_object();
    struct json_object *array = json_object_new_array();
    struct buf text = { 0 };

    assert_int_equal(json_append(array, json_object_new_int64(INT64_MIN)), 0);
    assert_int_equal(json_append(array, json_object_new_uint64(UINT64_MAX)), 0);
    assert_int_equal(json_append(array, json_object_new_double(1600000000.25)), 0);
    assert_int_equal(json_append(array, json_object_new_double(0.1)), 0);
    assert_int_equal(json_add(object, "z", array), 0);
    assert_int_equal(json_add_str(object, "a", "caf\xc3\xa9/"), 0);
    assert_int_equal(json_add_bool(object, "b", true), 0);
    assert_int_equal(json_add_int(object, "c", INT64_MAX), 0);
    assert_int_equal(json_add(object, "d", json_object_new_object()), 0);
    text_value(&text, object);
    assert_string_equal(buf_terminate(&text),
                        "{\"z\": [-9223372036854775808, 18446744073709551615, 1600000000.25, "
                        "0.10000000000000001], \"a\": \"caf\\u00E9/\", \"b\": true, "
                        "\"c\": 9223372036854775807, \"d\": {}}");
    text.len = 0;
    text_value(&text, NULL);
    assert_string_equal(buf_terminate(&text), "null");
    buf_done(&text);
}

static void json_add_refuses_what_could_not_be_made(void **state)
{
    CLEANUP(json_putp) struct json_object *object = json_object_new_object();

    assert_int_equal(json_add(object, "a", NULL), -ENOMEM);
    assert_int_equal(json_add(NULL, "a", json_object_new_int(1)), -ENOMEM);
    assert_int_equal(json_append(NULL, json_object_new_int(1)), -ENOMEM);
    assert_int_equal(json_object_object_length(object), 0);
}

static void reply_is_one_line_with_the_id_behind(void **state)
{
    struct json_doc *doc = parse("\"i\"");
    struct buf text = { 0 };

    reply_begin(&text, false);
    buf_puts(&text, "{}");
    reply_end(&text, NULL, NULL);
    reply_begin(&text, true);
    buf_puts(&text, "4");
    reply_end(&text, doc, doc->nodes);
    assert_string_equal(buf_terminate(&text),
                        "{\"return\": {}}\n\xff{\"return\": 4, \"id\": \"i\"}\n");
    buf_done(&text);
    json_doc_free(doc);
}

static void reply_error_drops_what_was_written_and_puts_the_id_first(void **state)
{
    struct json_doc *doc = parse("1");
    struct cmd_error error = { 0 };
    struct buf text = { 0 };

    reply_begin(&text, true);
    cmd_fail_class(&error, CMD_ERROR_NOT_FOUND, "it's %s", "\"\xe2\x80\x9c\"");
    reply_error(&text, &error, doc, doc->nodes);
    assert_string_equal(buf_terminate(&text),
                        "{\"id\": 1, \"error\": {\"class\": \"CommandNotFound\", "
                        "\"desc\": \"it's \\\"\\u201C\\\"\"}}\n");
    error.class = CMD_ERROR_GENERIC;
    reply_error(&text, &error, NULL, NULL);
    assert_string_equal(buf_terminate(&text), "{\"error\": {\"class\": \"GenericError\", "
                                              "\"desc\": \"it's \\\"\\u201C\\\"\"}}\n");
    cmd_error_done(&error);
    buf_done(&text);
    json_doc_free(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_string_escapes_what_is_not_plain_ascii),
        cmocka_unit_test(text_string_replaces_what_is_no_utf8),
        cmocka_unit_test(text_string_copies_long_texts),
        cmocka_unit_test(text_node_gives_values_back),
        cmocka_unit_test(text_node_writes_doubles_with_17_digits),
        cmocka_unit_test(text_node_starts_anywhere),
        cmocka_unit_test(text_node_size_knows_escapes_and_stops_counting),
        cmocka_unit_test(text_value_writes_json_c_values),
        cmocka_unit_test(json_add_refuses_what_could_not_be_made),
        cmocka_unit_test(reply_is_one_line_with_the_id_behind),
        cmocka_unit_test(reply_error_drops_what_was_written_and_puts_the_id_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
