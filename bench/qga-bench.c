/*
 * qga-bench: runs one scenario against an agent's socket and prints one line of JSON.
 *
 * One thread. With one client and all requests sent it sleeps in recv, else in poll.
 */
#include "client.h"
#include "workload.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <unistd.h>

static const char usage[] =
    "Usage: qga-bench [OPTION]... SOCKET SCENARIO\n"
    "Runs SCENARIO against the guest agent that listens on the unix socket SOCKET; checks the "
    "order,\n"
    "the ids and every byte of the replies; prints one line of JSON.\n"
    "\n"
    "  -d, --dir DIR        where files are made, best on a tmpfs (default /dev/shm)\n"
    "  -n, --count N        operations of each client (default: as many as the time allows)\n"
    "  -s, --seconds S      time to issue operations in (default 1)\n"
    "  -t, --time-limit S   give up after this time (default 120)\n"
    "  -h, --help           this text\n"
    "\n"
    "Scenarios: KIND[-SIZE][-dDEPTH][-fFILES][-cCLIENTS], for example\n"
    "  ping-d64             guest-ping, 64 in flight\n"
    "  ping-d8-c16          ... 8 in flight from each of 16 clients\n"
    "  read-64k-d8          guest-file-read of 64 KiB, 8 in flight; sizes up to 48m\n"
    "  read-1m-d8-f8        ... round robin over 8 files\n"
    "  write-1m-d1          guest-file-write\n"
    "  mixed-d64            64 chains of open, write, seek, read, close on files of their own\n"
    "  exec-d8              8 chains of guest-exec /bin/true with its status\n"
    "\n"
    "Exit status: 0 all replies were right, 1 they were not or did not come, 2 wrong usage.\n";

struct options {
    const char *socket, *dir;
    struct scenario scenario;
    uint64_t count;
    double seconds, limit;
};

struct session {
    struct client client;
    struct workload load;
};

struct run {
    const struct options *options;
    struct session *sessions;
    struct pollfd *polls;
    unsigned count;
    uint64_t start_ns, end_ns, stop_ns, limit_ns;
};

static int parse_options(int argc, char **argv, struct options *ret_options)
{
    static const struct option names[] = {
        { "dir", required_argument, NULL, 'd' },     { "count", required_argument, NULL, 'n' },
        { "seconds", required_argument, NULL, 's' }, { "time-limit", required_argument, NULL, 't' },
        { "help", no_argument, NULL, 'h' },          { 0 },
    };
    struct options options = { .dir = "/dev/shm", .seconds = 1, .limit = 120 };
    int c;

    while ((c = getopt_long(argc, argv, "d:n:s:t:h", names, NULL)) != -1) {
        switch (c) {
        case 'd':
            options.dir = optarg;
            break;
        case 'n':
            options.count = strtoull(optarg, NULL, 10);
            break;
        case 's':
            options.seconds = strtod(optarg, NULL);
            break;
        case 't':
            options.limit = strtod(optarg, NULL);
            break;
        case 'h':
            fputs(usage, stdout);
            exit(0);
        default:
            return -EINVAL;
        }
    }
    if (argc - optind != 2)
        return -EINVAL;
    options.socket = argv[optind];
    *ret_options = options;
    return scenario_parse(argv[optind + 1], &ret_options->scenario);
}

static void fill(struct session *session, uint64_t now_ns)
{
    while (workload_next(&session->load, &session->client, now_ns))
        ;
}

/* How long poll may sleep: to the next chain that is due, at most to the look at the time limit. */
static struct timespec sleep_time(const struct run *run, uint64_t now_ns)
{
    uint64_t sleep_ns = NSEC_PER_SEC;
    unsigned i;

    for (i = 0; i < run->count; i++) {
        uint64_t due_ns = workload_due(&run->sessions[i].load);

        if (due_ns > 0)
            sleep_ns = due_ns > now_ns ? MIN_OF(sleep_ns, due_ns - now_ns) : 0;
    }
    return (struct timespec){ .tv_sec = (time_t)(sleep_ns / NSEC_PER_SEC),
                              .tv_nsec = (long)(sleep_ns % NSEC_PER_SEC) };
}

/* Waits for any session, and takes what has come. */
static int poll_sessions(struct run *run)
{
    struct timespec timeout = sleep_time(run, clock_ns());
    unsigned i;

    if (ppoll(run->polls, run->count, &timeout, NULL) < 0 && errno != EINTR)
        return client_fail(&run->sessions[0].client, "poll: error %d", errno);
    for (i = 0; i < run->count; i++) {
        struct session *session = &run->sessions[i];

        if ((run->polls[i].revents & ~POLLOUT) &&
            client_receive(&session->client, false, workload_reply, &session->load) < 0)
            return -1;
    }
    return 0;
}

