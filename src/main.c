/*
 * main.c - from the command line to a served host and back.
 */
#include "agent/agent.h"
#include "agent/daemon.h"
#include "agent/rights.h"
#include "agent/thaw.h"
#include "base/block.h"
#include "base/error.h"
#include "base/log.h"
#include "cmds/policy.h"
#include "cmds/table.h"
#include "config/load.h"
#include "io/channel.h"

#include <unistd.h>

static const char *command_name(size_t index)
{
    return index < all_commands.count ? all_commands.rows[index].name : NULL;
}

static const char *default_path(const char *name)
{
    enum channel_method method;

    return channel_method_parse(name, &method) == 0 ? channel_default_path(method) : NULL;
}

static unsigned check_names(const char *key, const char *const *names)
{
    return policy_check_names(&all_commands, key, names);
}

static const struct config_parts parts = {
    .command_name = command_name,
    .default_path = default_path,
    .check_names = check_names,
};

/* Opens everything and, as a daemon, detaches. 0, or -1 with a log line. */
static int start(struct config *config, const struct config_input *source, struct agent **ret_agent)
{
    int r = rights_check(config);

    if (r < 0)
        return -1;
    if (config->daemonize) {
        r = config_absolute_paths(config);
        if (r < 0)
            log_err("config: cannot make the paths absolute: %s", err_text(r));
    }
    if (r < 0 || (config->daemonize && daemon_prepare(config->pidfile, config->statedir) < 0))
        return -1;
    if (agent_start(config, source, ret_agent) < 0)
        return -1;
    rights_log(config);
    if (config->daemonize && daemon_detach() < 0)
        return -1;
    daemon_notify_ready();
    log_start();
    return 0;
}

int main(int argc, char **argv)
{
    const struct config_input source = { .argc = argc, .argv = argv, .parts = &parts };
    struct config config = { 0 };
    struct agent *agent = NULL;
    int status = EXIT_FAILURE;

    daemon_open_standard_fds();
    block_init();
    switch (config_load(argc, argv, &parts, &config)) {
    case CONFIG_RUN:
        if (config.explain)
            status = rights_explain(&config);
        else if (config.thaw)
            status = thaw_run(&config);
        else if (start(&config, &source, &agent) == 0)
            status = agent_serve(agent);
        break;
    case CONFIG_DONE:
        status = EXIT_SUCCESS;
        break;
    case CONFIG_FAILED:
        break;
    }
    agent = agent_free(agent);
    daemon_end();
    if (agent) { /* a worker is stuck, and what it uses must stay to the last */
        log_flush();
        fflush(NULL);
        _exit(status);
    }
    config_done(&config);
    return status;
}
