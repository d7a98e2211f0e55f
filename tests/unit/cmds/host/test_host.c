#include "unit/cmds/fixture.h"

#include "cmds/host/host.h"

#include <sys/utsname.h>

/* A root of its own for the test, with a file in it. */
static void root_file(struct fixture *fixture, const char *dir, const char *name, const char *text)
{
    char path[256];

    assert_int_equal(sysroot_init(&fixture->env.root, fixture->dir), 0);
    for (size_t i = 1; i <= strlen(dir); i++) { /* mkdir -p */
        if (dir[i] != '/' && dir[i] != '\0')
            continue;
        snprintf(path, sizeof(path), "%s%.*s", fixture->dir, (int)i, dir);
        assert_true(mkdir(path, 0755) == 0 || errno == EEXIST);
    }
    snprintf(path, sizeof(path), "%s%s/%s", fixture->dir, dir, name);
    write_file(path, text, strlen(text));
}

static const char *str_member(struct json_object *object, const char *key)
{
    struct json_object *value = member(object, key);

    return value ? json_object_get_string(value) : NULL;
}

static void host_name_is_the_kernels(void **state)
{
    struct json_object *reply = call_json(*state, cmd_get_host_name, NULL);
    struct utsname kernel;

    uname(&kernel);
    assert_string_equal(str_member(reply, "host-name"), kernel.nodename);
    json_object_put(reply);
}

static void load_is_the_kernels(void **state)
{
    struct fixture *fixture = *state;
    struct json_object *reply;

    root_file(fixture, "/proc", "loadavg", "2.17 1.13 0.71 3/456 7890\n");
    reply = call_json(fixture, cmd_get_load, NULL);
    assert_true(json_object_get_double(member(reply, "load1m")) == 2.17);
    assert_true(json_object_get_double(member(reply, "load5m")) == 1.13);
    assert_true(json_object_get_double(member(reply, "load15m")) == 0.71);
    json_object_put(reply);
}

static void a_missing_or_broken_load_is_an_error(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(sysroot_init(&fixture->env.root, fixture->dir), 0);
    assert_reply(fixture, cmd_get_load, NULL,
                 "error: cannot query load average: No such file or directory");
    root_file(fixture, "/proc", "loadavg", "1.0 x\n");
    assert_reply(fixture, cmd_get_load, NULL,
                 "error: cannot query load average: /proc/loadavg says '1.0 x'");
}

static void timezone_follows_the_zone_as_it_is_now(void **state)
{
    static const struct {
        const char *tz, *zone;
        int offset;
    } cases[] = { { "UTC0", "UTC", 0 },
                  { "IST-5:30", "IST", 19800 },
                  { "EST5", "EST", -18000 },
                  { "Foo/Bar", "UTC", 0 } };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct json_object *reply;

        setenv("TZ", cases[i].tz, 1);
        reply = call_json(*state, cmd_get_timezone, NULL);
        assert_string_equal(str_member(reply, "zone"), cases[i].zone);
        assert_int_equal(int_member(reply, "offset"), cases[i].offset);
        json_object_put(reply);
    }
    unsetenv("TZ");
}

/* --- osinfo --------------------------------------------------------------------------- */

static struct json_object *osinfo_of(struct fixture *fixture, const char *os_release)
{
    root_file(fixture, "/etc", "os-release", os_release);
    return call_json(fixture, cmd_get_osinfo, NULL);
}

static void osinfo_tells_kernel_and_release(void **state)
{
    struct json_object *reply = osinfo_of(*state, "# comment\n"
                                                  "\n"
                                                  "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"
                                                  "NAME=\"Debian GNU/Linux\"\n"
                                                  "VERSION_ID=\"12\"\n"
                                                  "VERSION=\"12 (bookworm)\"\n"
                                                  "VERSION_CODENAME=bookworm\n"
                                                  "ID=debian\n"
                                                  "VARIANT='Server Edition'\n"
                                                  "VARIANT_ID=server");
    struct utsname kernel;

    uname(&kernel);
    assert_string_equal(str_member(reply, "kernel-release"), kernel.release);
    assert_string_equal(str_member(reply, "kernel-version"), kernel.version);
    assert_string_equal(str_member(reply, "machine"), kernel.machine);
    assert_string_equal(str_member(reply, "id"), "debian");
    assert_string_equal(str_member(reply, "name"), "Debian GNU/Linux");
    assert_string_equal(str_member(reply, "pretty-name"), "Debian GNU/Linux 12 (bookworm)");
    assert_string_equal(str_member(reply, "version"), "12 (bookworm)");
    assert_string_equal(str_member(reply, "version-id"), "12");
    assert_string_equal(str_member(reply, "variant"), "Server Edition");
    assert_string_equal(str_member(reply, "variant-id"), "server");
    assert_int_equal(json_object_object_length(reply), 10);
    json_object_put(reply);
}

