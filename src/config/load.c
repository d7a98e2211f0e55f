/*
 * config/load.c - the order in which the sources are asked, and what is checked at the end.
 *
 * A key of the file counts once, with its last value; so all lines are read before any value is
 * set, as GLib does it. "block-rpcs" and its old name are two keys whose lists add up.
 */
#include "config/load.h"

#include "base/log.h"
#include "base/nearest.h"
#include "base/trust.h"
#include "config/config_dump.h"
#include "config/config_file.h"
#include "config/options.h"
#include "config/setting.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

/* Its path is no file's. */
#define METHOD_WITH_ADDRESS "vsock-listen"

static int set_defaults(struct config *config)
{
    CLEANUP(cmd_error_done) struct cmd_error error = { 0 };
    size_t i;

    for (i = 0; i < setting_count; i++) {
        if (settings[i].fallback != NULL &&
            setting_set(&settings[i], config, settings[i].fallback, &error) < 0) {
            log_err("config: cannot set the defaults: %s", error.text);
            return -1;
        }
    }
    return 0;
}

static void free_values(char **values)
{
    size_t i;

    for (i = 0; i < setting_count; i++)
        free(values[i]);
    free(values);
}

static void free_valuesp(char ***values)
{
    if (*values != NULL)
        free_values(*values);
}

/* A file that is being read. */
struct file_values {
    char **values; /* raw, by rows of settings[] */
    struct config_source *sources;
    unsigned unknown;    /* keys and groups that do nothing */
    bool reported_group; /* ... of which one was told */
};

static int unknown_group(struct file_values *file, const char *group)
{
    file->unknown++;
    if (!file->reported_group)
        log_warn("config: group [%s] is unknown, its keys do nothing (they belong into [general])",
                 group);
    file->reported_group = true;
    return 0;
}

static int unknown_key(struct file_values *file, const char *key)
{
    struct nearest nearest = { .word = key };
    const char *meant;
    size_t i;

    for (i = 0; i < setting_count; i++)
        nearest_offer(&nearest, settings[i].key);
    meant = nearest_name(&nearest);
    file->unknown++;
    if (meant != NULL)
        log_warn("config: key '%s' is unknown and does nothing, did you mean '%s'?", key, meant);
    else
        log_warn("config: key '%s' is unknown and does nothing", key);
    return 0;
}

/* config_file_fn: keeps the raw value of a key that is in the table. */
static int keep_value(void *ctx, unsigned line, const char *group, const char *key, const char *raw,
                      struct cmd_error *reterr)
{
    struct file_values *file = ctx;
    const struct setting *setting = setting_find(key);
    char *copy;

    if (strcmp(group, "general") != 0)
        return unknown_group(file, group);
    if (setting == NULL)
        return unknown_key(file, key);
    copy = strdup(raw);
    if (copy == NULL)
        return cmd_fail(reterr, "%s", err_text(ENOMEM));
    free(file->values[setting - settings]);
    file->values[setting - settings] = copy;
    file->sources[setting - settings].line = line;
    return 0;
}

bool config_warn_untrusted(const char *key, const char *path)
{
    char reason[TRUST_REASON_MAX];

    if (path == NULL || path_is_trusted(path, reason) != -EPERM)
        return false;
    log_warn("%s: '%s' may be changed by others than root: %s", key, path, reason);
    return true;
}

static int set_values(struct config *config, char *const *values, struct cmd_error *reterr)
{
    size_t i;

    for (i = 0; i < setting_count; i++) {
        if (values[i] == NULL)
            continue;
        if (settings[i].renamed_to != NULL)
            log_warn("config using deprecated '%s' key, should be replaced with the '%s' key.",
                     settings[i].key, settings[i].renamed_to);
        if (setting_set(&settings[i], config, values[i], reterr) < 0)
            return -1;
    }
    return 0;
}

/* 0, or -1 with a log line. A file that is not there is fine unless it is `required`. */
static int load_file(struct config *config, const char *path, bool required)
{
    CLEANUP(cmd_error_done) struct cmd_error error = { 0 };
    CLEANUP(free_valuesp) char **values = calloc(setting_count, sizeof(*values));
    struct file_values file = { .values = values, .sources = config->sources };
    int r = -ENOMEM;

    if (values != NULL)
        r = config_file_read(path, keep_value, &file, &error);
    if (r == -ENOENT && !required)
        return 0;
    config->file = strdup(path); /* NULL: only words are lost */
    if (r == 0)
        r = set_values(config, values, &error);
    if (r < 0)
        log_err("error loading configuration from path: %s, %s", path,
                error.text != NULL ? error.text : err_text(r));
    config->unknown = file.unknown;
    config->has_file = true;
    config->untrusted = config_warn_untrusted("config", path);
    return r < 0 ? -1 : 0;
}

/* NULL and absolute paths stay as they are. */
static int absolute_path(char **path)
{
    char cwd[PATH_MAX];
    char *absolute;

    if (*path == NULL || **path == '/')
        return 0;
    if (getcwd(cwd, sizeof(cwd)) == NULL)
        return -errno;
    if (asprintf(&absolute, "%s/%s", cwd, *path) < 0)
        return -ENOMEM;
    free(*path);
    *path = absolute;
    return 0;
}

