/*
 * bench/workload.c - two kinds: streams, whose next request needs no reply (ping, query, read, write), and
 * chains, where each request needs the one before.
 *
 * File number f of client c holds the pattern from an offset of its own, and each pass of writing
 * over a file another one: what comes from a wrong file, place or pass is seen.
 */
#include "workload.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define SMALL_FILE    (64 * KIB)
#define LARGE_FILE    (16 * MIB)
#define FILES_LARGE   16 /* with more of them, each is small */
#define MIXED_SIZE    (4 * KIB)
#define STATUS_GAP_NS (200 * 1000) /* between two questions about one process */

/* Steps of chains, and kinds of requests. */
enum {
    STEP_PING,
    STEP_QUERY,
    STEP_OPEN,
    STEP_WRITE,
    STEP_SEEK,
    STEP_READ,
    STEP_CLOSE,
    STEP_EXEC,
    STEP_STATUS
};

static uint64_t file_offset(const struct workload *load, size_t file, uint64_t pass)
{
    return (uint64_t)load->client_index * 7919 + (uint64_t)file * 4099 + pass * 769;
}

static bool chained(const struct workload *load)
{
    return load->scenario->kind == SCENARIO_MIXED || load->scenario->kind == SCENARIO_EXEC;
}

/* A file that holds its part of the pattern. */
static int make_file(struct workload *load, size_t index)
{
    const struct bench_file *file = &load->files[index];
    size_t size = load->scenario->kind == SCENARIO_READ ? load->file_size : 0;
    size_t done;
    char *piece;
    int fd = open(file->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), r = 0;

    if (fd < 0)
        return -errno;
    piece = malloc(MIB);
    for (done = 0; piece && done < size && r == 0; done += MIN_OF(MIB, size - done)) {
        size_t len = MIN_OF(MIB, size - done);

        pattern_fill(piece, file_offset(load, index, 0) + done, len);
        if (write(fd, piece, len) != (ssize_t)len)
            r = -EIO;
    }
    free(piece);
    close(fd);
    return piece ? r : -ENOMEM;
}

static int open_file(struct workload *load, size_t index, struct client *client)
{
    struct bench_file *file = &load->files[index];
    char arguments[192];
    int r = make_file(load, index);

    if (r < 0)
        return client_fail(client, "cannot make '%s': error %d", file->path, -r);
    snprintf(arguments, sizeof(arguments), "{\"path\":\"%s\",\"mode\":\"%s\"}", file->path,
             load->scenario->kind == SCENARIO_READ ? "r" : "w");
    if (client_call(client, "guest-file-open", arguments) < 0)
        return -1;
    file->handle = reply_number(client->line, "\"return\"");
    return 0;
}

static void ready_push(struct workload *load, uint32_t chain)
{
    load->ready[load->ready_tail++ % load->scenario->depth] = chain;
}

static int init_chains(struct workload *load, struct client *client)
{
    uint32_t i, depth = load->scenario->depth;

    load->chains = calloc(depth, sizeof(*load->chains));
    load->ready = calloc(depth, sizeof(*load->ready));
    load->later = calloc(depth, sizeof(*load->later));
    if (!load->chains || !load->ready || !load->later)
        return client_fail(client, "out of memory");
    for (i = 0; i < depth; i++) {
        load->chains[i].step = load->scenario->kind == SCENARIO_MIXED ? STEP_OPEN : STEP_EXEC;
        ready_push(load, i);
    }
    return 0;
}

static size_t choose_file_size(const struct scenario *scenario)
{
    size_t size = scenario->files > FILES_LARGE ? SMALL_FILE : LARGE_FILE;

    if (scenario->size == 0)
        return 0;
    return size <= scenario->size ? scenario->size : size / scenario->size * scenario->size;
}

