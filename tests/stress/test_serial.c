/*
 * Serial equivalence: random programs of open, read, write, seek, flush, close, exec and status,
 * deeply pipelined, whose replies have to be those of requests served one after the other.
 *
 * Each client is a thread with files of its own, two names to each inode, and a model of them
 * (file_model.h). It works the reply out while it makes the request. A client that is alone knows
 * the number of the next handle too, and uses it before the open is answered.
 */
#include "file_model.h"
#include "peer.h"

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS   8
#define FILES     3
#define HANDLES   8
#define BATCH_MAX 200
#define WRITE_MAX 3000
#define OUTPUT    100000 /* more than a pipe holds */

#ifdef PQGA_TSAN
#define ROUNDS 12
#elif defined(__SANITIZE_ADDRESS__)
#define ROUNDS 25
#else
#define ROUNDS 60
#endif

enum slot_state { SLOT_EMPTY, SLOT_ASKED, SLOT_OPEN };

struct slot {
    enum slot_state state;
    int64_t number;
    struct model_handle model;
};

enum kind {
    KIND_EXACT, /* the reply is known to the byte */
    KIND_ERROR,
    KIND_OPEN,
    KIND_EXEC,
    KIND_STATUS,
};

struct expected {
    enum kind kind;
    int id;
    unsigned slot;
    char *line; /* EXACT; owned */
};

struct host {
    const struct agent_process *agent;
    pthread_t thread;
    unsigned number;
    uint32_t seed;
    bool alone;
    struct peer peer;
    int next_id;
    int64_t last_handle; /* alone: the highest that was given out */
    struct model_file files[FILES];
    struct slot slots[HANDLES];
    int64_t pid; /* 0: none */
    bool pid_asked, pid_told;
    struct expected batch[BATCH_MAX];
    unsigned count;
    FILE *out;
};

static unsigned below(struct host *host, unsigned limit)
{
    return random_next(&host->seed) % limit;
}

static struct expected *expect(struct host *host, enum kind kind)
{
    struct expected *expected = &host->batch[host->count++];

    *expected = (struct expected){ .kind = kind, .id = ++host->next_id };
    return expected;
}

/* What the model says: its reply, or an error. */
static void settle(struct expected *expected, char *line)
{
    expected->kind = line ? KIND_EXACT : KIND_ERROR;
    expected->line = line;
}

/* --- making requests -------------------------------------------------------------------- */

static void add_open(struct host *host)
{
    static const char *const modes[] = { "r", "r+", "w", "w+", "a", "r+", "r" };
    unsigned place = below(host, FILES), slot = below(host, HANDLES);
    const char *mode = modes[below(host, ARRAY_LEN(modes))];
    struct expected *expected;

    if (host->slots[slot].state != SLOT_EMPTY)
        return;
    expected = expect(host, KIND_OPEN);
    expected->slot = slot;
    model_open(&host->slots[slot].model, &host->files[place], mode);
    host->slots[slot].state = SLOT_ASKED;
    if (host->alone) {
        host->slots[slot].number = ++host->last_handle;
        host->slots[slot].state = SLOT_OPEN;
    }
    fprintf(host->out,
            "{\"execute\":\"guest-file-open\",\"id\":%d,\"arguments\":{\"path\":\"%s/%s%u.%u\","
            "\"mode\":\"%s\"}}\n",
            expected->id, host->agent->dir, below(host, 2) ? "one" : "two", host->number, place,
            mode);
}

static void add_read(struct host *host, struct slot *slot)
{
    struct expected *expected = expect(host, KIND_EXACT);
    size_t count = 1 + below(host, 5000);

    settle(expected, model_read(&slot->model, count, expected->id));
    fprintf(host->out,
            "{\"execute\":\"guest-file-read\",\"id\":%d,\"arguments\":{\"handle\":%" PRId64
            ",\"count\":%zu}}",
            expected->id, slot->number, count);
}