/* Sends what may be sent; *ret_blocked: some socket is full or some chain waits for its time. */
static int send_all(struct run *run, uint64_t now_ns, bool *ret_blocked, bool *ret_idle)
{
    unsigned i;

    *ret_blocked = false;
    *ret_idle = true;
    for (i = 0; i < run->count; i++) {
        struct session *session = &run->sessions[i];
        int r;

        session->load.stopping |= now_ns >= run->stop_ns;
        fill(session, now_ns);
        r = client_flush(&session->client);
        if (r < 0)
            return -1;
        run->polls[i].fd = session->client.fd;
        run->polls[i].events = (short)(POLLIN | (r == 0 ? POLLOUT : 0));
        run->polls[i].revents = 0;
        *ret_blocked |= r == 0 || workload_due(&session->load) > 0;
        *ret_idle &= workload_idle(&session->load, &session->client);
    }
    return 0;
}

static int run_all(struct run *run)
{
    struct session *first = &run->sessions[0];

    run->start_ns = clock_ns();
    run->stop_ns = run->start_ns + (uint64_t)(run->options->seconds * 1e9);
    run->limit_ns = run->start_ns + (uint64_t)(run->options->limit * 1e9);
    for (;;) {
        uint64_t now_ns = clock_ns();
        bool blocked, idle;
        int r;

        if (now_ns > run->limit_ns)
            return client_fail(&first->client, "the time limit has passed");
        if (send_all(run, now_ns, &blocked, &idle) < 0)
            return -1;
        if (idle)
            return 0;
        if (run->count == 1 && !blocked)
            r = client_receive(&first->client, true, workload_reply, &first->load);
        else
            r = poll_sessions(run);
        if (r < 0)
            return -1;
    }
}

static int setup(struct run *run)
{
    const struct options *options = run->options;
    unsigned i;

    for (i = 0; i < run->count; i++) {
        struct session *session = &run->sessions[i];
        /* A seek may stand between any two reads. */
        unsigned slots = options->scenario.depth * (options->scenario.size > 0 ? 2 : 1);

        if (client_open(&session->client, options->socket, slots) < 0 ||
            workload_init(&session->load, &options->scenario, i, options->dir, &session->client) <
                0)
            return -1;
        if (options->count > 0)
            session->load.max_count = options->count;
    }
    return 0;
}

static int finish(struct run *run)
{
    unsigned i;

    for (i = 0; i < run->count; i++) {
        if (workload_finish(&run->sessions[i].load, &run->sessions[i].client) < 0)
            return -1;
    }
    return 0;
}

static void report(const struct run *run, int errors)
{
    static struct latency latency;
    double seconds = (double)(run->end_ns - run->start_ns) / 1e9;
    uint64_t count = 0, bytes = 0;
    unsigned i;
    size_t cell;

    for (i = 0; i < run->count; i++) {
        const struct workload *load = &run->sessions[i].load;

        count += load->completed;
        bytes += load->bytes;
        latency.count += load->latency.count;
        for (cell = 0; cell < ARRAY_LEN(latency.cells); cell++)
            latency.cells[cell] += load->latency.cells[cell];
    }
    seconds = seconds > 0 ? seconds : 1e-9;
    printf("{\"scenario\": \"%s\", \"count\": %llu, \"bytes\": %llu, \"seconds\": %.6f, "
           "\"ops_per_s\": %.1f, \"mib_per_s\": %.2f, \"p50_us\": %.2f, \"p99_us\": %.2f, "
           "\"errors\": %d}\n",
           run->options->scenario.name, (unsigned long long)count, (unsigned long long)bytes,
           seconds, (double)count / seconds, (double)bytes / (double)MIB / seconds,
           latency_quantile(&latency, 0.5) / 1e3, latency_quantile(&latency, 0.99) / 1e3, errors);
}

/* The text of whatever went wrong first. */
static void complain(const struct run *run)
{
    unsigned i;

    for (i = 0; i < run->count; i++) {
        if (run->sessions[i].client.error[0] != '\0')
            fprintf(stderr, "qga-bench: %s: %s\n", run->options->scenario.name,
                    run->sessions[i].client.error);
    }
}

int main(int argc, char **argv)
{
    struct options options;
    struct run run = { .options = &options };
    unsigned i;
    int r;

    if (parse_options(argc, argv, &options) < 0) {
        fprintf(stderr, "qga-bench: wrong arguments, see --help\n");
        return 2;
    }
    pattern_init();
    run.count = options.scenario.clients;
    run.sessions = calloc(run.count, sizeof(*run.sessions));
    run.polls = calloc(run.count, sizeof(*run.polls));
    if (!run.sessions || !run.polls)
        return 1;
    for (i = 0; i < run.count; i++)
        run.sessions[i].client.fd = -1;
    r = setup(&run);
    if (r == 0) {
        r = run_all(&run);
        run.end_ns = clock_ns();
    }
    if (r == 0)
        r = finish(&run);
    complain(&run);
    report(&run, r < 0 ? 1 : 0);
    for (i = 0; i < run.count; i++) {
        workload_done(&run.sessions[i].load);
        client_close(&run.sessions[i].client);
    }
    free(run.sessions);
    free(run.polls);
    return r < 0 ? 1 : 0;
}