int workload_init(struct workload *load, const struct scenario *scenario, unsigned client_index,
                  const char *dir, struct client *client)
{
    unsigned count = scenario->kind == SCENARIO_MIXED ? scenario->depth : scenario->files, i;

    *load = (struct workload){ .scenario = scenario, .client_index = client_index };
    load->max_count = UINT64_MAX;
    load->file_size = choose_file_size(scenario);
    load->files = calloc(count, sizeof(*load->files));
    if (!load->files)
        return client_fail(client, "out of memory");
    for (i = 0; i < count; i++) {
        int len = snprintf(load->files[i].path, sizeof(load->files[i].path), "%s/bench-%u-%u", dir,
                           client_index, i);

        if (len >= (int)sizeof(load->files[i].path))
            return client_fail(client, "the directory's name is too long");
        if (load->file_size > 0 && open_file(load, i, client) < 0)
            return -1;
    }
    return chained(load) ? init_chains(load, client) : 0;
}

static void begin(struct slot *slot, uint8_t kind, const char *command)
{
    slot->kind = kind;
    client_text(slot, "{\"execute\":\"");
    client_text(slot, command);
    client_text(slot, "\"");
}

static void begin_handle(struct slot *slot, uint8_t kind, const char *command, int64_t handle)
{
    begin(slot, kind, command);
    client_text(slot, ",\"arguments\":{\"handle\":");
    client_number(slot, handle);
}

static void ask_read(struct slot *slot, int64_t handle, uint64_t offset, size_t size)
{
    begin_handle(slot, STEP_READ, "guest-file-read", handle);
    client_text(slot, ",\"count\":");
    client_number(slot, (int64_t)size);
    slot->payload = payload_at(offset, size);
    client_tail(slot, "}");
}

static void ask_write(struct slot *slot, int64_t handle, uint64_t offset, size_t size)
{
    begin_handle(slot, STEP_WRITE, "guest-file-write", handle);
    client_text(slot, ",\"buf-b64\":\"");
    slot->payload = payload_at(offset, size);
    slot->sends_payload = true;
    client_tail(slot, "\"}");
}

static void ask_seek_start(struct slot *slot, int64_t handle)
{
    begin_handle(slot, STEP_SEEK, "guest-file-seek", handle);
    client_text(slot, ",\"offset\":0,\"whence\":0");
    client_tail(slot, "}");
}

/* A command without arguments. */
static void ask_plain(struct workload *load, struct slot *slot)
{
    bool pings = load->scenario->kind == SCENARIO_PING;

    begin(slot, pings ? STEP_PING : STEP_QUERY, pings ? "guest-ping" : load->scenario->command);
    slot->counted = true;
    client_tail(slot, "");
    load->issued++;
}

/* The next request of a stream of reads or writes: a seek where the file is at its end. */
static void ask_file(struct workload *load, struct slot *slot)
{
    size_t index = load->issued % load->scenario->files;
    struct bench_file *file = &load->files[index];
    bool reads = load->scenario->kind == SCENARIO_READ;
    uint64_t offset;

    if (file->position == load->file_size) {
        file->position = 0;
        file->pass++;
        ask_seek_start(slot, file->handle);
        return;
    }
    offset = file_offset(load, index, reads ? 0 : file->pass) + file->position;
    file->position += load->scenario->size;
    slot->counted = true;
    if (reads)
        ask_read(slot, file->handle, offset, load->scenario->size);
    else
        ask_write(slot, file->handle, offset, load->scenario->size);
}

static uint64_t chain_offset(const struct workload *load, uint32_t index)
{
    return file_offset(load, index, load->chains[index].round);
}

