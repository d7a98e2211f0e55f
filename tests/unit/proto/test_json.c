#include "unit/proto/parse.h"

#include "base/buf.h"

static void json_integers_are_exact(void **state)
{
    struct json_doc *doc = parse("[0,-0,9223372036854775807,-9223372036854775808,"
                                 "9223372036854775808,18446744073709551615]");

    assert_int_equal(doc->nodes[0].count, 6);
    assert_int_equal(doc->nodes[1].type, JSON_INT);
    assert_int_equal(doc->nodes[1].integer, 0);
    assert_int_equal(doc->nodes[2].type, JSON_INT);
    assert_int_equal(doc->nodes[2].integer, 0);
    assert_true(doc->nodes[3].type == JSON_INT && doc->nodes[3].integer == INT64_MAX);
    assert_true(doc->nodes[4].type == JSON_INT && doc->nodes[4].integer == INT64_MIN);
    assert_int_equal(doc->nodes[5].type, JSON_UINT);
    assert_true(doc->nodes[5].uinteger == (uint64_t)INT64_MAX + 1);
    assert_true(doc->nodes[6].type == JSON_UINT && doc->nodes[6].uinteger == UINT64_MAX);
    json_doc_free(doc);
}

static void json_other_numbers_keep_their_text(void **state)
{
    static const char *const numbers[] = {
        "1.0", "1e3", "-0.5E-7", "18446744073709551616", "-9223372036854775809", "1e400"
    };
    size_t i;

    for (i = 0; i < ARRAY_LEN(numbers); i++) {
        struct json_doc *doc = parse(numbers[i]);

        assert_int_equal(doc->nodes[0].type, JSON_DOUBLE);
        assert_int_equal(doc->nodes[0].str.len, strlen(numbers[i]));
        assert_memory_equal(json_str(doc, &doc->nodes[0]), numbers[i], strlen(numbers[i]));
        json_doc_free(doc);
    }
}

static void json_nodes_are_walked_by_next(void **state)
{
    struct json_doc *doc = parse("{\"a\":[1,[2,3]],\"b\":{\"c\":null},\"d\":true}");
    const struct json_node *a, *b, *d;

    assert_int_equal(doc->nodes[0].type, JSON_OBJECT);
    assert_int_equal(doc->nodes[0].count, 3);
    assert_int_equal(doc->nodes[0].next, doc->node_count);
    a = json_get(doc, doc->nodes, "a");
    b = json_get(doc, doc->nodes, "b");
    d = json_get(doc, doc->nodes, "d");
    assert_true(a && a->type == JSON_ARRAY && a->count == 2);
    assert_int_equal(&doc->nodes[a->next], b - 1);
    assert_true(b && b->type == JSON_OBJECT);
    assert_int_equal(json_get(doc, b, "c")->type, JSON_NULL);
    assert_true(d && d->type == JSON_BOOL && d->boolean);
    assert_null(json_get(doc, doc->nodes, "c"));
    assert_null(json_get(doc, doc->nodes, ""));
    json_doc_free(doc);
}

static void json_strings_are_decoded_and_terminated(void **state)
{
    struct json_doc *doc = parse("[\"plain\",'it\\'s',\"\",\"a\\u0000b\",\"\\u20ac\xe2\x82\xac\"]");

    assert_string_equal(json_str(doc, &doc->nodes[1]), "plain");
    assert_true(json_str_is(doc, &doc->nodes[1], "plain"));
    assert_false(json_str_is(doc, &doc->nodes[1], "plai"));
    assert_string_equal(json_str(doc, &doc->nodes[2]), "it's");
    assert_string_equal(json_str(doc, &doc->nodes[3]), "");
    assert_int_equal(doc->nodes[4].str.len, 3);
    assert_memory_equal(json_str(doc, &doc->nodes[4]), "a\0b", 4);
    assert_string_equal(json_str(doc, &doc->nodes[5]), "\xe2\x82\xac\xe2\x82\xac");
    json_doc_free(doc);
}

static void json_long_strings_are_decoded_in_place(void **state)
{
    struct buf text = { 0 };
    struct json_doc *doc;
    size_t i;

    buf_puts(&text, "{\"x\":\"");
    for (i = 0; i < 100000; i++)
        buf_puts(&text, "abcdefg\\/");
    buf_puts(&text, "\"}");
    doc = parse(buf_terminate(&text));
    assert_non_null(doc->text_block); /* the input buffer itself */
    assert_int_equal(doc->nodes[2].str.len, 800000);
    for (i = 0; i < 800000; i += 8)
        assert_memory_equal(json_str(doc, &doc->nodes[2]) + i, "abcdefg/", 8);
    assert_int_equal(json_str(doc, &doc->nodes[2])[800000], '\0');
    json_doc_free(doc);
    buf_done(&text);
}

/* An object of `count` members; the last key is that of member `again`, if that is not `count`. */
static struct json_doc *parse_members(uint32_t count, uint32_t again, struct cmd_error *reterr)
{
    struct buf text = { 0 };
    struct json_doc *doc;
    uint32_t i;

    buf_puts(&text, "{\"first\":[");
    for (i = 0; i < count; i++)
        buf_printf(&text, "%s{\"key\":%u}", i ? "," : "", i);
    buf_puts(&text, "]");
    for (i = 0; i < count; i++)
        buf_printf(&text, ",\"key%u\":{\"key%u\":1}", i, i);
    if (again < count)
        buf_printf(&text, ",\"\\u006bey%u\":0", again);
    buf_puts(&text, "}");
    doc = parse_bytes(text.data, text.len, reterr);
    buf_done(&text);
    return doc;
}

static void json_finds_duplicates_among_many_members(void **state)
{
    static const uint32_t counts[] = { 1, 15, 16, 17, 100, 100000 };
    size_t i;

    for (i = 0; i < ARRAY_LEN(counts); i++) {
        uint32_t count = counts[i], again;
        struct cmd_error error = { 0 };
        struct json_doc *doc = parse_members(count, count, &error);

        assert_non_null(doc);
        assert_int_equal(doc->nodes[0].count, count + 1);
        json_doc_free(doc);
        for (again = 0; again < count; again += count / 3 + 1) {
            assert_null(parse_members(count, again, &error));
            assert_string_equal(error.text, "JSON parse error, duplicate key");
            cmd_error_done(&error);
        }
    }
}

static void json_takes_two_million_nodes(void **state)
{
    struct buf text = { 0 };
    struct json_doc *doc;
    size_t i, count = 1000000;

    buf_puts(&text, "[\"\"");
    for (i = 1; i < count; i++)
        buf_puts(&text, ",\"\"");
    buf_puts(&text, "]");
    doc = parse(buf_terminate(&text));
    assert_int_equal(doc->nodes[0].count, count);
    json_doc_free(doc);
    buf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_integers_are_exact),
        cmocka_unit_test(json_other_numbers_keep_their_text),
        cmocka_unit_test(json_nodes_are_walked_by_next),
        cmocka_unit_test(json_strings_are_decoded_and_terminated),
        cmocka_unit_test(json_long_strings_are_decoded_in_place),
        cmocka_unit_test(json_finds_duplicates_among_many_members),
        cmocka_unit_test(json_takes_two_million_nodes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