static void os_release_values_are_unquoted_as_the_shell_does(void **state)
{
    static const struct {
        const char *line, *value;
    } cases[] = {
        { "NAME=plain", "plain" },
        { "NAME=", "" },
        { "NAME=\"\"", "" },
        { "NAME=\"a \\\"b\\\" \\$c \\`d\\` \\\\ \\'e\\'\"", "a \"b\" $c `d` \\ 'e'" },
        { "NAME=\"a\\nb\"", "a\\nb" },
        { "NAME='a \"b\" \\ $c'", "a \"b\" \\ $c" },
        { "NAME='it'\\''s'", "it's" },
        { "NAME=a\\ b", "a b" },
        { "NAME=two words", "two words" },
        { "  NAME=indented  ", "indented" },
        { "NAME=\"kept  \"", "kept  " },
        { "NAME=dos\r", "dos" },
        { "NAME=a=b", "a=b" },
        { "NAME=foo # bar", "foo" },
        { "NAME=foo\t#bar", "foo" },
        { "NAME=foo#bar", "foo#bar" },
        { "NAME=#foo", "#foo" },
        { "NAME= # nothing", "" },
        { "NAME=\"foo # bar\" # baz", "foo # bar" },
        { "NAME='foo # bar'#baz", "foo # bar#baz" },
        { "NAME=foo\\ # bar", "foo # bar" },
        { "NAME=two words # three", "two words" },
        { "NAME= \"a\" ", "a" },
        { "NAME=foo # it's \"open", "foo" },
        { "NAME=end\\", "end\\" },
        { "NAME=first\nNAME=last", "last" },
        { "NAME=good\nNAME=\"open", "good" },
        { "no equals sign\nNAME=good\n=x\n\"\n", "good" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct json_object *reply = osinfo_of(*state, cases[i].line);

        assert_string_equal(str_member(reply, "name"), cases[i].value);
        assert_int_equal(json_object_object_length(reply), 4);
        json_object_put(reply);
    }
}

static void without_os_release_the_kernel_is_reported(void **state)
{
    struct fixture *fixture = *state;
    struct json_object *reply;

    assert_int_equal(sysroot_init(&fixture->env.root, fixture->dir), 0);
    reply = call_json(fixture, cmd_get_osinfo, NULL);
    assert_int_equal(json_object_object_length(reply), 3);
    json_object_put(reply);
}

static void os_release_in_usr_lib_is_used_if_there_is_none_in_etc(void **state)
{
    struct fixture *fixture = *state;
    struct json_object *reply;

    root_file(fixture, "/usr/lib", "os-release", "ID=vendor\n");
    reply = call_json(fixture, cmd_get_osinfo, NULL);
    assert_string_equal(str_member(reply, "id"), "vendor");
    json_object_put(reply);
}

static void a_variable_names_another_os_release(void **state)
{
    struct fixture *fixture = *state;
    struct json_object *reply;

    write_file(path_in(fixture, "other"), "ID=other\n", 9);
    setenv("QGA_OS_RELEASE", path_in(fixture, "other"), 1);
    reply = osinfo_of(fixture, "ID=debian\n");
    assert_string_equal(str_member(reply, "id"), "other");
    json_object_put(reply);
    setenv("QGA_OS_RELEASE", "/nonexist", 1);
    reply = osinfo_of(fixture, "ID=debian\n");
    assert_null(member(reply, "id"));
    json_object_put(reply);
    unsetenv("QGA_OS_RELEASE");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(host_name_is_the_kernels),
        TEST(load_is_the_kernels),
        TEST(a_missing_or_broken_load_is_an_error),
        TEST(timezone_follows_the_zone_as_it_is_now),
        TEST(osinfo_tells_kernel_and_release),
        TEST(os_release_values_are_unquoted_as_the_shell_does),
        TEST(without_os_release_the_kernel_is_reported),
        TEST(os_release_in_usr_lib_is_used_if_there_is_none_in_etc),
        TEST(a_variable_names_another_os_release),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