/* 0, or -1 with a log line. */
static int find_file(struct config *config, const char *option_path)
{
    const char *path = option_path != NULL ? option_path : getenv("QGA_CONF");
    int r = -ENOMEM;

    config->file_path = strdup(path != NULL ? path : CONFIG_DEFAULT_FILE);
    if (config->file_path != NULL)
        r = absolute_path(&config->file_path);
    if (r < 0)
        log_err("config: cannot make the path absolute: %s", err_text(r));
    return r < 0 ? -1 : 0;
}

static int load_files(struct config *config, const char *option_path)
{
    const char *path = option_path != NULL ? option_path : getenv("QGA_CONF");

    if (find_file(config, option_path) < 0)
        return -1;
    return load_file(config, path != NULL ? path : CONFIG_DEFAULT_FILE, option_path != NULL);
}

/* True if the service manager passed a socket to this very process (sd_listen_fds(3)). */
static bool socket_passed(void)
{
    const char *pid = getenv("LISTEN_PID");

    return pid != NULL && getenv("LISTEN_FDS") != NULL && strtol(pid, NULL, 10) == getpid();
}

/* The methods without a path of their own. */
static bool needs_path(const char *method)
{
    return strcmp(method, "unix-listen") == 0 || strcmp(method, "vsock-listen") == 0;
}

static int unknown_method(const char *method)
{
    log_err("unsupported channel method/type: %s", method);
    return -1;
}

/* The path that the method has by itself. 0, or -1 with a log line. */
static int complete_path(struct config *config, const struct config_parts *parts)
{
    CLEANUP(cmd_error_done) struct cmd_error error = { 0 };
    const char *path;

    if (config->path != NULL)
        return 0;
    path = parts->default_path(config->method);
    if (path == NULL && !socket_passed() && !needs_path(config->method))
        return unknown_method(config->method);
    if (path == NULL && socket_passed())
        return 0;
    if (path == NULL) {
        log_err("must specify a path for this channel");
        return -1;
    }
    if (setting_set_plain(setting_find("path"), config, path, &error) < 0) {
        log_err("config: %s", error.text);
        return -1;
    }
    return 0;
}

static enum config_result print_config(const struct config *config)
{
    CLEANUP(buf_done) struct buf text = { 0 };

    config_dump(config, &text);
    if (!buf_ok(&text) || fwrite(text.data, 1, text.len, stdout) != text.len ||
        fflush(stdout) != 0) {
        log_err("config: cannot print the configuration");
        return CONFIG_FAILED;
    }
    return CONFIG_DONE;
}

static bool is_strict_enough(const struct config *config)
{
    if (!config->strict || config->unknown == 0 || config->thaw) /* a thaw is never refused */
        return true;
    log_err("config: %u settings are wrong (see the warnings above), and strict=true",
            config->unknown);
    return false;
}

/* Who can write the file has all rights that root's agent can give. A thaw takes nothing from it but paths
 * that are checked, and is never refused. */
static bool is_safe(const struct config *config)
{
    if (!config->untrusted || config->thaw)
        return true;
    log_err("config: '%s' is refused: others than root may change it (see the warning above)",
            config->file_path);
    return false;
}

enum config_result config_load(int argc, char **argv, const struct config_parts *parts,
                               struct config *ret_config)
{
    enum config_result result;
    const char *path;
    bool dump;

    *ret_config = (struct config){ 0 };
    result = options_scan(argc, argv, parts, &path);
    if (result != CONFIG_RUN)
        return result;
    ret_config->sources = calloc(setting_count, sizeof(*ret_config->sources));
    if (!ret_config->sources || set_defaults(ret_config) < 0 || load_files(ret_config, path) < 0)
        return CONFIG_FAILED;
    result = options_apply(argc, argv, ret_config, &dump);
    if (result != CONFIG_RUN)
        return result;
    if (ret_config->explain)
        return CONFIG_RUN;
    if (complete_path(ret_config, parts) < 0)
        return CONFIG_FAILED;
    if (dump) {
        parts->check_names("block-rpcs", (const char *const *)ret_config->block_rpcs);
        parts->check_names("allow-rpcs", (const char *const *)ret_config->allow_rpcs);
        return print_config(ret_config);
    }
    return is_safe(ret_config) && is_strict_enough(ret_config) ? CONFIG_RUN : CONFIG_FAILED;
}

enum config_result config_reload(const struct config_input *source, const struct config *running,
                                 struct config *ret_config)
{
    bool dump;

    *ret_config = (struct config){ 0 };
    ret_config->sources = calloc(setting_count, sizeof(*ret_config->sources));
    if (!ret_config->sources || set_defaults(ret_config) < 0 ||
        load_file(ret_config, running->file_path, running->has_file) < 0)
        return CONFIG_FAILED;
    if (options_apply(source->argc, source->argv, ret_config, &dump) != CONFIG_RUN)
        return CONFIG_FAILED;
    return is_safe(ret_config) && is_strict_enough(ret_config) ? CONFIG_RUN : CONFIG_FAILED;
}

int config_absolute_paths(struct config *config)
{
    char **paths[] = { &config->path, &config->logfile, &config->pidfile, &config->fsfreeze_hook };
    bool is_address = strcmp(config->method, METHOD_WITH_ADDRESS) == 0;
    size_t i;
    int r;

    for (i = is_address ? 1 : 0; i < ARRAY_LEN(paths); i++) {
        r = absolute_path(paths[i]);
        if (r < 0)
            return r;
    }
    return 0;
}

void config_done(struct config *config)
{
    size_t i;

    for (i = 0; i < setting_count; i++)
        setting_clear(&settings[i], config);
    free(config->sources);
    free(config->file);
    free(config->file_path);
}
