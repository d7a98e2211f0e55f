/*
 * agent/agent.c - start and stop, in order.
 *
 * Start  log, state directory, frozen marker, channel; then (after the process has detached) the
 *        writer thread, the scheduler with its urgent worker, the loop.
 * Stop   the loop stops reading and waits a moment for running requests; clients are ended; workers
 *        and writer stop; the tables are freed. Workers that are blocked for good cannot be
 *        stopped: then nothing they may touch is freed, and the process ends without them.
 */
#include "agent/agent.h"

#include "agent/client.h"
#include "agent/loop.h"
#include "agent/output.h"
#include "agent/port.h"
#include "agent/schedule.h"
#include "agent/state.h"
#include "base/frozen.h"
#include "base/log.h"
#include "base/spawn.h"
#include "cmds/exec/exec.h"
#include "cmds/files/file.h"
#include "cmds/linux/freeze/fsfreeze.h"
#include "cmds/policy.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#define MAX_UNFINISHED_JOBS 16384
#define STOP_TIMEOUT_MS     200

static int open_state(struct agent *agent)
{
    int r = state_open(agent->config->statedir, &agent->state);

    if (r < 0) {
        log_err("failed to load persistent state from directory '%s': %s", agent->config->statedir,
                err_text(r));
        return r;
    }
    ga_frozen_init(agent->state);
    return 0;
}

/* Behind the frozen marker: a log on a frozen filesystem is opened at the thaw. */
static int open_log(const struct config *config)
{
    int r = log_init(config->logfile, config->verbose);

    if (r < 0)
        log_err("unable to open specified log file '%s': %s", config->logfile, err_text(r));
    return r;
}

int agent_open_channel(struct agent *agent)
{
    const struct config *config = agent->config;
    enum channel_method method;
    const char *path;
    int r;

    r = channel_open_passed(&agent->channel);
    if (r != 0)
        return MIN_OF(r, 0);
    if (channel_method_parse(config->method, &method) < 0) {
        log_err("unsupported channel method/type: %s", config->method);
        return -EINVAL;
    }
    path = config->path ? config->path : channel_default_path(method);
    if (!path) {
        log_err("must specify a path for this channel");
        return -EINVAL;
    }
    return channel_open(method, path, &agent->channel);
}

/* With retry-path a channel that is missing now is opened later; a wrong method never will be. */
static int open_channel(struct agent *agent)
{
    int r = agent_open_channel(agent);

    if (r == 0 || (agent->config->retry_path && r != -EINVAL))
        return 0;
    log_err("failed to create guest agent channel");
    return r;
}

static void kick_backlog(void *arg)
{
    struct agent *agent = arg;

    if (!atomic_exchange(&agent->backlog, true))
        agent_kick(agent);
}

static int make_commands(struct agent *agent)
{
    const struct config *config = agent->config;

    agent->freeze = calloc(1, sizeof(*agent->freeze));
    if (!agent->freeze)
        return -ENOMEM;
    *agent->freeze = (struct freeze_config){
        .hook = config->fsfreeze_hook,
        .hook_timeout_sec = config->hook_timeout_sec,
        .freeze_timeout_sec = config->freeze_timeout_sec,
        .exclude = (const char *const *)config->freeze_exclude,
    };
    agent->env.freeze = agent->freeze;
    agent->env.files = file_table_new(agent->state, config->max_handles);
    agent->env.execs = exec_table_new(config->max_execs, config->max_exec_output);
    agent->env.policy = policy_new((const char *const *)config->allow_rpcs,
                                   (const char *const *)config->block_rpcs);
    sysroot_init(&agent->env.root, NULL);
    if (!agent->env.files || !agent->env.execs || !agent->env.policy)
        return -ENOMEM;
    return wake_fd_init(&agent->wake);
}

/* Descriptors for all that the limits allow: an exec has two or three, and one for its input. */
static size_t files_wanted(const struct config *config)
{
    return config->max_handles + 4 * (size_t)config->max_execs + config->max_clients + 64;
}

/* Signals are blocked in every thread and read from a descriptor. Before the channel is there, so
 * that whoever has reached the agent can end it in order. SIGCHLD stays pending, which nobody
 * notices: delivered, the end of each child would wake a thread to ignore it. */
static void block_signals(void)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGCHLD);
    PTOK(pthread_sigmask(SIG_BLOCK, &signals, NULL));
}

int agent_start(const struct config *config, struct agent **ret_agent)
{
    struct agent *agent = calloc(1, sizeof(*agent));
    int r;

    if (!agent)
        return -1;
    agent->config = config;
    agent->epoll_fd = agent->signal_fd = agent->wake.fd = -1;
    signal(SIGPIPE, SIG_IGN);
    spawn_raise_files(files_wanted(config));
    r = open_state(agent);
    if (r == 0)
        r = open_log(config);
    if (r == 0)
        r = make_commands(agent);
    if (r == 0) {
        block_signals();
        r = open_channel(agent);
    }
    if (r < 0) {
        log_err("failed to initialize guest agent: %s", err_text(r));
        agent_free(agent);
        return -1;
    }
    *ret_agent = agent;
    return 0;
}

static int start_threads(struct agent *agent)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    struct sched_config sched = {
        .core_workers = MIN_OF((unsigned)MAX_OF(processors, 2), agent->config->max_workers),
        .max_workers = agent->config->max_workers,
        .max_jobs = MAX_UNFINISHED_JOBS,
        .backlog = kick_backlog,
        .arg = agent,
    };

    budget_init(&agent->budget, agent->config->max_memory, &agent->wake);
    agent->writer = writer_start();
    agent->sched = sched_new(&sched);
    return agent->writer && agent->sched ? 0 : -ENOMEM;
}

static void end_clients(struct agent *agent)
{
    struct client *client;

    agent->stopping = true;
    while (!TAILQ_EMPTY(&agent->gated))
        schedule_give_up(TAILQ_FIRST(&agent->gated));
    while ((client = TAILQ_FIRST(&agent->clients)))
        client_end(client);
}

/* False: some worker is blocked, and what it may use must stay. */
static bool stop_threads(struct agent *agent)
{
    end_clients(agent);
    if (!sched_stop(agent->sched, STOP_TIMEOUT_MS))
        return false;
    agent->writer = writer_stop(agent->writer); /* lets the last sessions go */
    port_check(agent);
    agent->sched = sched_free(agent->sched);
    return true;
}

int agent_serve(struct agent *agent)
{
    int status = EXIT_FAILURE;
    int r;

    r = start_threads(agent);
    if (r == 0)
        r = loop_init(agent);
    if (r < 0) {
        log_err("failed to start: %s", err_text(r));
        return status;
    }
    fsfreeze_resume(&agent->env, agent->state);
    status = loop_run(agent);
    agent->blocked = !stop_threads(agent);
    return status;
}

struct agent *agent_free(struct agent *agent)
{
    if (!agent)
        return NULL;
    if (agent->blocked) {
        state_close(agent->state);
        return agent;
    }
    loop_done(agent);
    channel_close(agent->channel);
    exec_table_free(agent->env.execs);
    file_table_free(agent->env.files);
    policy_free(agent->env.policy);
    free(agent->freeze);
    state_close(agent->state);
    wake_fd_done(&agent->wake);
    free(agent);
    log_done();
    return NULL;
}
