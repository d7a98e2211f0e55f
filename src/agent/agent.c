/*
 * agent/agent.c - start and stop, in order.
 *
 * Start  log, state directory, frozen marker, ports; then (after the process has detached) the
 *        loop, the pipeline with its threads, signals, and the ports are served.
 * Stop   no freeze begins any more (while frozen, the thaw is waited for first); requests are no
 *        longer taken; the loop goes on a moment for those that run; what is frozen is thawed,
 *        with its hook; clients are ended; workers and writer stop; the tables are freed. Workers that are blocked for good
 *        cannot be stopped: then nothing they may touch is freed, and the process ends without
 *        them.
 *
 * The parts below know nothing of the agent: signals, ports and the pipeline call the functions that
 * they were handed.
 */
#include "agent/agent.h"

#include "agent/daemon.h"
#include "agent/port.h"
#include "agent/reload.h"
#include "agent/rights.h"
#include "agent/signals.h"
#include "agent/thaw.h"
#include "base/error.h"
#include "base/frozen.h"
#include "base/log.h"
#include "base/spawn.h"
#include "cmds/audit.h"
#include "cmds/exec/exec.h"
#include "cmds/files/file.h"
#include "cmds/linux/freeze/fsfreeze.h"
#include "pool/sched.h"
#include "session/pipeline.h"

#include <errno.h>
#include <signal.h>

#define STOP_GRACE_NS NSEC_PER_SEC

struct agent {
    const struct config *config;
    struct state *state;
    struct cmd_env env; /* what all ports have in common */
    struct freeze_config *freeze;
    struct served *served;   /* what the configuration that counts now gives */
    struct peer_rules peers; /* its */
    struct reload reload;
    struct port_list ports;

    struct loop loop;
    struct pipeline pipeline;
    struct signals signals;
    struct timer stop_timer; /* the grace of a stop is over */
    int exit_status;
    bool stop_wanted; /* by a signal; carried out when thawed */
    bool is_blocked;  /* some thread did not stop: what it may use is never freed */
};

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

static int make_commands(struct agent *agent)
{
    const struct config *config = agent->config;

    agent->freeze = calloc(1, sizeof(*agent->freeze));
    if (!agent->freeze)
        return -ENOMEM;
    *agent->freeze = thaw_config(config);
    agent->env.freeze = agent->freeze;
    agent->env.files = file_table_new(agent->state, config->max_handles, (mode_t)config->file_mode);
    agent->env.execs = exec_table_new(config->max_execs, config->max_exec_output);
    sysroot_init(&agent->env.root, NULL);
    return agent->env.files && agent->env.execs ? 0 : -ENOMEM;
}

static int make_rights(struct agent *agent)
{
    agent->served = calloc(1, sizeof(*agent->served));
    return agent->served ? served_init(agent->served, agent->config) : -ENOMEM;
}

/* Requests and clients to come are served by what stands in `agent->served`. */
static void serve_by(struct agent *agent)
{
    const struct config *config = agent->served->config;
    enum audit_level level;
    struct port *port;

    if (audit_parse_level(config->audit, &level)) /* the word has been checked with the file */
        audit_set_level(level);
    agent->peers = agent->served->peers;
    SLIST_FOREACH (port, &agent->ports, link) {
        struct origin *origin = &port->origin;

        grant_unref(origin->grant);
        origin->grant = grant_ref(agent->served->grant);
        origin->max_requests = config->max_requests;
        origin->max_message_size = config->max_message_size;
        origin->resync_grace_ms = config->resync_grace_ms;
        listener_limit(&port->listener, config->max_clients);
    }
}

/* The port of the options; further ones would be made here, each with a policy of its own. */
static int open_ports(struct agent *agent)
{
    const struct config *config = agent->config;
    const struct port_config port_config = {
        .method = config->method,
        .path = config->path,
        .retry = config->retry_path,
        .max_clients = config->max_clients,
        .socket_mode = (mode_t)config->unix_mode,
        .peers = &agent->peers,
    };
    struct port *port = port_new(&port_config);

    if (!port)
        return -ENOMEM;
    SLIST_INSERT_HEAD(&agent->ports, port, link);
    port->origin = (struct origin){
        .service = &agent->pipeline.service,
        .name = "general",
        .env = agent->env,
        .budget = &agent->pipeline.budget,
    };
    serve_by(agent);
    return port_open(port);
}

/* Descriptors for all that the limits allow: an exec has two or three, and one for its input; a
 * freeze keeps one for each filesystem. */
static size_t files_wanted(const struct config *config)
{
    return config->max_handles + 4 * (size_t)config->max_execs + config->max_clients + 1024;
}

int agent_start(const struct config *config, const struct config_input *source,
                struct agent **ret_agent)
{
    struct agent *agent = calloc(1, sizeof(*agent));
    int r;

    if (!agent)
        return -1;
    agent->config = config;
    agent->reload.running = config;
    agent->reload.source = source;
    agent->loop.epoll_fd = agent->loop.wake.fd = agent->signals.fd = -1;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a write beyond the limit of file sizes is an error, not the end */
    spawn_init(files_wanted(config));
    r = open_state(agent);
    if (r == 0)
        r = open_log(config);
    if (r == 0)
        r = make_commands(agent);
    if (r == 0)
        r = make_rights(agent);
    if (r == 0) {
        signals_block();
        r = open_ports(agent);
    }
    if (r < 0) {
        log_err("failed to initialize guest agent: %s", err_text(r));
        agent_free(agent);
        return -1;
    }
    *ret_agent = agent;
    return 0;
}

