/*
 * agent/explain.c - rights_explain(): the rights of a command in words.
 */
#include "agent/rights.h"

#include "base/log.h"
#include "cmds/table.h"
#include "config/setting.h"

/* " (FILE:LINE)", " (command line)", both, or " (default)". */
static void put_source(const struct config *config, const char *key, struct buf *text)
{
    const struct config_source *source = setting_source(setting_find(key), config);
    bool in_file = source->line > 0 && config->file;

    buf_puts(text, " (");
    if (in_file)
        buf_printf(text, "%s:%u", config->file, source->line);
    if (source->from_option)
        buf_printf(text, "%scommand line", in_file ? ", " : "");
    if (!in_file && !source->from_option)
        buf_puts(text, "default");
    buf_puts(text, ")");
}

static void put_reason(const struct config *config, enum policy_verdict verdict, struct buf *text)
{
    switch (verdict) {
    case POLICY_ALLOWED:
    case POLICY_PROFILE:
        buf_printf(text, "%s by profile=%s", verdict == POLICY_ALLOWED ? "allowed" : "refused",
                   config->profile);
        put_source(config, "profile", text);
        break;
    case POLICY_ALLOW_LIST:
        buf_puts(text, "refused: it is not in allow-rpcs");
        put_source(config, "allow-rpcs", text);
        return;
    case POLICY_BLOCK_LIST:
        buf_puts(text, "refused by block-rpcs");
        put_source(config, "block-rpcs", text);
        return;
    }
    if (verdict == POLICY_ALLOWED && config->allow_rpcs) {
        buf_puts(text, " and by allow-rpcs");
        put_source(config, "allow-rpcs", text);
    }
}

static void explain(const struct config *config, const struct policy_config *policy,
                    const struct command *command)
{
    CLEANUP(buf_done) struct buf text = { 0 };

    buf_printf(&text, "%s (class ", command->name);
    classes_print(command->classes, &text);
    buf_puts(&text, "): ");
    put_reason(config, policy_judge(policy, command), &text);
    puts(buf_terminate(&text));
}

static int explain_names(const struct config *config, const struct policy_config *policy)
{
    CLEANUP(free_ptr) char *names = strdup(config->explain);
    int status = EXIT_SUCCESS;
    char *rest = names, *name;

    while (rest && (name = strtok_r(rest, ", ", &rest))) {
        const char *const one[] = { name, NULL };
        const struct command *command = command_find(name, strlen(name));

        if (command)
            explain(config, policy, command);
        else if (policy_check_names(&all_commands, "explain", one) > 0)
            status = EXIT_FAILURE;
    }
    return status;
}

int rights_explain(const struct config *config)
{
    struct policy_config policy;

    if (rights_policy(config, &policy) < 0)
        return EXIT_FAILURE;
    if (strcmp(config->explain, "all") != 0)
        return explain_names(config, &policy);
    for (size_t i = 0; i < all_commands.count; i++)
        explain(config, &policy, &all_commands.rows[i]);
    return EXIT_SUCCESS;
}
