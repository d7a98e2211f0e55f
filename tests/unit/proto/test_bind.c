#include "unit/proto/compact.h"

/* A whole request to guest-<command> with these arguments, and its reply in short. */
#define CALL(command, arguments, expected)                                                         \
    EXPECT("{\"execute\":\"guest-" command "\",\"arguments\":" arguments "}", expected)

static void bind_tells_missing_and_unexpected_arguments(void **state)
{
    CALL("ping", "{\"foo\":1}", "L(Parameter 'foo' is unexpected)");
    CALL("sync", "{}", "L(Parameter 'id' is missing)");
    EXPECT("{\"execute\":\"guest-sync\"}", "L(Parameter 'id' is missing)");
    CALL("sync", "{\"id\":1,\"x\":2}", "L(Parameter 'x' is unexpected)");
    CALL("sync", "{\"x\":2}", "L(Parameter 'id' is missing)");
    CALL("sync", "{\"x\":2,\"id\":true}", "L(Invalid parameter type for 'id', expected: integer)");
    CALL("sync", "{\"id\":1,\"id\\u0000\":2}", "L(Parameter 'id\\u0000' is unexpected)");
    CALL("sync", "{\"ID\":1}", "L(Parameter 'id' is missing)");
}

static void bind_takes_int64_only_as_integer(void **state)
{
    static const char wrong[] = "L(Invalid parameter type for 'id', expected: integer)";

    CALL("sync", "{\"id\":9223372036854775807}", "{\"return\": 9223372036854775807}");
    CALL("sync", "{\"id\":-9223372036854775808}", "{\"return\": -9223372036854775808}");
    CALL("sync", "{\"id\":-0}", "{\"return\": 0}");
    CALL("sync", "{\"id\":9223372036854775808}", wrong);
    CALL("sync", "{\"id\":1e2}", wrong);
    CALL("sync", "{\"id\":1.0}", wrong);
    CALL("sync", "{\"id\":\"1\"}", wrong);
    CALL("sync", "{\"id\":null}", wrong);
    CALL("sync", "{\"id\":[]}", wrong);
}

static void bind_takes_strings_and_lists(void **state)
{
    CALL("exec", "{\"path\":\"/x\",\"arg\":[\"a\",\"\",\"\\u00e9\"],\"input-data\":\"\"}",
         "{\"return\": [\"/x\", \"a\", \"\", \"\\u00E9\", \"\", 0]}");
    CALL("exec", "{\"path\":\"/x\",\"arg\":[]}", "{\"return\": [\"/x\", 0]}");
    CALL("exec", "{\"path\":1}", "L(Invalid parameter type for 'path', expected: string)");
    CALL("exec", "{\"path\":\"/x\",\"arg\":\"x\"}",
         "L(Invalid parameter type for 'arg', expected: array)");
    CALL("exec", "{\"path\":\"/x\",\"arg\":[\"a\",1]}",
         "L(Invalid parameter type for 'arg[1]', expected: string)");
    CALL("exec", "{\"path\":\"/x\",\"arg\":null}",
         "L(Invalid parameter type for 'arg', expected: array)");
}

static void bind_refuses_nul_where_text_is_wanted(void **state)
{
    CALL("exec", "{\"path\":\"/x\\u0000\"}", "L(Parameter 'path' must not contain NUL)");
    CALL("exec", "{\"path\":\"/x\",\"arg\":[\"\\u0000\"]}",
         "L(Parameter 'arg[0]' must not contain NUL)");
    CALL("exec", "{\"path\":\"/x\",\"input-data\":\"a\\u0000\"}",
         "{\"return\": [\"/x\", \"a\\u0000\", 0]}");
}

static void bind_takes_enums_and_alternates(void **state)
{
    CALL("file-seek", "{\"handle\":1,\"whence\":\"end\"}", "{\"return\": {}}");
    CALL("file-seek", "{\"handle\":1,\"whence\":9}", "{\"return\": {}}");
    CALL("file-seek", "{\"handle\":1,\"whence\":\"bogus\"}",
         "L(Parameter 'whence' does not accept value 'bogus')");
    CALL("file-seek", "{\"handle\":1,\"whence\":\"set\\u0000\"}",
         "L(Parameter 'whence' does not accept value 'set\\u0000')");
    CALL("file-seek", "{\"handle\":1,\"whence\":true}",
         "L(Invalid parameter type for 'whence', expected: GuestFileWhence)");
    CALL("exec", "{\"path\":\"p\",\"capture-output\":true}", "{\"return\": [\"p\", 3]}");
    CALL("exec", "{\"path\":\"p\",\"capture-output\":false}", "{\"return\": [\"p\", 0]}");
    CALL("exec", "{\"path\":\"p\",\"capture-output\":\"merged\"}", "{\"return\": [\"p\", 4]}");
    CALL("exec", "{\"path\":\"p\",\"capture-output\":1}",
         "L(Invalid parameter type for 'capture-output', expected: GuestExecCaptureOutput)");
    CALL("shutdown", "{\"mode\":\"halt\"}", "{\"return\": {}}");
    CALL("shutdown", "{\"mode\":1}", "L(Invalid parameter type for 'mode', expected: string)");
    CALL("shutdown", "{\"mode\":\"x\"}", "L(Parameter 'mode' does not accept value 'x')");
}

static void bind_names_members_of_nested_structs(void **state)
{
    CALL("set-vcpus", "{\"vcpus\":[]}", "{\"return\": {}}");
    CALL("set-vcpus",
         "{\"vcpus\":[{\"logical-id\":1,\"online\":true},"
         "{\"logical-id\":2,\"online\":false,\"can-offline\":true}]}",
         "{\"return\": {}}");
    CALL("set-vcpus", "{\"vcpus\":[{\"online\":true}]}",
         "L(Parameter 'vcpus[0].logical-id' is missing)");
    CALL("set-vcpus", "{\"vcpus\":[{\"logical-id\":1,\"online\":true},{\"logical-id\":\"1\"}]}",
         "L(Invalid parameter type for 'vcpus[1].logical-id', expected: integer)");
    CALL("set-vcpus", "{\"vcpus\":[{\"logical-id\":1,\"online\":1}]}",
         "L(Invalid parameter type for 'vcpus[0].online', expected: boolean)");
    CALL("set-vcpus", "{\"vcpus\":[{\"logical-id\":1,\"online\":true,\"x\":1}]}",
         "L(Parameter 'vcpus[0].x' is unexpected)");
    CALL("set-vcpus", "{\"vcpus\":[1]}",
         "L(Invalid parameter type for 'vcpus[0]', expected: object)");
    CALL("set-vcpus", "{\"vcpus\":{}}", "L(Invalid parameter type for 'vcpus', expected: array)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bind_tells_missing_and_unexpected_arguments),
        cmocka_unit_test(bind_takes_int64_only_as_integer),
        cmocka_unit_test(bind_takes_strings_and_lists),
        cmocka_unit_test(bind_refuses_nul_where_text_is_wanted),
        cmocka_unit_test(bind_takes_enums_and_alternates),
        cmocka_unit_test(bind_names_members_of_nested_structs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