static void ask_chain(struct workload *load, uint32_t index, struct slot *slot, uint64_t now_ns)
{
    struct chain *chain = &load->chains[index];

    slot->chain = index;
    slot->counted = true;
    switch (chain->step) {
    case STEP_OPEN:
        begin(slot, STEP_OPEN, "guest-file-open");
        client_text(slot, ",\"arguments\":{\"mode\":\"w+\",\"path\":\"");
        client_text(slot, load->files[index].path);
        client_tail(slot, "\"}");
        break;
    case STEP_WRITE:
        ask_write(slot, chain->handle, chain_offset(load, index), MIXED_SIZE);
        break;
    case STEP_SEEK:
        ask_seek_start(slot, chain->handle);
        break;
    case STEP_READ:
        ask_read(slot, chain->handle, chain_offset(load, index), MIXED_SIZE);
        break;
    case STEP_CLOSE:
        begin_handle(slot, STEP_CLOSE, "guest-file-close", chain->handle);
        client_tail(slot, "}");
        break;
    case STEP_EXEC:
        chain->start_ns = now_ns;
        begin(slot, STEP_EXEC, "guest-exec");
        client_tail(slot, ",\"arguments\":{\"path\":\"/bin/true\"}");
        break;
    default:
        begin(slot, STEP_STATUS, "guest-exec-status");
        client_text(slot, ",\"arguments\":{\"pid\":");
        client_number(slot, chain->handle);
        client_tail(slot, "}");
        break;
    }
}

/* A chain that may go on now. */
static bool take_chain(struct workload *load, uint64_t now_ns, uint32_t *ret_index)
{
    while (load->ready_head < load->ready_tail) {
        uint32_t index = load->ready[load->ready_head++ % load->scenario->depth];
        uint8_t step = load->chains[index].step;

        if (load->stopping && (step == STEP_OPEN || step == STEP_EXEC))
            continue; /* it has come round: its end */
        *ret_index = index;
        return true;
    }
    if (load->later_head < load->later_tail) {
        uint32_t index = load->later[load->later_head % load->scenario->depth];

        if (load->chains[index].due_ns <= now_ns) {
            load->later_head++;
            *ret_index = index;
            return true;
        }
    }
    return false;
}

bool workload_next(struct workload *load, struct client *client, uint64_t now_ns)
{
    struct slot *slot;
    uint32_t chain;

    if (client->in_flight >= load->scenario->depth)
        return false;
    if (load->issued >= load->max_count)
        load->stopping = true;
    if (load->stopping && !chained(load))
        return false;
    slot = client_slot(client);
    if (!slot)
        return false;
    if (chained(load)) {
        if (!take_chain(load, now_ns, &chain))
            return false;
        ask_chain(load, chain, slot, now_ns);
        load->issued += slot->kind != STEP_STATUS;
    } else if (load->scenario->size == 0) {
        ask_plain(load, slot);
    } else {
        ask_file(load, slot);
        load->issued += slot->counted;
    }
    client_push(client, slot, now_ns);
    return true;
}

/* What the reply to each kind of request has to say. */
static bool reply_right(const struct slot *slot, const char *line)
{
    switch (slot->kind) {
    case STEP_PING:
    case STEP_CLOSE:
        return strncmp(line, "{\"return\": {}, \"id\": ", 21) == 0;
    case STEP_QUERY:
        return strncmp(line, "{\"return\": ", 11) == 0;
    case STEP_OPEN:
        return reply_number(line, "{\"return\"") >= 0;
    case STEP_WRITE:
        return reply_number(line, "\"count\"") == (int64_t)slot->payload.len &&
               strstr(line, "\"eof\": false");
    case STEP_READ:
        return reply_number(line, "\"count\"") == (int64_t)slot->payload.len &&
               strstr(line, "\"eof\": false") && strstr(line, "\"buf-b64\": \"\"");
    case STEP_SEEK:
        return reply_number(line, "\"position\"") == 0;
    case STEP_EXEC:
        return reply_number(line, "\"pid\"") > 0;
    default:
        return strstr(line, "\"exited\": false") ||
               (strstr(line, "\"exited\": true") && reply_number(line, "\"exitcode\"") == 0);
    }
}

