/*
 * Many clients that pipeline, wait, half-read and leave at random: every reply has to be in its
 * place, with its bytes.
 *
 * Each client is a thread with a file of its own, a file that all share (each writes only its own
 * part), a random program and its expectations, which it makes while it sends.
 */
#include "peer.h"

#include <pthread.h>

#define CLIENTS    16
#define BATCH_MAX  40
#define FILE_BYTES 4096
#define WRITE_MAX  2000

#ifdef PQGA_TSAN
#define ROUNDS 25
#elif defined(__SANITIZE_ADDRESS__)
#define ROUNDS 60
#else
#define ROUNDS 150
#endif

enum step {
    STEP_PING,
    STEP_SLOW, /* a command for a worker */
    STEP_READ,
    STEP_WRITE,
    STEP_EXEC,
    STEP_STATUS,
    STEP_SYNC,
    STEP_ERROR,
};

/* What the answer of a step has to be. */
struct expected {
    enum step step;
    int id;
    int handle_place; /* READ, WRITE: 0 own file, 1 shared file */
    size_t offset, len;
    unsigned char *bytes; /* READ: what the file held; owned */
};

struct host {
    const struct agent_process *agent;
    pthread_t thread;
    unsigned number;
    uint32_t seed;
    struct peer peer;
    int next_id;
    int64_t handles[2];
    unsigned char contents[2][FILE_BYTES];
    int64_t pid; /* the last program, 0: none asked for */
    bool pid_pending;
    struct expected batch[BATCH_MAX];
    unsigned batch_count;
    char *requests;
    size_t requests_len;
    FILE *out;
};

/* --- making requests -------------------------------------------------------------------- */

static struct expected *expect(struct host *host, enum step step)
{
    struct expected *expected = &host->batch[host->batch_count++];

    *expected = (struct expected){ .step = step, .id = ++host->next_id };
    return expected;
}

/* The part of a file that is this client's: all of its own one. */
static void own_part(const struct host *host, int place, size_t *ret_start, size_t *ret_size)
{
    *ret_size = place ? FILE_BYTES / CLIENTS : FILE_BYTES;
    *ret_start = place ? host->number * *ret_size : 0;
}

static void add_seek(struct host *host, int place, size_t offset)
{
    fprintf(host->out,
            "{\"execute\":\"guest-file-seek\",\"id\":\"seek\",\"arguments\":{\"handle\":%" PRId64
            ",\"offset\":%zu,\"whence\":\"set\"}}",
            host->handles[place], offset);
}

static void add_transfer(struct host *host, enum step step)
{
    struct expected *expected = expect(host, step);
    size_t start, size;
    char *encoded;

    expected->handle_place = random_next(&host->seed) % 4 == 0;
    own_part(host, expected->handle_place, &start, &size);
    expected->offset = start + random_next(&host->seed) % size;
    expected->len = random_next(&host->seed) % WRITE_MAX + 1;
    expected->len = MIN_OF(start + size - expected->offset, expected->len);
    add_seek(host, expected->handle_place, expected->offset);
    if (step == STEP_READ) {
        expected->bytes = malloc(expected->len);
        memcpy(expected->bytes, host->contents[expected->handle_place] + expected->offset,
               expected->len);
        fprintf(host->out,
                "{\"execute\":\"guest-file-read\",\"id\":%d,\"arguments\":{\"handle\":%" PRId64
                ",\"count\":%zu}}\n",
                expected->id, host->handles[expected->handle_place], expected->len);
        return;
    }
    for (size_t i = 0; i < expected->len; i++)
        host->contents[expected->handle_place][expected->offset + i] =
            (unsigned char)random_next(&host->seed);
    encoded = base64_of(host->contents[expected->handle_place] + expected->offset, expected->len);
    fprintf(host->out,
            "{\"execute\":\"guest-file-write\",\"id\":%d,\"arguments\":{\"handle\":%" PRId64
            ",\"buf-b64\":\"%s\"}}",
            expected->id, host->handles[expected->handle_place], encoded);
    free(encoded);
}

