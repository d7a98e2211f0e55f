#include "unit/proto/compact.h"

static void request_needs_an_object(void **state)
{
    EXPECT("[]", "NO");
    EXPECT("1 ", "NO");
    EXPECT("\"a\"", "NO");
    EXPECT("true ", "NO");
    EXPECT("null ", "NO");
}

static void request_members_are_checked(void **state)
{
    EXPECT("{}", "L(QMP input lacks member 'execute')");
    EXPECT("{\"execute\":1}", "L(QMP input member 'execute' must be a string)");
    EXPECT("{\"execute\":null}", "L(QMP input member 'execute' must be a string)");
    EXPECT("{\"execute\":\"guest-ping\",\"arguments\":[]}",
           "L(QMP input member 'arguments' must be an object)");
    EXPECT("{\"execute\":\"guest-ping\",\"arguments\":null}",
           "L(QMP input member 'arguments' must be an object)");
    EXPECT("{\"execute\":\"guest-ping\",\"foo\":1}", "L(QMP input member 'foo' is unexpected)");
    EXPECT("{\"exec-oob\":\"guest-ping\"}", "L(QMP input member 'exec-oob' is unexpected)");
    EXPECT("{\"execute\":\"guest-ping\",\"control\":{}}",
           "L(QMP input member 'control' is unexpected)");
    EXPECT("{\"a\\u0000b\":1}", "L(QMP input member 'a\\u0000b' is unexpected)");
    EXPECT("{\"\\u0065xecute\":\"guest-ping\"}", "{\"return\": {}}");
}

static void request_names_are_exact(void **state)
{
    EXPECT("{\"execute\":\"Guest-Ping\"}", "{\"error\": {\"class\": \"CommandNotFound\", \"desc\": "
                                           "\"The command Guest-Ping has not been found\"}}");
    EXPECT("{\"execute\":\"guest-ping\\u0000\"}",
           "{\"error\": {\"class\": \"CommandNotFound\", \"desc\": "
           "\"The command guest-ping\\u0000 has not been found\"}}");
}

static void request_id_is_echoed_whatever_is_wrong(void **state)
{
    EXPECT("{\"execute\":\"guest-ping\",\"id\":null}", "{\"return\": {}, \"id\": null}");
    EXPECT("{\"foo\":1,\"id\":{\"a\":[]}}",
           "{\"id\": {\"a\": []}, \"error\": {\"class\": \"GenericError\", \"desc\": "
           "\"QMP input member 'foo' is unexpected\"}}");
    EXPECT("{\"execute\":\"nope\",\"id\":[1,{\"a\":2.5}]}",
           "{\"id\": [1, {\"a\": 2.5}], \"error\": {\"class\": \"CommandNotFound\", \"desc\": "
           "\"The command nope has not been found\"}}");
    EXPECT("{\"id\":7}", "{\"id\": 7, \"error\": {\"class\": \"GenericError\", \"desc\": "
                         "\"QMP input lacks member 'execute'\"}}");
}

static void request_id_is_not_the_argument_id(void **state)
{
    EXPECT("{\"execute\":\"guest-sync\",\"arguments\":{\"id\":-5},\"id\":\"x\"}",
           "{\"return\": -5, \"id\": \"x\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_needs_an_object),
        cmocka_unit_test(request_members_are_checked),
        cmocka_unit_test(request_names_are_exact),
        cmocka_unit_test(request_id_is_echoed_whatever_is_wrong),
        cmocka_unit_test(request_id_is_not_the_argument_id),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
