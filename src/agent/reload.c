/*
 * agent/reload.c - a thread that reads, and a notice when it has.
 *
 *   field   written by          read by     order, and what it buys
 *   result  the reading thread  I/O thread  the join behind the notice
 */
#include "agent/reload.h"

#include "agent/rights.h"
#include "base/log.h"
#include "cmds/audit.h"
#include "cmds/table.h"
#include "config/config_dump.h"

#include <errno.h>
#include <time.h>

#define END_SEC     1
#define STACK_BYTES (512 * KIB)

int served_init(struct served *served, const struct config *config)
{
    CLEANUP(cmd_error_done) struct cmd_error error = { 0 };
    struct policy_config rights;
    struct path_rules *paths;
    struct policy *policy;

    served->config = config;
    if (rights_policy(config, &rights) < 0)
        return -EINVAL;
    if (peer_rules_parse((const char *const *)config->unix_peers,
                         (const char *const *)config->vsock_peers, &served->peers, &error) < 0) {
        log_err("%s", error.text);
        return -EINVAL;
    }
    if (path_rules_new((const char *const *)config->file_allow,
                       (const char *const *)config->file_deny, &paths, &error) < 0) {
        log_err("%s", error.text);
        return -EINVAL;
    }
    policy = policy_new(&all_commands, &rights);
    if (!policy)
        path_rules_free(paths);
    served->grant = policy ? grant_new(policy, paths) : NULL;
    return served->grant ? 0 : -ENOMEM;
}

void served_done(struct served *served)
{
    if (!served)
        return;
    grant_unref(served->grant);
    peer_rules_done(&served->peers);
    config_done(&served->own);
    free(served);
}

static bool wider(const char *what, const char *which)
{
    log_err("config: nothing is changed: lock=yes, and %s%s", what, which);
    return false;
}

static enum audit_level level_of(const struct config *config)
{
    enum audit_level level = AUDIT_CHANGES;

    audit_parse_level(config->audit, &level);
    return level;
}

bool served_is_within(const struct served *next, const struct served *now)
{
    const char *command;

    if (strcmp(next->config->lock, "yes") != 0)
        return wider("the file does not say so any more", "");
    command = policy_beyond(next->grant->policy, now->grant->policy);
    if (command)
        return wider("it would allow ", command);
    if (!path_rules_within(next->grant->paths, now->grant->paths))
        return wider("file-allow or file-deny has changed", "");
    if (!peer_rules_within(&next->peers, &now->peers))
        return wider("more peers could connect", "");
    if (level_of(next->config) < level_of(now->config))
        return wider("fewer calls would leave audit lines", "");
    return true;
}

/* The keys that count for requests and clients to come. */
static bool is_live(const struct setting *setting)
{
    static const char *const keys[] = {
        "profile",   "block-rpcs",   "blacklist",   "allow-rpcs",   "file-allow",
        "file-deny", "unix-peers",   "vsock-peers", "audit",        "lock",
        "strict",    "resync-grace", "max-clients", "max-requests", "max-message-size",
    };

    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (strcmp(setting->key, keys[i]) == 0)
            return true;
    }
    return false;
}

/* A path that was left to its default, or is not absolute, may be the same as it is in `running`, where
 * it has been completed. */
static bool is_known(const struct setting *setting, const struct buf *value)
{
    return setting->type != SETTING_STRING || (value->len > 0 && value->data[0] == '/');
}

static bool has_changed(const struct setting *setting, const struct config *config,
                        const struct config *running)
{
    CLEANUP(buf_done) struct buf value = { 0 }, before = { 0 };
    struct config copy = *config;

    copy.list_separator = running->list_separator; /* the same list may be written in another way */
    setting_print(setting, &copy, &value);
    setting_print(setting, running, &before);
    return is_known(setting, &value) &&
           (value.len != before.len ||
            (value.len > 0 && memcmp(value.data, before.data, value.len) != 0));
}

void served_warn_of_rest(const struct config *config, const struct config *running)
{
    for (size_t i = 0; i < setting_count; i++) {
        if (!is_live(&settings[i]) && has_changed(&settings[i], config, running))
            log_warn("config: '%s' has changed, which counts when the agent is started anew",
                     settings[i].key);
    }
}

/* NULL, with log lines: it is wrong. */
static struct served *read_config(const struct reload *reload)
{
    struct served *served = calloc(1, sizeof(*served));

    if (served && config_reload(reload->source, reload->running, &served->own) == CONFIG_RUN &&
        rights_check(&served->own) == 0 && served_init(served, &served->own) == 0)
        return served;
    log_err("config: nothing is changed: the configuration cannot be read again");
    served_done(served);
    return NULL;
}

static void *read_again(void *arg)
{
    struct reload *reload = arg;

    reload->result = read_config(reload);
    loop_notify(reload->loop, &reload->read);
    return NULL;
}

void reload_begin(struct reload *reload)
{
    pthread_attr_t attributes;

    reload->again = reload->is_reading;
    if (reload->is_reading || !reload->source)
        return;
    PTOK(pthread_attr_init(&attributes));
    PTOK(pthread_attr_setstacksize(&attributes, STACK_BYTES));
    reload->is_reading = pthread_create(&reload->thread, &attributes, read_again, reload) == 0;
    PTOK(pthread_attr_destroy(&attributes));
    if (reload->is_reading)
        pthread_setname_np(reload->thread, "reload");
    else
        log_err("config: nothing is changed: no memory for a thread");
}

struct served *reload_take(struct reload *reload)
{
    bool again = reload->again;
    struct served *result;

    if (!reload->is_reading)
        return NULL;
    PTOK(pthread_join(reload->thread, NULL));
    result = TAKE_PTR(reload->result);
    reload->is_reading = reload->again = false;
    if (again)
        reload_begin(reload);
    return result;
}

bool reload_end(struct reload *reload)
{
    struct timespec limit;

    if (!reload->is_reading)
        return true;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += END_SEC;
    if (pthread_timedjoin_np(reload->thread, NULL, &limit) != 0)
        return false;
    reload->is_reading = false;
    served_done(TAKE_PTR(reload->result));
    return true;
}