/* A program, and the question for its end when there is one to ask for. */
static void add_exec(struct host *host)
{
    struct expected *expected;

    if (host->pid_pending) /* one at a time: the answer is needed first */
        return;
    if (host->pid) {
        expected = expect(host, STEP_STATUS);
        fprintf(host->out,
                "{\"execute\":\"guest-exec-status\",\"id\":%d,\"arguments\":{\"pid\":%" PRId64 "}}",
                expected->id, host->pid);
    } else {
        expected = expect(host, STEP_EXEC);
        fprintf(host->out,
                "{\"execute\":\"guest-exec\",\"id\":%d,\"arguments\":{\"path\":\"/bin/echo\","
                "\"arg\":[\"-n\",\"%u\"],\"capture-output\":true}}",
                expected->id, host->number);
    }
    host->pid_pending = true;
}

static void add_step(struct host *host)
{
    static const char *const slow[] = { "guest-get-host-name", "guest-get-load",
                                        "guest-get-timezone", "guest-fsfreeze-status" };
    uint32_t choice = random_next(&host->seed) % 100;

    if (choice < 25) {
        fprintf(host->out, "{\"execute\":\"guest-ping\",\"id\":%d}", expect(host, STEP_PING)->id);
    } else if (choice < 35) {
        fprintf(host->out, "{\"id\":%d,\"execute\":\"%s\"}\n", expect(host, STEP_SLOW)->id,
                slow[choice % ARRAY_LEN(slow)]);
    } else if (choice < 60) {
        add_transfer(host, STEP_READ);
    } else if (choice < 85) {
        add_transfer(host, STEP_WRITE);
    } else if (choice < 88) {
        add_exec(host);
    } else if (choice < 94) {
        struct expected *expected = expect(host, STEP_SYNC);

        fprintf(host->out, "{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":%d}}",
                expected->id);
    } else {
        expect(host, STEP_ERROR);
        fprintf(host->out, "{\"execute\":\"guest-ping\",}\n");
    }
}

/* --- checking replies ------------------------------------------------------------------- */

static bool check_read(struct host *host, const struct expected *expected, char *line)
{
    static const char key[] = "\"buf-b64\": \"";
    char *text = strstr(line, key), *end, *bytes, *wanted;
    bool same;

    if (!text || !(end = strchr(text + sizeof(key) - 1, '"')))
        return peer_failed(&host->peer, "not the answer of a read: %.200s", line);
    bytes = text + sizeof(key) - 1;
    wanted = base64_of(expected->bytes, expected->len);
    same = strlen(wanted) == (size_t)(end - bytes) && memcmp(bytes, wanted, strlen(wanted)) == 0;
    free(wanted);
    return same || peer_failed(&host->peer, "read %d of file %d at %zu: %.200s", expected->id,
                               expected->handle_place, expected->offset, line);
}

/* The end may be told, or not yet. */
static bool check_status(struct host *host, const char *line)
{
    char wanted[80], number[16], *encoded;

    host->pid_pending = false;
    if (strstr(line, "\"exited\": false"))
        return true;
    snprintf(number, sizeof(number), "%u", host->number);
    encoded = base64_of(number, strlen(number));
    snprintf(wanted, sizeof(wanted), "\"out-data\": \"%s\"", encoded);
    free(encoded);
    host->pid = 0;
    return strstr(line, wanted) ? true : peer_failed(&host->peer, "not the output: %.300s", line);
}

static bool check_exec(struct host *host, const char *line)
{
    const char *pid = strstr(line, "\"pid\": ");

    host->pid_pending = false;
    host->pid = pid ? strtoll(pid + 7, NULL, 10) : 0;
    return pid ? true : peer_failed(&host->peer, "no pid: %.200s", line);
}

static bool has_id(const char *line, int id)
{
    char text[32];

    snprintf(text, sizeof(text), "\"id\": %d", id);
    line = strstr(line, text);
    return line && strchr(",}", line[strlen(text)]);
}