static void add_write(struct host *host, struct slot *slot)
{
    size_t wanted = 1 + below(host, WRITE_MAX), room = model_room(&slot->model);
    size_t len = MIN_OF(wanted, room);
    struct expected *expected = expect(host, KIND_EXACT);
    unsigned char data[WRITE_MAX];
    char *encoded;

    for (size_t i = 0; i < len; i++)
        data[i] = (unsigned char)random_next(&host->seed);
    settle(expected, model_write(&slot->model, data, len, expected->id));
    encoded = base64_of(data, len);
    fprintf(host->out,
            "{\"execute\":\"guest-file-write\",\"id\":%d,\"arguments\":{\"handle\":%" PRId64
            ",\"buf-b64\":\"%s\"}}\n",
            expected->id, slot->number, encoded);
    free(encoded);
}

static void add_seek(struct host *host, struct slot *slot)
{
    static const char *const names[] = { "\"set\"", "\"cur\"", "\"end\"" };
    int whence = (int)below(host, 3);
    int64_t offset = (int64_t)below(host, 6000) - (whence ? 4000 : 0);
    struct expected *expected = expect(host, KIND_EXACT);

    settle(expected, model_seek(&slot->model, offset, whence, expected->id));
    fprintf(host->out,
            "{\"execute\":\"guest-file-seek\",\"id\":%d,\"arguments\":{\"handle\":%" PRId64
            ",\"offset\":%" PRId64 ",\"whence\":%s}}",
            expected->id, slot->number, offset, names[whence]);
}

static void add_plain(struct host *host, const struct slot *slot, const char *command)
{
    struct expected *expected = expect(host, KIND_EXACT);
    char *line;

    assert_true(asprintf(&line, "{\"return\": {}, \"id\": %d}", expected->id) >= 0);
    settle(expected, line);
    fprintf(host->out, "{\"execute\":\"%s\",\"id\":%d,\"arguments\":{\"handle\":%" PRId64 "}}\n",
            command, expected->id, slot->number);
}

/* The handle is gone at once for what comes behind, and known to be. */
static void add_close(struct host *host, struct slot *slot)
{
    struct expected *expected;

    add_plain(host, slot, "guest-file-close");
    slot->state = SLOT_EMPTY;
    if (host->count == BATCH_MAX)
        return;
    expected = expect(host, KIND_ERROR);
    fprintf(host->out,
            "{\"execute\":\"guest-file-read\",\"id\":%d,\"arguments\":{\"handle\":%" PRId64 "}}",
            expected->id, slot->number);
}

static void add_program(struct host *host)
{
    struct expected *expected;

    if (host->pid_asked)
        return;
    if (host->pid == 0) {
        expected = expect(host, KIND_EXEC);
        host->pid_asked = true;
        fprintf(host->out,
                "{\"execute\":\"guest-exec\",\"id\":%d,\"arguments\":{\"path\":\"head\",\"arg\":["
                "\"-c\",\"%d\",\"/dev/zero\"],\"capture-output\":true}}",
                expected->id, OUTPUT);
        return;
    }
    for (unsigned asks = 1 + below(host, 6); asks > 0 && host->count < BATCH_MAX; asks--) {
        expected = expect(host, KIND_STATUS);
        fprintf(host->out,
                "{\"execute\":\"guest-exec-status\",\"id\":%d,\"arguments\":{\"pid\":%" PRId64 "}}",
                expected->id, host->pid);
    }
}

static void add_step(struct host *host)
{
    struct slot *slot = &host->slots[below(host, HANDLES)];
    unsigned choice = below(host, 100);

    if (choice < 8)
        add_program(host);
    else if (choice < 20 || slot->state == SLOT_EMPTY)
        add_open(host);
    else if (slot->state == SLOT_ASKED)
        return;
    else if (choice < 50)
        add_read(host, slot);
    else if (choice < 75 && model_room(&slot->model) > 0)
        add_write(host, slot);
    else if (choice < 90 && !slot->model.appends)
        add_seek(host, slot);
    else if (choice < 95)
        add_plain(host, slot, "guest-file-flush");
    else
        add_close(host, slot);
}

