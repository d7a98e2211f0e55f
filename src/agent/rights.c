#include "agent/rights.h"

#include "base/log.h"
#include "cmds/command.h"
#include "cmds/policy.h"
#include "cmds/table.h"
#include "config/load.h"

int rights_policy(const struct config *config, struct policy_config *ret_policy)
{
    CLEANUP(cmd_error_done) struct cmd_error error = { 0 };

    *ret_policy = (struct policy_config){
        .allow = (const char *const *)config->allow_rpcs,
        .block = (const char *const *)config->block_rpcs,
    };
    if (profile_parse(config->profile, &ret_policy->profile, &error) == 0)
        return 0;
    log_err("%s", error.text);
    return -1;
}

/* A program may open any file. */
static unsigned warn_of_exec(const struct config *config, const struct policy_config *policy)
{
    if (!config->file_allow && !config->file_deny)
        return 0;
    for (size_t i = 0; i < all_commands.count; i++) {
        const struct command *command = &all_commands.rows[i];

        if ((command->classes & CLASS_EXEC) && (command->flags & CMD_SPAWNS) &&
            policy_judge(policy, command) == POLICY_ALLOWED) {
            log_warn("%s is allowed, so file-allow and file-deny protect nothing: see profile and "
                     "block-rpcs",
                     command->name);
            return 1;
        }
    }
    return 0;
}

int rights_check(const struct config *config)
{
    CLEANUP(free_ptr) char *scripts = NULL;
    struct policy_config policy;
    unsigned wrong;

    if (rights_policy(config, &policy) < 0)
        return -1;
    wrong =
        policy_check_names(&all_commands, "block-rpcs", (const char *const *)config->block_rpcs);
    wrong +=
        policy_check_names(&all_commands, "allow-rpcs", (const char *const *)config->allow_rpcs);
    wrong += warn_of_exec(config, &policy);
    wrong += config_warn_untrusted("statedir", config->statedir);
    if (config->fsfreeze_hook) {
        wrong += config_warn_untrusted("fsfreeze-hook", config->fsfreeze_hook);
        if (asprintf(&scripts, "%s.d", config->fsfreeze_hook) < 0)
            scripts = NULL;
        wrong += config_warn_untrusted("fsfreeze-hook", scripts);
    }
    if (wrong == 0 || !config->strict)
        return 0;
    log_err("%u settings are wrong (see the warnings above), and strict=true", wrong);
    return -1;
}

void rights_log(const struct config *config)
{
    struct policy_config policy;

    if (rights_policy(config, &policy) == 0)
        policy_log_refused(&all_commands, &policy);
}
