/*
 * One stuck request never takes the agent away: reads and opens hang on a filesystem that does not
 * answer, and the host goes on.
 */
#include "hang.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct fixture {
    struct agent_process agent;
    struct hang hang;
    struct client client;
};

static int setup(void **state)
{
    static const char *const options[] = { NULL };
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    agent_spawn(&fixture->agent, options);
    *state = fixture;
    if (!hang_mount(&fixture->hang, &fixture->agent)) {
        agent_end(&fixture->agent);
        free(fixture);
        *state = NULL;
        return 0;
    }
    client_open(&fixture->client, &fixture->agent);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    if (!fixture)
        return 0;
    client_close(&fixture->client);
    hang_unmount(&fixture->hang);
    agent_end(&fixture->agent);
    free(fixture);
    return 0;
}

static struct fixture *fixture_or_skip(void **state)
{
    if (!*state)
        skip();
    return *state;
}

static void send_read(struct client *client, int64_t handle, const char *id)
{
    char request[160];

    snprintf(request, sizeof(request),
             "{\"execute\":\"guest-file-read\",\"arguments\":{\"handle\":%" PRId64
             ",\"count\":16},\"id\":\"%s\"}",
             handle, id);
    client_send(client, request);
}

/* A handle on a file of the hanging filesystem whose reads hang from now on. */
static int64_t open_hanging(struct fixture *fixture, int file)
{
    int64_t handle;

    hang_tell(&fixture->hang, "hang off");
    handle = client_file_open(&fixture->client, hang_file(&fixture->hang, file), "r");
    hang_tell(&fixture->hang, "hang on");
    return handle;
}

static void a_second_client_is_unharmed(void **state)
{
    struct fixture *fixture = fixture_or_skip(state);
    struct client other;
    int64_t handle = open_hanging(fixture, 0);
    const char *path = agent_path(&fixture->agent, "plain");

    send_read(&fixture->client, handle, "stuck");
    hang_wait(&fixture->hang, 1);
    write_file(path, "abc", 3);
    client_open(&other, &fixture->agent);
    client_expect(&other, "{\"execute\":\"guest-ping\"}", "{\"return\": {}}");
    handle = client_file_open(&other, path, "r");
    client_ask(&other, "{\"execute\":\"guest-file-read\",\"arguments\":{\"handle\":%" PRId64 "}}",
               handle);
    assert_int_equal(reply_int(other.line, "count"), 3);
    client_close(&other);
    hang_tell(&fixture->hang, "hang off");
    assert_non_null(strstr(client_line(&fixture->client), "\"stuck\""));
}

static void a_sync_is_answered_and_late_replies_never_appear(void **state)
{
    struct fixture *fixture = fixture_or_skip(state);
    struct client *client = &fixture->client;
    int64_t handle = open_hanging(fixture, 1);

    send_read(client, handle, "late");
    client_send(client, "{\"execute\":\"guest-ping\",\"id\":\"ready\"}");
    hang_wait(&fixture->hang, 1);
    client_send(client, "{\"execute\":\"guest-sync\",\"arguments\":{\"id\":4711}}");
    /* what is ready goes out first, then the sync; the stuck one is dropped */
    assert_string_equal(client_line(client), "{\"return\": {}, \"id\": \"ready\"}");
    assert_string_equal(client_line(client), "{\"return\": 4711}");
    client_expect(client, "{\"execute\":\"guest-ping\",\"id\":1}", "{\"return\": {}, \"id\": 1}");
    hang_tell(&fixture->hang, "hang off");
    for (int i = 2; i < 50; i++) {
        char reply[64];

        snprintf(reply, sizeof(reply), "{\"return\": {}, \"id\": %d}", i);
        assert_string_equal(client_ask(client, "{\"execute\":\"guest-ping\",\"id\":%d}", i), reply);
        nap_ms(2);
    }
}