/* --- checking replies ------------------------------------------------------------------- */

static bool check_open(struct host *host, const struct expected *expected, const char *line)
{
    struct slot *slot = &host->slots[expected->slot];
    int64_t number;

    if (strncmp(line, "{\"return\": ", 11) != 0)
        return peer_failed(&host->peer, "open %d: %.200s", expected->id, line);
    number = strtoll(line + 11, NULL, 10);
    if (host->alone)
        return number <= host->last_handle ||
               peer_failed(&host->peer, "open %d has %" PRId64 " behind %" PRId64, expected->id,
                           number, host->last_handle);
    slot->number = number;
    slot->state = SLOT_OPEN;
    return true;
}

/* Not ended, then once the end with all of the output, then unknown. */
static bool check_status(struct host *host, const struct expected *expected, const char *line)
{
    if (host->pid_told)
        return strstr(line, "\"error\": {") ||
               peer_failed(&host->peer, "status %d behind the end: %.200s", expected->id, line);
    if (strstr(line, "\"exited\": false"))
        return true;
    host->pid_told = true;
    return (strstr(line, "\"exited\": true") && strlen(line) > OUTPUT) ||
           peer_failed(&host->peer, "status %d: %.200s", expected->id, line);
}

static bool check_exec(struct host *host, const char *line)
{
    const char *pid = strstr(line, "\"pid\": ");

    host->pid_asked = host->pid_told = false;
    host->pid = pid ? strtoll(pid + 7, NULL, 10) : 0;
    return pid || peer_failed(&host->peer, "exec: %.200s", line);
}

static bool has_id(const char *line, int id)
{
    char text[32];

    snprintf(text, sizeof(text), "\"id\": %d", id);
    line = strstr(line, text);
    return line && strchr(",}", line[strlen(text)]);
}

static bool check_step(struct host *host, const struct expected *expected)
{
    const char *line = peer_line(&host->peer);

    if (!line)
        return false;
    if (expected->kind == KIND_EXACT)
        return strcmp(line, expected->line) == 0 ||
               peer_failed(&host->peer, "%.150s\n   instead of %.150s", line, expected->line);
    if (!has_id(line, expected->id))
        return peer_failed(&host->peer, "not the reply %d: %.200s", expected->id, line);
    switch (expected->kind) {
    case KIND_OPEN:
        return check_open(host, expected, line);
    case KIND_EXEC:
        return check_exec(host, line);
    case KIND_STATUS:
        return check_status(host, expected, line);
    default:
        return strstr(line, "\"error\": {") ||
               peer_failed(&host->peer, "%d should fail: %.200s", expected->id, line);
    }
}

/* --- rounds ----------------------------------------------------------------------------- */

static bool send_batch(struct host *host, unsigned steps, bool then_close_half)
{
    char *requests;
    size_t len;
    bool good;

    host->out = open_memstream(&requests, &len);
    for (unsigned tries = 0; host->count < steps && tries < 20 * steps; tries++)
        add_step(host);
    fclose(host->out);
    good = peer_send(&host->peer, requests, len);
    free(requests);
    if (good && then_close_half)
        shutdown(host->peer.fd, SHUT_WR);
    return good;
}

static bool check_batch(struct host *host)
{
    bool good = true;

    for (unsigned i = 0; i < host->count; i++) {
        good = good && check_step(host, &host->batch[i]);
        free(host->batch[i].line);
    }
    host->count = 0;
    if (host->pid_told)
        host->pid = 0;
    return good;
}

/* Some clients say that no more will come and still get every reply; handles outlive them. */
static bool run_round(struct host *host)
{
    bool half = below(host, 8) == 0;

    if (!send_batch(host, 1 + below(host, BATCH_MAX - 1), half) || !check_batch(host))
        return false;
    if (!half)
        return true;
    peer_close(&host->peer);
    return peer_connect(&host->peer, host->agent->socket);
}