/* Moves a chain on; its operation is complete unless it is a program that runs still. */
static bool chain_goes_on(struct workload *load, struct client *client, const struct slot *slot,
                          const char *line)
{
    struct chain *chain = &load->chains[slot->chain];
    bool complete = slot->kind != STEP_EXEC;

    if (slot->kind == STEP_OPEN)
        chain->handle = reply_number(line, "\"return\"");
    if (slot->kind == STEP_EXEC)
        chain->handle = reply_number(line, "\"pid\"");
    if (slot->kind == STEP_STATUS && strstr(line, "\"exited\": false")) {
        chain->due_ns = client->received_ns + STATUS_GAP_NS;
        load->later[load->later_tail++ % load->scenario->depth] = slot->chain;
        return false;
    }
    chain->step++;
    if (slot->kind == STEP_CLOSE || slot->kind == STEP_STATUS) {
        chain->step = slot->kind == STEP_CLOSE ? STEP_OPEN : STEP_EXEC;
        chain->round++;
    }
    ready_push(load, slot->chain);
    return complete;
}

int workload_reply(void *ctx, struct client *client, struct slot *slot, const char *line,
                   size_t len)
{
    struct workload *load = ctx;
    uint64_t start_ns = slot->sent_ns;

    if (!reply_right(slot, line))
        return client_fail(client, "unexpected reply '%.200s'", line);
    if (!slot->counted)
        return 0;
    if (chained(load)) {
        if (!chain_goes_on(load, client, slot, line))
            return 0;
        if (slot->kind == STEP_STATUS)
            start_ns = load->chains[slot->chain].start_ns;
    }
    load->completed++;
    load->bytes += slot->payload.len;
    latency_add(&load->latency, client->received_ns - start_ns);
    return 0;
}

uint64_t workload_due(const struct workload *load)
{
    if (load->later_head == load->later_tail)
        return 0;
    return load->chains[load->later[load->later_head % load->scenario->depth]].due_ns;
}

bool workload_idle(const struct workload *load, const struct client *client)
{
    return load->stopping && client->taken == client->pushed &&
           load->ready_head == load->ready_tail && load->later_head == load->later_tail;
}

/* What was written last at each place. */
static int check_written(struct workload *load, size_t index, struct client *client)
{
    struct bench_file *file = &load->files[index];
    size_t step = load->scenario->size, end = file->pass > 0 ? load->file_size : file->position;
    char *piece = malloc(step);
    int fd = open(file->path, O_RDONLY | O_CLOEXEC);
    uint64_t at;
    bool right = fd >= 0 && piece;

    for (at = 0; right && at < end; at += step) {
        uint64_t pass = at < file->position ? file->pass : file->pass - 1;

        right = pread(fd, piece, step, (off_t)at) == (ssize_t)step &&
                pattern_is(piece, file_offset(load, index, pass) + at, step);
    }
    free(piece);
    if (fd >= 0)
        close(fd);
    return right ? 0 : client_fail(client, "'%s' does not hold what was written", file->path);
}

int workload_finish(struct workload *load, struct client *client)
{
    char arguments[64];
    unsigned i;

    for (i = 0; load->file_size > 0 && i < load->scenario->files; i++) {
        snprintf(arguments, sizeof(arguments), "{\"handle\":%lld}",
                 (long long)load->files[i].handle);
        if (client_call(client, "guest-file-close", arguments) < 0)
            return -1;
        if (load->scenario->kind == SCENARIO_WRITE && check_written(load, i, client) < 0)
            return -1;
    }
    return 0;
}

void workload_done(struct workload *load)
{
    unsigned i, count;

    if (load->files) {
        count =
            load->scenario->kind == SCENARIO_MIXED ? load->scenario->depth : load->scenario->files;
        for (i = 0; i < count; i++)
            unlink(load->files[i].path);
    }
    free(load->files);
    free(load->chains);
    free(load->ready);
    free(load->later);
    *load = (struct workload){ .scenario = NULL };
}
