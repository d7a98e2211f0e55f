/* The syntax of configuration files; each row was tried on qemu-ga too. */
#include "config/config_file.h"

#include "unit/config/config_fixture.h"

#include <errno.h>
#include <sys/stat.h>

/* Keys come out as "group.key=raw|". */
static int collect(void *ctx, unsigned line, const char *group, const char *key, const char *raw,
                   struct cmd_error *reterr)
{
    assert_true(line > 0);
    buf_printf(ctx, "%s.%s=%s|", group, key, raw);
    return strcmp(key, "stop") == 0 ? cmd_fail(reterr, "stopped") : 0;
}

static int parse(const char *text, size_t len, struct buf *seen, struct cmd_error *reterr)
{
    CLEANUP(free_ptr) char *copy = malloc(len + 1);

    assert_non_null(copy);
    memcpy(copy, text, len);
    copy[len] = '\0';
    return config_file_parse(copy, len, collect, seen, reterr);
}

#define ROW(text, seen)                                                                            \
    {                                                                                              \
        text, sizeof(text) - 1, seen                                                               \
    }

static void lines_are_read_as_glib_reads_them(void **state)
{
    static const struct {
        const char *text;
        size_t len;
        const char *seen;
    } rows[] = {
        ROW("", ""),
        ROW("[g]\na=b\n", "g.a=b|"),
        ROW("[g]\na=b", "g.a=b|"),
        ROW("# c\n\n  \n[g]\n#x=y\n  # z\na=b", "g.a=b|"),
        ROW("  [g]  \t\n  a \t=  b c \t\n", "g.a=b c \t|"),
        ROW("[g]\r\na=b\r\n\r\n", "g.a=b|"),
        ROW("[g]\na=b\r", "g.a=b\r|"),
        ROW("[g]\na=\n", "g.a=|"),
        ROW("[g]\na=b # no comment ; here\n", "g.a=b # no comment ; here|"),
        ROW("[g]\n;a=b\n", "g.;a=b|"),
        ROW("[g]\na=b=c\n", "g.a=b=c|"),
        ROW("[g]\na b=c\n", "g.a b=c|"),
        ROW("[g]\na[de]=x\nb[]=y\n", "g.a[de]=x|g.b[]=y|"),
        ROW("[g]\na=1\n[h]\na=2\n[g]\na=3\n", "g.a=1|h.a=2|g.a=3|"),
        ROW("[a=b]\nc=d\n", "a=b.c=d|"),
        ROW("[g]\n\0junk\na=b\0junk\nc=d\n", "g.a=b|g.c=d|"),
        ROW("[g]\nEncoding=utf-8\n", "g.Encoding=utf-8|"),
        ROW("[g]\n[h]\nEncoding=latin1\n", "h.Encoding=latin1|"),
        ROW("[g\xff]\na\xff=\xff\n", "g\xff.a\xff=\xff|"),
        ROW("[g]\n\va=b\n", "g.\va=b|"),
    };
    size_t i;

    for (i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(buf_done) struct buf seen = { 0 };
        CLEANUP(cmd_error_done) struct cmd_error error = { 0 };

        assert_int_equal(parse(rows[i].text, rows[i].len, &seen, &error), 0);
        assert_string_equal(buf_terminate(&seen), rows[i].seen);
    }
}