/* Called by the parts below */

static void grace_over(struct timer *timer)
{
    loop_end(&CONTAINER_OF(timer, struct agent, stop_timer)->loop);
}

static void stop_if_thawed(struct agent *agent)
{
    if (!agent->stop_wanted || !ga_frozen_close() || agent->pipeline.service.stopping)
        return;
    agent->stop_timer.fire = grace_over;
    loop_set_timer_in(&agent->loop, &agent->stop_timer, STOP_GRACE_NS);
    pipeline_drain(&agent->pipeline);
}

/* SIGTERM, SIGINT: while frozen, carried out after the thaw. */
static void stop(void *arg)
{
    struct agent *agent = arg;

    agent->stop_wanted = true;
    stop_if_thawed(agent);
}

/* SIGHUP */
static void reload(void *arg)
{
    struct agent *agent = arg;

    reload_begin(&agent->reload);
}

/* The configuration was read again. */
static void configuration_read(struct notice *notice)
{
    struct agent *agent = CONTAINER_OF(notice, struct agent, reload.read);
    struct served *next = reload_take(&agent->reload);
    bool locked = strcmp(agent->served->config->lock, "yes") == 0;

    if (!next || (locked && !served_is_within(next, agent->served))) {
        served_done(next);
        return;
    }
    served_done(agent->served); /* grants stay with their requests */
    agent->served = next;
    serve_by(agent);
    served_warn_of_rest(next->config, agent->config);
    rights_log(next->config);
    log_info("config: read again, what it changes counts for requests to come");
}

/* The only way in is closed. */
static void port_lost(struct port *port)
{
    struct agent *agent = port->owner;

    ga_frozen_close(); /* what is frozen is thawed behind the loop */
    agent->exit_status = EXIT_FAILURE;
    agent->pipeline.service.stopping = true;
    loop_end(&agent->loop);
}

/* Behind a thaw: what was put off until then. */
static void freeze_changed(struct notice *notice)
{
    struct agent *agent = CONTAINER_OF(notice, struct agent, pipeline.service.freeze_changed);

    daemon_pidfile_late();
    if (ga_is_overtaken())
        sched_thawed(agent->pipeline.service.sched);
    stop_if_thawed(agent);
}

/* Any thread: the timer thaws too. */
static void thawed(void *arg)
{
    struct agent *agent = arg;

    loop_notify(&agent->loop, &agent->pipeline.service.freeze_changed);
}

/* Serving */

static int start(struct agent *agent)
{
    const struct config *config = agent->config;
    const struct pipeline_config pipeline = {
        .max_workers = config->max_workers,
        .max_memory = config->max_memory,
    };
    int r;

    r = loop_init(&agent->loop, config->busy_poll_usec * NSEC_PER_USEC);
    if (r == 0)
        r = pipeline_start(&agent->pipeline, &agent->loop, &pipeline);
    agent->pipeline.service.freeze_changed.deliver = freeze_changed;
    agent->reload.loop = &agent->loop;
    agent->reload.read.deliver = configuration_read;
    if (r == 0)
        r = signals_start(&agent->signals, &agent->loop, stop, reload, agent);
    return r;
}

static void serve_ports(struct agent *agent)
{
    struct port *port;

    SLIST_FOREACH (port, &agent->ports, link) {
        port->lost = port_lost;
        port->owner = agent;
        port_serve(port);
    }
}

int agent_serve(struct agent *agent)
{
    int r = start(agent);

    if (r < 0) {
        log_err("failed to start: %s", err_text(r));
        agent->is_blocked = !pipeline_stop(&agent->pipeline);
        return EXIT_FAILURE;
    }
    ga_frozen_watch(thawed, agent);
    fsfreeze_resume(&agent->env, agent->state);
    serve_ports(agent);
    r = loop_run(&agent->loop);
    if (r < 0) {
        log_err("epoll_wait failed: %s", err_text(r));
        agent->exit_status = EXIT_FAILURE;
    }
    agent->is_blocked = !reload_end(&agent->reload);
    if (!fsfreeze_finish(&agent->env))
        agent->is_blocked = true;
    ga_frozen_watch(NULL, NULL);
    if (!pipeline_stop(&agent->pipeline))
        agent->is_blocked = true;
    return agent->exit_status;
}

static void free_ports(struct agent *agent)
{
    struct port *port;

    while ((port = SLIST_FIRST(&agent->ports))) {
        SLIST_REMOVE_HEAD(&agent->ports, link);
        grant_unref(port->origin.grant);
        port_free(port);
    }
}

struct agent *agent_free(struct agent *agent)
{
    if (!agent)
        return NULL;
    if (agent->is_blocked) {
        state_sync(agent->state);
        return agent;
    }
    signals_done(&agent->signals);
    loop_done(&agent->loop);
    free_ports(agent);
    served_done(agent->served);
    exec_table_free(agent->env.execs);
    file_table_free(agent->env.files);
    free(agent->freeze);
    state_close(agent->state);
    free(agent);
    log_done();
    return NULL;
}
