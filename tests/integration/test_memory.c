/*
 * What a host can make the agent hold: under each attack the peak stays within one and a half times
 * max-memory and what is fixed, and another client is served. Sanitizers have memory of their own: with
 * them only the behaviour counts.
 */
#include "hang.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_MEMORY "max-memory=64M\nmax-clients=100\n"
#define LIMIT_KIB  (uint64_t)(64 * 1024)
/* docs/ARCHITECTURE.md, "Memory": threads and heaps, and for each client its input and the small requests
 * that are not counted. */
#define FIXED_KIB      (uint64_t)(16 * 1024)
#define FOR_CLIENT_KIB (uint64_t)256
#define CLIENTS        60
#define STUCK_READ                                                                                 \
    "{\"execute\":\"guest-file-read\",\"arguments\":{\"handle\":%" PRId64 ",\"count\":16},\"id\":"

#if defined(__SANITIZE_ADDRESS__) || defined(PQGA_TSAN)
#define SANITIZED true
#else
#define SANITIZED false
#endif

struct fixture {
    struct agent_process agent;
    struct hang hang;
    bool hangs;
    uint64_t idle_kib;
    struct client other;
    struct client clients[CLIENTS];
    int count;
};

static uint64_t peak_kib(const struct fixture *fixture)
{
    char path[64], *text;
    uint64_t kib;

    snprintf(path, sizeof(path), "/proc/%d/status", fixture->agent.pid);
    text = read_file(path, NULL);
    assert_non_null(text);
    assert_non_null(strstr(text, "VmHWM:"));
    kib = strtoull(strstr(text, "VmHWM:") + 6, NULL, 10);
    free(text);
    return kib;
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    agent_spawn_configured(&fixture->agent, MAX_MEMORY);
    client_open(&fixture->other, &fixture->agent);
    client_expect(&fixture->other, PING, PONG);
    fixture->hangs = hang_mount(&fixture->hang, &fixture->agent);
    fixture->idle_kib = peak_kib(fixture);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    for (int i = 0; i < fixture->count; i++)
        client_close(&fixture->clients[i]);
    client_close(&fixture->other);
    if (fixture->hangs)
        hang_unmount(&fixture->hang);
    agent_end(&fixture->agent);
    free(fixture);
    return 0;
}

static void open_clients(struct fixture *fixture, int count)
{
    for (int i = 0; i < count; i++)
        client_open(&fixture->clients[i], &fixture->agent);
    fixture->count = count;
}

/* What the agent takes, without reading its replies: true if that is all of it. A client that is not
 * read takes nothing more for `ms`. */
static bool push(struct client *client, const char *data, size_t len, int ms)
{
    struct pollfd pollfd = { .fd = client->fd, .events = POLLOUT };

    while (len > 0) {
        ssize_t n = send(client->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n > 0) {
            data += n;
            len -= (size_t)n;
        } else if (poll(&pollfd, 1, ms) != 1) {
            return false;
        }
    }
    return true;
}

/* `begin`, `count` times `unit`, `end`; to be freed. */
static char *make_request(const char *begin, const char *unit, size_t count, const char *end)
{
    size_t begin_len = strlen(begin), len = strlen(unit);
    char *text = malloc(begin_len + count * len + strlen(end) + 1), *at = text + begin_len;

    assert_non_null(text);
    memcpy(text, begin, begin_len);
    for (size_t i = 0; i < count; i++, at += len)
        memcpy(at, unit, len);
    strcpy(at, end);
    return text;
}

/* A handle on a file whose requests hang from now on, and one request that hangs. */
static int64_t stick(struct fixture *fixture, struct client *client)
{
    int64_t handle = client_file_open(client, hang_file(&fixture->hang, 0), "r");

    hang_tell(&fixture->hang, "hang on");
    client_request(client, STUCK_READ "0}", handle);
    hang_wait(&fixture->hang, 1);
    return handle;
}