static bool check_seek(struct host *host, const struct expected *expected)
{
    const char *line = peer_line(&host->peer);
    char wanted[80];

    if (!line)
        return false;
    snprintf(wanted, sizeof(wanted), "{\"return\": {\"position\": %zu, ", expected->offset);
    if (strncmp(line, wanted, strlen(wanted)) == 0 && strstr(line, "\"id\": \"seek\""))
        return true;
    return peer_failed(&host->peer, "instead of seek before %d: %.200s", expected->id, line);
}

/* The answer of one step; a transfer has that of its seek before it. */
static bool check_step(struct host *host, const struct expected *expected)
{
    bool transfer = expected->step == STEP_READ || expected->step == STEP_WRITE;
    char wanted[120], *line;

    if (transfer && !check_seek(host, expected))
        return false;
    line = peer_line(&host->peer);
    if (!line)
        return false;
    switch (expected->step) {
    case STEP_SYNC:
        snprintf(wanted, sizeof(wanted), "\xff{\"return\": %d}", expected->id);
        break;
    case STEP_ERROR:
        snprintf(wanted, sizeof(wanted), "%s", GE("JSON parse error, expecting key"));
        break;
    case STEP_PING:
        snprintf(wanted, sizeof(wanted), "{\"return\": {}, \"id\": %d}", expected->id);
        break;
    case STEP_WRITE:
        snprintf(wanted, sizeof(wanted),
                 "{\"return\": {\"count\": %zu, \"eof\": false}, \"id\": %d}", expected->len,
                 expected->id);
        break;
    default:
        if (!has_id(line, expected->id) || !strstr(line, "\"return\": "))
            return peer_failed(&host->peer, "not the answer %d: %.200s", expected->id, line);
        if (expected->step == STEP_READ)
            return check_read(host, expected, line);
        if (expected->step == STEP_EXEC)
            return check_exec(host, line);
        return expected->step == STEP_STATUS ? check_status(host, line) : true;
    }
    return strcmp(line, wanted) == 0 ||
           peer_failed(&host->peer, "instead of %s: %.200s", wanted, line);
}

/* --- rounds ----------------------------------------------------------------------------- */

static void forget_batch(struct host *host)
{
    for (unsigned i = 0; i < host->batch_count; i++)
        free(host->batch[i].bytes);
    host->batch_count = 0;
}

static void make_batch(struct host *host)
{
    unsigned count = 1 + random_next(&host->seed) % (BATCH_MAX - 1);

    host->out = open_memstream(&host->requests, &host->requests_len);
    while (host->batch_count < count)
        add_step(host);
    fclose(host->out);
}

/* Leaves with answers unread, perhaps in the middle of a request, and comes back. */
static bool leave_and_return(struct host *host)
{
    static const char half[] = "{\"execute\":\"guest-ping\",\"argum";
    char request[256];
    const char *line;

    if (random_next(&host->seed) % 2 && !peer_send(&host->peer, half, sizeof(half) - 1))
        return false;
    peer_close(&host->peer);
    host->pid_pending = false;
    if (!peer_connect(&host->peer, host->agent->socket))
        return false;
    snprintf(request, sizeof(request), "{\"execute\":\"guest-sync\",\"arguments\":{\"id\":%d}}",
             ++host->next_id);
    if (!peer_send(&host->peer, request, strlen(request)) || !(line = peer_line(&host->peer)))
        return false;
    snprintf(request, sizeof(request), "{\"return\": %d}", host->next_id);
    return strcmp(line, request) == 0 ||
           peer_failed(&host->peer, "after a reconnect: %.200s", line);
}

/* Pings only: their loss changes nothing. */
static bool abandon_round(struct host *host)
{
    for (int i = 0; i < 30; i++) {
        static const char requests[] =
            "{\"execute\":\"guest-ping\"}{\"execute\":\"guest-get-load\"}";

        if (!peer_send(&host->peer, requests, sizeof(requests) - 1))
            return false;
    }
    if (random_next(&host->seed) % 2 && !peer_line(&host->peer))
        return false;
    return leave_and_return(host);
}

static bool run_round(struct host *host)
{
    bool good;

    if (random_next(&host->seed) % 10 == 0)
        return abandon_round(host);
    make_batch(host);
    good = peer_send(&host->peer, host->requests, host->requests_len);
    for (unsigned i = 0; good && i < host->batch_count; i++)
        good = check_step(host, &host->batch[i]);
    forget_batch(host);
    free(host->requests);
    return good;
}