static void a_delimited_sync_and_the_command_behind_it_are_adjacent(void **state)
{
    struct fixture *fixture = fixture_or_skip(state);
    struct client *client = &fixture->client;

    send_read(client, open_hanging(fixture, 2), "late");
    hang_wait(&fixture->hang, 1);
    client_send(client, "{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":5}}\n"
                        "{\"execute\":\"guest-get-host-name\"}\n");
    assert_string_equal(client_line(client), "\xff{\"return\": 5}");
    assert_non_null(strstr(client_line(client), "host-name"));
    hang_tell(&fixture->hang, "hang off");
    client_expect_silence(client, 100);
}

static void a_barrier_behind_a_stuck_request_does_not_hold_the_new_session(void **state)
{
    struct fixture *fixture = fixture_or_skip(state);
    struct client *client = &fixture->client;
    const char *path = agent_path(&fixture->agent, "written");
    int64_t handle;

    send_read(client, open_hanging(fixture, 3), "late");
    client_send(client, "{\"execute\":\"guest-exec\",\"arguments\":{\"path\":\"/bin/true\"}}");
    hang_wait(&fixture->hang, 1);
    client_expect(client, "{\"execute\":\"guest-sync\",\"arguments\":{\"id\":1}}",
                  "{\"return\": 1}");
    handle = client_file_open(client, path, "w");
    client_ask(client,
               "{\"execute\":\"guest-file-write\",\"arguments\":{\"handle\":%" PRId64
               ",\"buf-b64\":\"YWJj\"}}",
               handle);
    assert_int_equal(reply_int(client->line, "count"), 3);
    hang_tell(&fixture->hang, "hang off");
    client_expect_silence(client, 100);
}

static void hanging_opens_leave_ping_sync_and_other_clients_alone(void **state)
{
    struct fixture *fixture = fixture_or_skip(state);
    struct client *client = &fixture->client;
    struct client other;
    char request[256];

    hang_tell(&fixture->hang, "opens on");
    hang_tell(&fixture->hang, "hang on");
    for (int i = 4; i < 8; i++) {
        snprintf(request, sizeof(request),
                 "{\"execute\":\"guest-file-open\",\"arguments\":{\"path\":\"%s\"}}",
                 hang_file(&fixture->hang, i));
        client_send(client, request);
    }
    hang_wait(&fixture->hang, 1);
    client_open(&other, &fixture->agent);
    client_expect(&other, "{\"execute\":\"guest-ping\"}", "{\"return\": {}}");
    client_close(&other);
    client_expect(client, "{\"execute\":\"guest-sync\",\"arguments\":{\"id\":9}}",
                  "{\"return\": 9}");
    client_expect(client, "{\"execute\":\"guest-ping\"}", "{\"return\": {}}");
    hang_tell(&fixture->hang, "hang off");
    client_expect_silence(client, 100);
}

/* More stuck requests than there are processors: the pool grows past them. */
static void many_hanging_reads_do_not_use_up_the_pool(void **state)
{
    struct fixture *fixture = fixture_or_skip(state);
    struct client *client = &fixture->client;
    int64_t handles[16];
    struct client other;

    for (int i = 0; i < 16; i++)
        handles[i] = client_file_open(client, hang_file(&fixture->hang, i), "r");
    hang_tell(&fixture->hang, "hang on");
    for (int i = 0; i < 16; i++)
        send_read(client, handles[i], "stuck");
    hang_wait(&fixture->hang, 16);
    client_open(&other, &fixture->agent);
    assert_non_null(strstr(client_ask(&other, "{\"execute\":\"guest-get-osinfo\"}"), "machine"));
    client_close(&other);
    hang_tell(&fixture->hang, "hang off");
    for (int i = 0; i < 16; i++)
        assert_int_equal(reply_int(client_line(client), "count"), 16);
}