/* Another client is served, and the peak is what it may be. */
static void check(struct fixture *fixture)
{
    struct client *other = &fixture->other;
    uint64_t most = LIMIT_KIB * 3 / 2 + FIXED_KIB + (uint64_t)fixture->count * FOR_CLIENT_KIB;
    uint64_t peak;

    client_expect(other, PING, PONG);
    assert_true(reply_has(client_ask(other, "{\"execute\":\"guest-get-host-name\"}"), "host-name"));
    assert_true(reply_has(client_ask(other, "{\"execute\":\"guest-file-read\",\"arguments\":"
                                            "{\"handle\":1}}"),
                          "GenericError"));
    peak = peak_kib(fixture) - fixture->idle_kib;
    print_message("peak: %" PRIu64 " KiB above idle, of %" PRIu64 "\n", peak, most);
    if (!SANITIZED)
        assert_in_range(peak, 0, most);
}

/* A million numbers are 2 MiB of text and 16 MiB of nodes. */
static void arrays_of_numbers_that_wait_behind_a_stuck_file(void **state)
{
    struct fixture *fixture = *state;
    char begin[160], *request;
    int64_t handle;

    if (!fixture->hangs)
        skip();
    open_clients(fixture, 8);
    handle = stick(fixture, &fixture->clients[0]);
    snprintf(begin, sizeof(begin), STUCK_READ "[1", handle);
    request = make_request(begin, ",1", 1000000, "]}\n");
    for (int i = 0; i < fixture->count; i++)
        while (push(&fixture->clients[i], request, strlen(request), 300))
            ;
    check(fixture);
    free(request);
    hang_tell(&fixture->hang, "hang off");
}

/* The arguments become a list; the command that would get it is refused for something else. */
static void lists_of_arguments_that_wait_behind_a_stuck_file(void **state)
{
    struct fixture *fixture = *state;
    char begin[160], *request;

    if (!fixture->hangs)
        skip();
    open_clients(fixture, 8);
    stick(fixture, &fixture->clients[0]);
    snprintf(begin, sizeof(begin),
             "{\"execute\":\"guest-exec\",\"arguments\":{\"path\":\"/nonexistent\",\"arg\":[\"\"");
    request = make_request(begin, ",\"\"", 900000, "]}}\n");
    for (int i = 1; i < fixture->count; i++)
        client_request(&fixture->clients[i], STUCK_READ "0}", (int64_t)1000);
    for (int i = 0; i < fixture->count; i++)
        while (push(&fixture->clients[i], request, strlen(request), 300))
            ;
    check(fixture);
    free(request);
    hang_tell(&fixture->hang, "hang off");
}

/* Each byte becomes six. */
static void ids_that_need_escapes_of_clients_that_do_not_read(void **state)
{
    struct fixture *fixture = *state;
    char *request = make_request("{\"execute\":\"guest-ping\",\"id\":\"", "\x7f", 5 * MIB, "\"}\n");
    char *wrong = make_request("{\"execute\":\"guest-pong\",\"id\":\"", "\x7f", 5 * MIB, "\"}\n");

    open_clients(fixture, 8);
    for (int i = 0; i < fixture->count; i++)
        for (int n = 0; n < 20; n++)
            if (!push(&fixture->clients[i], i % 2 ? request : wrong, strlen(request), 300))
                break;
    check(fixture);
    free(request);
    free(wrong);
}

static void an_id_that_is_too_long_is_an_error_without_it(void **state)
{
    static const char *const begins[] = {
        "{\"execute\":\"guest-ping\",\"id\":\"",
        "{\"execute\":\"guest-get-host-name\",\"id\":\"",
        "{\"execute\":\"nope\",\"id\":\"",
        "{\"execute\":\"guest-fsfreeze-status\",\"id\":\"",
        "{\"execute\":\"guest-sync\",\"arguments\":{\"id\":1},\"id\":\"",
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < ARRAY_LEN(begins); i++) {
        char *request = make_request(begins[i], "\x7f", 50 * MIB, "\"}\n");

        client_expect(&fixture->other, request, GE("the id is too long to be given back"));
        free(request);
    }
    check(fixture);
}

static void half_read_messages_of_many_clients(void **state)
{
    struct fixture *fixture = *state;
    char *half = make_request("{\"execute\":\"guest-ping\",\"id\":\"", "x", 30 * MIB, "");

    open_clients(fixture, CLIENTS);
    for (int i = 0; i < CLIENTS; i++)
        push(&fixture->clients[i], half, strlen(half), 30);
    check(fixture);
    free(half);
}