static bool open_file(struct host *host, int place, const char *name)
{
    char request[300], *line, *end;

    snprintf(request, sizeof(request),
             "{\"execute\":\"guest-file-open\",\"arguments\":{\"path\":\"%s/%s\",\"mode\":\"r+\"}}",
             host->agent->dir, name);
    if (!peer_send(&host->peer, request, strlen(request)) || !(line = peer_line(&host->peer)))
        return false;
    if (strncmp(line, "{\"return\": ", 11) != 0)
        return peer_failed(&host->peer, "open: %.200s", line);
    host->handles[place] = strtoll(line + 11, &end, 10);
    return true;
}

static bool end_program(struct host *host)
{
    char request[100];
    const char *line;

    while (host->pid) {
        snprintf(request, sizeof(request),
                 "{\"execute\":\"guest-exec-status\",\"arguments\":{\"pid\":%" PRId64 "}}",
                 host->pid);
        if (!peer_send(&host->peer, request, strlen(request)) || !(line = peer_line(&host->peer)) ||
            !check_status(host, line))
            return false;
        nap_ms(2);
    }
    return true;
}

static void *host_main(void *arg)
{
    struct host *host = arg;
    char name[16];
    bool good;

    snprintf(name, sizeof(name), "own%u", host->number);
    good = peer_connect(&host->peer, host->agent->socket) && open_file(host, 0, name) &&
           open_file(host, 1, "shared");
    for (int round = 0; good && round < ROUNDS; round++)
        good = run_round(host);
    if (good)
        end_program(host);
    peer_close(&host->peer);
    return NULL;
}

static void check_file(const struct agent_process *agent, const char *name, const void *wanted,
                       size_t offset, size_t len)
{
    size_t file_len;
    char *text = read_file(agent_path(agent, name), &file_len);

    assert_non_null(text);
    assert_int_equal(file_len, FILE_BYTES);
    assert_memory_equal(text + offset, wanted, len);
    free(text);
}

static void start_hosts(struct host *hosts, const struct agent_process *agent)
{
    static const char zeros[FILE_BYTES];
    char name[16];

    write_file(agent_path(agent, "shared"), zeros, sizeof(zeros));
    for (unsigned i = 0; i < CLIENTS; i++) {
        snprintf(name, sizeof(name), "own%u", i);
        write_file(agent_path(agent, name), zeros, sizeof(zeros));
        hosts[i].agent = agent;
        hosts[i].number = i;
        hosts[i].seed = 12345 + i;
        hosts[i].peer.fd = -1;
        PTOK(pthread_create(&hosts[i].thread, NULL, host_main, &hosts[i]));
    }
}

static void every_reply_of_many_clients_has_its_place_and_its_bytes(void **state)
{
    struct host *hosts = calloc(CLIENTS, sizeof(*hosts));
    unsigned failures = 0;

    assert_non_null(hosts);
    start_hosts(hosts, *state);
    for (unsigned i = 0; i < CLIENTS; i++)
        PTOK(pthread_join(hosts[i].thread, NULL));
    for (unsigned i = 0; i < CLIENTS; i++) {
        if (hosts[i].peer.failure[0]) {
            print_error("client %u: %s\n", i, hosts[i].peer.failure);
            failures++;
        }
    }
    assert_int_equal(failures, 0);
    for (unsigned i = 0; i < CLIENTS; i++) {
        size_t start, size;
        char name[16];

        snprintf(name, sizeof(name), "own%u", i);
        check_file(*state, name, hosts[i].contents[0], 0, FILE_BYTES);
        own_part(&hosts[i], 1, &start, &size);
        check_file(*state, "shared", hosts[i].contents[1] + start, start, size);
    }
    free(hosts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_reply_of_many_clients_has_its_place_and_its_bytes,
                                        setup_agent, teardown_agent),
    };

    return cmocka_run_group_tests_name("pipeline", tests, NULL, NULL);
}