/* A status keeps its order among those of its program, and waits for nothing else. */
static void statuses_between_stuck_reads_do_not_keep_them_apart(void **state)
{
    struct fixture *fixture = fixture_or_skip(state);
    struct client *client = &fixture->client;
    int64_t first = client_file_open(client, hang_file(&fixture->hang, 12), "r");
    int64_t second = client_file_open(client, hang_file(&fixture->hang, 13), "r");

    hang_tell(&fixture->hang, "hang on");
    send_read(client, first, "first");
    client_send(client, "{\"execute\":\"guest-exec-status\",\"arguments\":{\"pid\":1}}");
    send_read(client, second, "second");
    hang_wait(&fixture->hang, 2);
    hang_tell(&fixture->hang, "hang off");
    assert_non_null(strstr(client_line(client), "\"first\""));
    assert_non_null(strstr(client_line(client), "does not exist"));
    assert_non_null(strstr(client_line(client), "\"second\""));
}

static void requests_on_the_stuck_file_alone_wait_for_it(void **state)
{
    struct fixture *fixture = fixture_or_skip(state);
    struct client *client = &fixture->client;
    int64_t handle = open_hanging(fixture, 8);

    send_read(client, handle, "first");
    hang_wait(&fixture->hang, 1);
    client_expect(client, "{\"execute\":\"guest-sync\",\"arguments\":{\"id\":2}}",
                  "{\"return\": 2}");
    send_read(client, handle, "second");
    client_expect_silence(client, 100);
    hang_tell(&fixture->hang, "hang off");
    assert_non_null(strstr(client_line(client), "\"second\""));
    client_expect_silence(client, 50);
}

static void a_client_that_leaves_takes_its_late_replies_along(void **state)
{
    struct fixture *fixture = fixture_or_skip(state);

    send_read(&fixture->client, open_hanging(fixture, 9), "late");
    hang_wait(&fixture->hang, 1);
    client_close(&fixture->client);
    client_open(&fixture->client, &fixture->agent);
    client_expect(&fixture->client, "{\"execute\":\"guest-ping\",\"id\":1}",
                  "{\"return\": {}, \"id\": 1}");
    hang_tell(&fixture->hang, "hang off");
    client_expect_silence(&fixture->client, 100);
}

static void send_open(struct client *client, const char *path)
{
    client_request(client, "{\"execute\":\"guest-file-open\",\"arguments\":{\"path\":\"%s\"}}",
                   path);
}

/* A host that comes back again and again. */
static void attempts_to_open_a_stuck_file_hold_one_worker(void **state)
{
    struct fixture *fixture = fixture_or_skip(state);
    const char *path = hang_file(&fixture->hang, 11);
    struct client again[20];

    hang_tell(&fixture->hang, "opens on");
    hang_tell(&fixture->hang, "hang on");
    for (size_t i = 0; i < ARRAY_LEN(again); i++) {
        client_open(&again[i], &fixture->agent);
        send_open(&again[i], path);
        client_close(&again[i]);
    }
    hang_wait(&fixture->hang, 1);
    assert_true(reply_has(client_ask(&fixture->client, "{\"execute\":\"guest-get-host-name\"}"),
                          "host-name"));
    nap_ms(50);
    assert_int_equal(hang_count(&fixture->hang), 1);
    hang_tell(&fixture->hang, "hang off");
}

/* Under names of its own each attempt holds a worker, up to a limit (8 of 64). */
static void what_resyncs_leave_stuck_is_limited_and_leaves_the_rest_alone(void **state)
{
    struct fixture *fixture = fixture_or_skip(state);
    struct client *client = &fixture->client;
    struct client left[8];

    hang_tell(&fixture->hang, "opens on");
    hang_tell(&fixture->hang, "hang on");
    for (int i = 0; i < 8; i++) {
        client_open(&left[i], &fixture->agent);
        send_open(&left[i], hang_file(&fixture->hang, i));
    }
    hang_wait(&fixture->hang, 8);
    for (int i = 0; i < 8; i++)
        client_send(&left[i], "{\"execute\":\"guest-sync\",\"arguments\":{\"id\":1}}");
    for (int i = 0; i < 8; i++)
        assert_string_equal(client_line(&left[i]), "{\"return\": 1}");
    nap_ms(1200); /* what has just been left running is not taken for stuck yet */
    send_open(client, hang_file(&fixture->hang, 8));
    assert_true(reply_has(client_line(client), "too many earlier requests of this kind are stuck"));
    assert_int_equal(hang_count(&fixture->hang), 8);
    assert_true(
        reply_has(client_ask(client, "{\"execute\":\"guest-get-host-name\"}"), "host-name"));
    client_ask(client, "{\"execute\":\"guest-exec\",\"arguments\":{\"path\":\"/bin/true\"}}");
    assert_true(reply_int(client->line, "pid") > 0);
    hang_tell(&fixture->hang, "hang off");
    for (int i = 0; i < 8; i++)
        client_close(&left[i]);
    for (bool opened = false; !opened;) {
        send_open(client, hang_file(&fixture->hang, 8));
        opened = reply_has(client_line(client), "return");
    }
}