/* Requests that change nothing, from somebody who does not wait for a reply. */
static bool visit(const struct agent_process *agent, struct peer *passer)
{
    static const char requests[] = "{\"execute\":\"guest-get-load\"}{\"execute\":\"guest-ping\"}"
                                   "{\"execute\":\"guest-get-host-name\"}{\"exec";

    passer->fd = -1;
    if (!peer_connect(passer, agent->socket) || !peer_send(passer, requests, sizeof(requests) - 1))
        return false;
    peer_close(passer);
    return true;
}

static void *host_main(void *arg)
{
    struct host *host = arg;
    struct peer passer = { .fd = -1 };
    bool good = peer_connect(&host->peer, host->agent->socket);

    for (int round = 0; good && round < ROUNDS; round++) {
        good = run_round(host);
        if (good && !host->alone && !visit(host->agent, &passer))
            good = peer_failed(&host->peer, "passer: %s", passer.failure);
    }
    peer_close(&host->peer);
    peer_close(&passer);
    return NULL;
}

static void make_host(struct host *host, const struct agent_process *agent, unsigned number)
{
    char one[16], two[16];

    *host = (struct host){ .agent = agent, .number = number, .seed = 777 + number };
    host->peer.fd = -1;
    for (unsigned place = 0; place < FILES; place++) {
        snprintf(one, sizeof(one), "one%u.%u", number, place);
        snprintf(two, sizeof(two), "two%u.%u", number, place);
        write_file(agent_path(agent, one), "", 0);
        assert_int_equal(link(agent_path(agent, one), agent_path(agent, two)), 0);
    }
}

static void check_host(const struct host *host)
{
    char name[16];
    size_t len;

    if (host->peer.failure[0])
        fail_msg("client %u: %s", host->number, host->peer.failure);
    for (unsigned place = 0; place < FILES; place++) {
        char *bytes;

        snprintf(name, sizeof(name), "two%u.%u", host->number, place);
        bytes = read_file(agent_path(host->agent, name), &len);
        assert_non_null(bytes);
        assert_int_equal(len, host->files[place].size);
        assert_memory_equal(bytes, host->files[place].bytes, len);
        free(bytes);
    }
}

static void many_clients_see_their_requests_served_one_by_one(void **state)
{
    struct host *hosts = calloc(CLIENTS, sizeof(*hosts));

    assert_non_null(hosts);
    for (unsigned i = 0; i < CLIENTS; i++)
        make_host(&hosts[i], *state, i);
    for (unsigned i = 0; i < CLIENTS; i++)
        PTOK(pthread_create(&hosts[i].thread, NULL, host_main, &hosts[i]));
    for (unsigned i = 0; i < CLIENTS; i++)
        PTOK(pthread_join(hosts[i].thread, NULL));
    for (unsigned i = 0; i < CLIENTS; i++)
        check_host(&hosts[i]);
    free(hosts);
}

/* The first handle of an agent with a fresh state directory, closed again. */
static int64_t learn_handle(const struct agent_process *agent)
{
    struct client client;
    int64_t handle;

    client_open(&client, agent);
    handle = client_file_open(&client, "/dev/null", "r");
    client_ask(&client, "{\"execute\":\"guest-file-close\",\"arguments\":{\"handle\":%" PRId64 "}}",
               handle);
    client_close(&client);
    return handle;
}

static void a_handle_is_used_before_its_open_is_answered(void **state)
{
    struct host *host = calloc(1, sizeof(*host));

    assert_non_null(host);
    make_host(host, *state, CLIENTS);
    host->alone = true;
    host->last_handle = learn_handle(*state);
    host_main(host);
    check_host(host);
    free(host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(many_clients_see_their_requests_served_one_by_one,
                                        setup_agent, teardown_agent),
        cmocka_unit_test_setup_teardown(a_handle_is_used_before_its_open_is_answered, setup_agent,
                                        teardown_agent),
    };

    return cmocka_run_group_tests_name("serial", tests, NULL, NULL);
}