static void broken_lines_are_refused_as_glib_refuses_them(void **state)
{
    static const struct {
        const char *text, *error;
    } rows[] = {
        { "a=b\n", "Key file does not start with a group" },
        { "[g]\njunk\n", "Key file contains line 'junk' which is not a key-value pair" },
        { "[g]\na:b\n", "Key file contains line 'a:b' which is not" },
        { "[g]\n  more\n", "Key file contains line '  more' which is not" },
        { "[g]\n=b\n", "Key file contains line '=b' which is not" },
        { "[g\na=b\n", "Key file contains line '[g' which is not" },
        { "[g] x\na=b\n", "Key file contains line '[g] x' which is not" },
        { "[]\n", "Invalid group name: " },
        { "[a[b]\n", "Invalid group name: a[b" },
        { "[a\tb]\n", "Invalid group name: a\tb" },
        { "[g]\na]=b\n", "Invalid key name: a]" },
        { "[g]\na[=b\n", "Invalid key name: a[" },
        { "[g]\na[x y]=b\n", "Invalid key name: a[x y]" },
        { "[g]\na[x]y=b\n", "Invalid key name: a[x]y" },
        { "[g]\nEncoding=latin1\n", "Key file contains unsupported encoding 'latin1'" },
        { "\xef\xbb\xbf[g]\n", "which is not a key-value pair" },
        { "[g]\nstop=1\nnext=2\n", "stopped" },
    };
    size_t i;

    for (i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(buf_done) struct buf seen = { 0 };
        CLEANUP(cmd_error_done) struct cmd_error error = { 0 };

        assert_int_equal(parse(rows[i].text, strlen(rows[i].text), &seen, &error), -1);
        assert_non_null(strstr(error.text, rows[i].error));
    }
}

static void escapes_are_taken_out_of_strings(void **state)
{
    static const struct {
        const char *raw, *also, *string;
    } rows[] = {
        { "", "", "" },
        { "a\\sb\\nc\\td\\re\\\\f", "", "a b\nc\td\re\\f" },
        { "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80" },
        { "a\\,b\\;c", ",;", "a,b;c" },
    };
    size_t i;

    for (i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(cmd_error_done) struct cmd_error error = { 0 };
        CLEANUP(free_ptr) char *text = config_file_string("k", rows[i].raw, rows[i].also, &error);

        assert_non_null(text);
        assert_string_equal(text, rows[i].string);
    }
}

static void bad_escapes_and_bytes_are_refused(void **state)
{
    static const char *const bad[] = {
        "\\q",          "a\\",
        "\\;",          "\xff",
        "\xc0\x80",     "\xe0\x80\x80",
        "\xed\xa0\x80", "\xf4\x90\x80\x80",
        "\xe2\x82",     "\xf0\x80\x80\x80",
    };
    size_t i;

    for (i = 0; i < ARRAY_LEN(bad); i++) {
        CLEANUP(cmd_error_done) struct cmd_error error = { 0 };

        assert_null(config_file_string("the-key", bad[i], "", &error));
        assert_non_null(strstr(error.text, "Key file contains key 'the-key'"));
    }
}

static int read_file(const char *path, struct cmd_error *reterr)
{
    CLEANUP(buf_done) struct buf seen = { 0 };

    return config_file_read(path, collect, &seen, reterr);
}

static void only_regular_files_of_bounded_size_are_read(void **state)
{
    struct fixture *f = *state;
    CLEANUP(cmd_error_done) struct cmd_error dir = { 0 }, fifo = { 0 }, large = { 0 };

    assert_int_equal(read_file(fixture_path(f, "none"), &dir), -ENOENT);
    assert_null(dir.text);
    assert_int_equal(read_file(f->dir, &dir), -1);
    assert_string_equal(dir.text, "Not a regular file");

    assert_int_equal(mkfifo(fixture_path(f, "fifo"), 0600), 0);
    assert_int_equal(read_file(fixture_path(f, "fifo"), &fifo), -1);
    assert_string_equal(fifo.text, "Not a regular file");

    assert_int_equal(truncate(fixture_write(f, "large", "[g]\n"), CONFIG_FILE_MAX + 1), 0);
    assert_int_equal(read_file(fixture_path(f, "large"), &large), -1);
    assert_string_equal(large.text, err_text(EFBIG));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_read_as_glib_reads_them),
        cmocka_unit_test(broken_lines_are_refused_as_glib_refuses_them),
        cmocka_unit_test(escapes_are_taken_out_of_strings),
        cmocka_unit_test(bad_escapes_and_bytes_are_refused),
        CASE(only_regular_files_of_bounded_size_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
