/*
 * Too many clients and too little of everything: the agent goes on for those who are there.
 */
#include "peer.h"

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <unistd.h>

#define FLOODERS    64
#define FLOOD_DEPTH 100
#define FLOOD_BYTES (16 * KIB)
#define QUIET_PINGS 200
#define WAITERS     40

static rlim_t descriptors_of(const struct agent_process *agent)
{
    char path[64];
    rlim_t count = 0;
    DIR *dir;

    snprintf(path, sizeof(path), "/proc/%d/fd", (int)agent->pid);
    dir = opendir(path);
    assert_non_null(dir);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count - 2; /* . and .. */
}

static void limit(const struct agent_process *agent, __rlimit_resource_t what, rlim_t value)
{
    struct rlimit limits;

    assert_int_equal(prlimit(agent->pid, what, NULL, &limits), 0);
    limits.rlim_cur = value;
    assert_int_equal(prlimit(agent->pid, what, &limits, NULL), 0);
}

/* --- no descriptors --------------------------------------------------------------------- */

/* Who comes while no descriptor is free waits in the backlog, and is served when one is. */
static void clients_wait_for_a_descriptor(void **state)
{
    const struct agent_process *agent = *state;
    struct client first, waiters[WAITERS];

    client_open(&first, agent);
    client_expect(&first, PING, PONG);
    limit(agent, RLIMIT_NOFILE, descriptors_of(agent) + 2);
    for (unsigned i = 0; i < WAITERS; i++) {
        client_open(&waiters[i], agent);
        client_send(&waiters[i], PING);
    }
    for (unsigned i = 0; i < 20; i++) {
        client_expect(&first, PING, PONG);
        client_ask(&first, "{\"execute\":\"guest-get-load\"}");
    }
    limit(agent, RLIMIT_NOFILE, 1024);
    for (unsigned i = 0; i < WAITERS; i++)
        assert_string_equal(client_line(&waiters[i]), PONG);
    for (unsigned i = 0; i < WAITERS; i++)
        client_close(&waiters[i]);
    client_close(&first);
}

/* --- no threads ------------------------------------------------------------------------- */

static rlim_t address_space_of(const struct agent_process *agent)
{
    char path[64], *text;
    rlim_t pages;

    snprintf(path, sizeof(path), "/proc/%d/statm", (int)agent->pid);
    text = read_file(path, NULL);
    assert_non_null(text);
    pages = strtoull(text, NULL, 10);
    free(text);
    return pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

/* Without memory for a stack no worker can be started: those that there are do it all. */
static void requests_are_served_without_new_threads(void **state)
{
    const struct agent_process *agent = *state;
    struct client client;

#if defined(PQGA_TSAN) || defined(__SANITIZE_ADDRESS__)
    skip(); /* a sanitizer wants address space of its own */
#endif
    client_open(&client, agent);
    client_ask(&client, "{\"execute\":\"guest-get-users\"}"); /* a first worker */
    limit(agent, RLIMIT_AS, address_space_of(agent) + 256 * KIB);
    for (unsigned i = 0; i < 300; i++)
        client_request(&client, "{\"execute\":\"guest-get-%s\",\"id\":%u}",
                       i % 2 ? "users" : "timezone", i);
    for (unsigned i = 0; i < 300; i++)
        assert_int_equal(reply_int(client_line(&client), "id"), i);
    limit(agent, RLIMIT_AS, RLIM_INFINITY);
    client_sync(&client);
    client_close(&client);
}

/* --- a flood ---------------------------------------------------------------------------- */

struct flooder {
    pthread_t thread;
    struct peer peer;
    const struct agent_process *agent;
    _Atomic bool *enough;
};

static bool flood(struct flooder *flooder, int64_t handle)
{
    char request[200];
    int len = snprintf(request, sizeof(request),
                       "{\"execute\":\"guest-file-seek\",\"arguments\":{\"handle\":%" PRId64
                       ",\"offset\":0,\"whence\":0}}{\"execute\":\"guest-file-read\","
                       "\"arguments\":{\"handle\":%" PRId64 ",\"count\":%zu}}",
                       handle, handle, (size_t)FLOOD_BYTES);

    for (unsigned i = 0; i < FLOOD_DEPTH; i++)
        if (!peer_send(&flooder->peer, request, (size_t)len))
            return false;
    for (unsigned i = 0; i < FLOOD_DEPTH; i++) {
        const char *seek = peer_line(&flooder->peer);
        bool good = seek && strstr(seek, "\"position\": 0");
        const char *read = good ? peer_line(&flooder->peer) : NULL;

        if (!read || !strstr(read, "\"count\": 16384"))
            return peer_failed(&flooder->peer, "not a read: %.200s", read ? read : "");
    }
    return true;
}

static void *flooder_main(void *arg)
{
    struct flooder *flooder = arg;
    char request[200];
    const char *line;
    int64_t handle = 0;
    bool good;

    snprintf(request, sizeof(request),
             "{\"execute\":\"guest-file-open\",\"arguments\":{\"path\":\"%s/data\"}}",
             flooder->agent->dir);
    good = peer_connect(&flooder->peer, flooder->agent->socket) &&
           peer_send(&flooder->peer, request, strlen(request)) &&
           (line = peer_line(&flooder->peer)) && sscanf(line, "{\"return\": %" SCNd64, &handle);
    while (good && !atomic_load(flooder->enough))
        good = flood(flooder, handle);
    peer_close(&flooder->peer);
    return NULL;
}

static void a_quiet_client_is_heard_beside_a_flood(void **state)
{
    const struct agent_process *agent = *state;
    struct flooder *flooders = calloc(FLOODERS, sizeof(*flooders));
    char *data = calloc(1, FLOOD_BYTES);
    _Atomic bool enough = false;
    struct client quiet;

    assert_non_null(flooders);
    assert_non_null(data);
    write_file(agent_path(agent, "data"), data, FLOOD_BYTES);
    for (unsigned i = 0; i < FLOODERS; i++) {
        flooders[i] = (struct flooder){ .agent = agent, .enough = &enough, .peer.fd = -1 };
        PTOK(pthread_create(&flooders[i].thread, NULL, flooder_main, &flooders[i]));
    }
    client_open(&quiet, agent);
    for (unsigned i = 0; i < QUIET_PINGS; i++)
        client_expect(&quiet, PING, PONG);
    client_ask(&quiet, "{\"execute\":\"guest-get-host-name\"}");
    client_close(&quiet);
    atomic_store(&enough, true);
    for (unsigned i = 0; i < FLOODERS; i++)
        PTOK(pthread_join(flooders[i].thread, NULL));
    for (unsigned i = 0; i < FLOODERS; i++)
        if (flooders[i].peer.failure[0])
            fail_msg("flooder %u: %s", i, flooders[i].peer.failure);
    free(flooders);
    free(data);
}

static int setup_for_many(void **state)
{
    static const char max_clients[] = "max-clients=128\n";
    struct agent_process *agent = calloc(1, sizeof(*agent));

    assert_non_null(agent);
    agent_spawn_configured(agent, max_clients);
    *state = agent;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(clients_wait_for_a_descriptor, setup_for_many,
                                        teardown_agent),
        cmocka_unit_test_setup_teardown(requests_are_served_without_new_threads, setup_agent,
                                        teardown_agent),
        cmocka_unit_test_setup_teardown(a_quiet_client_is_heard_beside_a_flood, setup_for_many,
                                        teardown_agent),
    };

    return cmocka_run_group_tests_name("scarcity", tests, NULL, NULL);
}