/* Writes to the file from a page whose content never comes: the inode is locked meanwhile. */
static void hold_inode(const char *path, const char *hanging_path)
{
    int target = open(path, O_RDWR | O_CLOEXEC);
    int source = open(hanging_path, O_RDONLY | O_CLOEXEC);
    void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, source, 0);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    _exit(page == MAP_FAILED || pwrite(target, page, 4096, 0) < 0);
}

/* On a tmpfs where there is one: the I/O thread reads such files itself. */
static void held_path(char path[128], const struct fixture *fixture)
{
    if (access("/dev/shm", W_OK) == 0)
        snprintf(path, 128, "/dev/shm/pqga-test-held-%d", getpid());
    else
        snprintf(path, 128, "%s", agent_path(&fixture->agent, "held"));
}

/* A user can hold the inode of any file that he may write, as long as he likes. */
static void a_file_whose_inode_is_held_stops_nobody_else(void **state)
{
    struct fixture *fixture = fixture_or_skip(state);
    struct client *client = &fixture->client;
    char path[128];
    int64_t handle;
    pid_t holder;

    held_path(path, fixture);
    write_file(path, "abc", 3);
    handle = client_file_open(client, path, "r+");
    hang_tell(&fixture->hang, "hang on");
    holder = fork();
    if (holder == 0)
        hold_inode(path, hang_file(&fixture->hang, 10));
    hang_wait(&fixture->hang, 1);
    client_request(client,
                   "{\"execute\":\"guest-file-write\",\"arguments\":{\"handle\":%" PRId64
                   ",\"buf-b64\":\"eHk=\"},\"id\":\"stuck\"}",
                   handle);
    client_expect(client, "{\"execute\":\"guest-sync\",\"arguments\":{\"id\":1}}",
                  "{\"return\": 1}");
    client_request(
        client, "{\"execute\":\"guest-file-open\",\"arguments\":{\"path\":\"%s\",\"mode\":\"w\"}}",
        path);
    client_expect(client, "{\"execute\":\"guest-sync\",\"arguments\":{\"id\":2}}",
                  "{\"return\": 2}");
    assert_true(
        reply_has(client_ask(client, "{\"execute\":\"guest-get-host-name\"}"), "host-name"));
    hang_tell(&fixture->hang, "hang off");
    assert_int_equal(waitpid(holder, NULL, 0), holder);
    client_expect_silence(client, 50);
    unlink(path);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_second_client_is_unharmed),
        CASE(a_sync_is_answered_and_late_replies_never_appear),
        CASE(a_delimited_sync_and_the_command_behind_it_are_adjacent),
        CASE(a_barrier_behind_a_stuck_request_does_not_hold_the_new_session),
        CASE(hanging_opens_leave_ping_sync_and_other_clients_alone),
        CASE(many_hanging_reads_do_not_use_up_the_pool),
        CASE(statuses_between_stuck_reads_do_not_keep_them_apart),
        CASE(requests_on_the_stuck_file_alone_wait_for_it),
        CASE(a_client_that_leaves_takes_its_late_replies_along),
        CASE(a_file_whose_inode_is_held_stops_nobody_else),
        CASE(attempts_to_open_a_stuck_file_hold_one_worker),
        CASE(what_resyncs_leave_stuck_is_limited_and_leaves_the_rest_alone),
    };

    return cmocka_run_group_tests_name("resync", tests, NULL, NULL);
}
