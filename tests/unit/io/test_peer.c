#include "io/peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct peer_rules rules_of(const char *const *users, const char *const *cids)
{
    struct cmd_error error = { 0 };
    struct peer_rules rules;

    assert_int_equal(peer_rules_parse(users, cids, &rules, &error), 0);
    return rules;
}

static bool allows(const struct peer_rules *rules, enum peer_kind kind, uint32_t id)
{
    struct peer peer = { .kind = kind, .id = id };

    return peer_is_allowed(rules, &peer);
}

static void root_the_agents_user_and_the_host_may_connect(void **state)
{
    struct peer_rules rules = rules_of(NULL, NULL);

    (void)state;
    assert_true(allows(&rules, PEER_UNIX, 0));
    assert_true(allows(&rules, PEER_UNIX, geteuid()));
    assert_false(allows(&rules, PEER_UNIX, 65534));
    assert_true(allows(&rules, PEER_VSOCK, 2));
    assert_false(allows(&rules, PEER_VSOCK, 0));
    assert_false(allows(&rules, PEER_VSOCK, 1)); /* a program of this guest */
    assert_false(allows(&rules, PEER_VSOCK, 3));
    assert_false(allows(&rules, PEER_UNKNOWN, 0));
    assert_int_equal(peer_socket_mode(&rules), 0600);
    peer_rules_done(&rules);
}

static void a_list_takes_the_place_of_the_defaults(void **state)
{
    static const char *const users[] = { "root", "65533", NULL }, *const cids[] = { "1", "7",
                                                                                    NULL };
    struct peer_rules rules = rules_of(users, cids);

    (void)state;
    assert_true(allows(&rules, PEER_UNIX, 0));
    assert_true(allows(&rules, PEER_UNIX, 65533));
    assert_false(allows(&rules, PEER_UNIX, 65534));
    assert_true(allows(&rules, PEER_VSOCK, 1));
    assert_false(allows(&rules, PEER_VSOCK, 2));
    assert_int_equal(peer_socket_mode(&rules), 0666);
    peer_rules_done(&rules);
}

static void a_star_is_everybody_and_an_empty_list_nobody(void **state)
{
    static const char *const star[] = { "*", NULL }, *const none[] = { NULL };
    struct peer_rules all = rules_of(star, star), nobody = rules_of(none, none);

    (void)state;
    assert_true(allows(&all, PEER_UNIX, 12345));
    assert_true(allows(&all, PEER_VSOCK, 1));
    assert_false(allows(&all, PEER_UNKNOWN, 0));
    assert_false(allows(&nobody, PEER_UNIX, 0));
    assert_false(allows(&nobody, PEER_VSOCK, 2));
    peer_rules_done(&all);
    peer_rules_done(&nobody);
}

static bool is_within(const char *user, const char *cid, const char *other_user,
                      const char *other_cid)
{
    const char *const users[] = { user, NULL }, *const cids[] = { cid, NULL };
    const char *const other_users[] = { other_user, NULL }, *const other_cids[] = { other_cid,
                                                                                    NULL };
    struct peer_rules rules = rules_of(users, cids), other = rules_of(other_users, other_cids);
    bool within = peer_rules_within(&rules, &other);

    peer_rules_done(&rules);
    peer_rules_done(&other);
    return within;
}

static void rules_are_within_what_allows_all_of_them(void **state)
{
    (void)state;
    assert_true(is_within("0", "2", "0", "2"));
    assert_true(is_within("0", "2", "*", "*"));
    assert_true(is_within("*", "*", "*", "*"));
    assert_false(is_within("*", "2", "0", "2"));
    assert_false(is_within("0", "*", "0", "2"));
    assert_false(is_within("65533", "2", "0", "2"));
    assert_false(is_within("0", "3", "0", "2"));
}

static void a_name_that_means_nobody_is_refused(void **state)
{
    static const char *const wrong[][2] = {
        { "no-such-user" }, { "" }, { "-1" }, { "4294967295" }, { "0x0" }, { "1 " },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct cmd_error error = { 0 };
        struct peer_rules rules;

        assert_int_equal(peer_rules_parse(wrong[i], NULL, &rules, &error), -1);
        assert_non_null(strstr(error.text, "unix-peers"));
        cmd_error_done(&error);
        assert_int_equal(peer_rules_parse(NULL, wrong[i], &rules, &error), -1);
        assert_non_null(strstr(error.text, "vsock-peers"));
        cmd_error_done(&error);
    }
}

static void the_kernel_says_who_the_peer_is(void **state)
{
    struct peer peer;
    char text[PEER_TEXT_MAX], wanted[PEER_TEXT_MAX];
    int pair[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    peer = peer_of(pair[0]);
    assert_int_equal(peer.kind, PEER_UNIX);
    assert_int_equal(peer.id, getuid());
    assert_int_equal(peer.pid, getpid());
    snprintf(wanted, sizeof(wanted), "uid %u, pid %d", getuid(), getpid());
    assert_string_equal(peer_text(&peer, text), wanted);
    close(pair[0]);
    close(pair[1]);
    assert_int_equal(peer_of(STDIN_FILENO).kind, PEER_UNKNOWN);
    peer = (struct peer){ .kind = PEER_VSOCK, .id = 1 };
    assert_string_equal(peer_text(&peer, text), "CID 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(root_the_agents_user_and_the_host_may_connect),
        cmocka_unit_test(a_list_takes_the_place_of_the_defaults),
        cmocka_unit_test(a_star_is_everybody_and_an_empty_list_nobody),
        cmocka_unit_test(rules_are_within_what_allows_all_of_them),
        cmocka_unit_test(a_name_that_means_nobody_is_refused),
        cmocka_unit_test(the_kernel_says_who_the_peer_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