struct sender {
    const char *data;
    size_t left;
    bool answered;
};

/* Sends what is taken and reads what comes. */
static void pump(struct client *client, struct sender *sender)
{
    static char piece[MIB];
    ssize_t n = send(client->fd, sender->data, sender->left, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (n > 0) {
        sender->data += n;
        sender->left -= (size_t)n;
    }
    while ((n = recv(client->fd, piece, sizeof(piece), MSG_DONTWAIT)) > 0)
        sender->answered |= piece[n - 1] == '\n';
}

/* None of them fits beside another: somebody always goes on, and all come to their end. */
static void large_messages_at_once_are_all_answered(void **state)
{
    struct fixture *fixture = *state;
    char *request = make_request("{\"execute\":\"guest-ping\",\"id\":\"", "x", 30 * MIB, "\"}\n");
    struct sender senders[6];
    int answered = 0;
    int64_t deadline = monotonic_ms() + 4 * PATIENCE_MS;

    open_clients(fixture, ARRAY_LEN(senders));
    for (int i = 0; i < fixture->count; i++)
        senders[i] = (struct sender){ request, strlen(request), false };
    while (answered < fixture->count) {
        assert_true(monotonic_ms() < deadline);
        answered = 0;
        for (int i = 0; i < fixture->count; i++) {
            pump(&fixture->clients[i], &senders[i]);
            answered += senders[i].answered;
        }
        nap_ms(1);
    }
    for (int i = 0; i < fixture->count; i++)
        assert_int_equal(senders[i].left, 0);
    check(fixture);
    free(request);
}

/* More jobs than the scheduler has places: 40 clients wait for each other, another one does not. */
static void many_requests_behind_a_stuck_one(void **state)
{
    struct fixture *fixture = *state;
    char begin[160], *request;
    int64_t handle;

    if (!fixture->hangs)
        skip();
    open_clients(fixture, 40);
    handle = stick(fixture, &fixture->clients[0]);
    snprintf(begin, sizeof(begin), STUCK_READ "\"", handle);
    request = make_request(begin, "x", 500, "\"}\n");
    for (int i = 0; i < fixture->count; i++)
        for (int n = 0; n < 1000; n++)
            if (!push(&fixture->clients[i], request, strlen(request), 300))
                break;
    check(fixture);
    hang_tell(&fixture->hang, "hang off");
    for (int i = 0; i < fixture->count; i++) /* none is an error */
        for (int n = 0; n < 100; n++)
            assert_true(reply_has(client_line(&fixture->clients[i]), "\"count\": 16"));
    free(request);
}

static void reads_of_clients_that_do_not_read(void **state)
{
    struct fixture *fixture = *state;
    int64_t handle;

    write_file(agent_path(&fixture->agent, "zeros"), "", 0);
    assert_int_equal(truncate(agent_path(&fixture->agent, "zeros"), 1024 * MIB), 0);
    open_clients(fixture, 10);
    handle = client_file_open(&fixture->other, agent_path(&fixture->agent, "zeros"), "r");
    for (int i = 0; i < fixture->count; i++)
        for (int n = 0; n < 10; n++)
            client_request(&fixture->clients[i],
                           "{\"execute\":\"guest-file-read\",\"arguments\":{\"handle\":%" PRId64
                           ",\"count\":8388608}}\n",
                           handle);
    agent_settled(&fixture->agent, agent_cpu_ms, 300);
    check(fixture);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(arrays_of_numbers_that_wait_behind_a_stuck_file),
        CASE(lists_of_arguments_that_wait_behind_a_stuck_file),
        CASE(ids_that_need_escapes_of_clients_that_do_not_read),
        CASE(an_id_that_is_too_long_is_an_error_without_it),
        CASE(half_read_messages_of_many_clients),
        CASE(large_messages_at_once_are_all_answered),
        CASE(many_requests_behind_a_stuck_one),
        CASE(reads_of_clients_that_do_not_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
