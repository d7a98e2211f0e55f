/*
 * config/setting.c - the table, and what it says in words. Values from text: setting_set.c; back:
 * config_dump.c.
 */
#include "config/setting.h"

#include <inttypes.h>

#define AT(member)                offsetof(struct config, member)
#define MSEC_PER_SEC              ((uint64_t)1000)
#define COUNTED(key_, member_)    .key = (key_), .type = SETTING_COUNT, .offset = AT(member_)
#define BYTES(key_, member_)      .key = (key_), .type = SETTING_BYTES, .offset = AT(member_)
#define RANGE(min_, max_, value_) .min = (min_), .max = (max_), .fallback = (value_)

#define A_WEEK ((uint64_t)7 * 24 * 60 * 60)
#define GIB    (1024 * (uint64_t)MIB)

static const char *const lock_words[] = { "no", "yes", NULL };
static const char *const audit_words[] = { "no", "changes", "all", NULL };

/* clang-format off */
const struct setting settings[] = {
    { .key = "daemon", .type = SETTING_BOOL, .offset = AT(daemonize), .fallback = "false" },
    { .key = "method", .type = SETTING_STRING, .offset = AT(method), .fallback = "virtio-serial" },
    { .key = "path", .type = SETTING_STRING, .offset = AT(path) },
    { .key = "logfile", .type = SETTING_STRING, .offset = AT(logfile) },
    { .key = "pidfile", .type = SETTING_STRING, .offset = AT(pidfile),
      .fallback = CONFIG_DEFAULT_PIDFILE },
    { .key = "fsfreeze-hook", .type = SETTING_STRING, .offset = AT(fsfreeze_hook) },
    { .key = "statedir", .type = SETTING_STRING, .offset = AT(statedir), .fallback = "/var/run" },
    { .key = "verbose", .type = SETTING_BOOL, .offset = AT(verbose), .fallback = "false" },
    { .key = "retry-path", .type = SETTING_BOOL, .offset = AT(retry_path), .fallback = "false" },
    { .key = "block-rpcs", .type = SETTING_NAMES, .offset = AT(block_rpcs) },
    { .key = "blacklist", .type = SETTING_NAMES, .offset = AT(block_rpcs),
      .renamed_to = "block-rpcs" },
    { .key = "allow-rpcs", .type = SETTING_NAMES, .offset = AT(allow_rpcs) },

    { .key = "profile", .type = SETTING_STRING, .offset = AT(profile), .fallback = "open",
      .unit = "name, or list of classes",
      .summary = "open, rhel, audit, backup, managed, confidential; +exec, -power" },
    { .key = "file-allow", .type = SETTING_PATHS, .offset = AT(file_allow),
      .unit = "list of patterns", .summary = "the only files that the host may open" },
    { .key = "file-deny", .type = SETTING_PATHS, .offset = AT(file_deny),
      .unit = "list of patterns", .summary = "files that the host may not open" },
    { COUNTED("max-workers", max_workers), RANGE(1, 1024, "64"), .unit = "threads",
      .summary = "workers that run commands, at most" },
    { .key = "resync-grace", .type = SETTING_MSEC, .offset = AT(resync_grace_ms),
      RANGE(0, 3600 * MSEC_PER_SEC, "1"), .unit = "seconds",
      .summary = "how long a sync waits for earlier requests" },
    { COUNTED("busy-poll", busy_poll_usec), RANGE(0, 1000, "30"), .unit = "microseconds",
      .summary = "busy polling for the next request before sleeping; 0 is never" },
    { .key = "unix-peers", .type = SETTING_NAMES, .offset = AT(unix_peers),
      .unit = "list of users, or *", .summary = "who may connect to a unix socket, if not root alone" },
    { .key = "unix-mode", .type = SETTING_MODE, .offset = AT(unix_mode), RANGE(0, 0777, "0000"),
      .unit = "octal", .summary = "permissions of a unix socket's file; 0: as unix-peers need it" },
    { .key = "vsock-peers", .type = SETTING_NAMES, .offset = AT(vsock_peers),
      .unit = "list of CIDs, or *", .summary = "who may connect by vsock, if not the host alone" },
    { COUNTED("max-clients", max_clients), RANGE(1, 4096, "64"), .unit = "connections",
      .summary = "clients of a listening socket at a time" },
    { COUNTED("max-requests", max_requests), RANGE(1, 65536, "1024"), .unit = "requests",
      .summary = "requests in flight, for each client" },
    { BYTES("max-message-size", max_message_size), RANGE(4 * KIB, 64 * MIB, "64M"),
      .unit = "bytes", .summary = "size of one request" },
    { BYTES("max-memory", max_memory), RANGE(MIB, 1024 * GIB, "192M"),
      .unit = "bytes", .summary = "requests and replies held or being made, all clients together" },
    { COUNTED("max-handles", max_handles), RANGE(1, 1000000, "4096"), .unit = "handles",
      .summary = "files open at a time" },
    { .key = "file-mode", .type = SETTING_MODE, .offset = AT(file_mode), RANGE(0, 0777, "0666"),
      .unit = "octal", .summary = "permissions of files that the host makes" },
    { COUNTED("max-execs", max_execs), RANGE(1, 1000000, "4096"), .unit = "processes",
      .summary = "processes whose end the host has not asked for" },
    { BYTES("max-exec-output", max_exec_output), RANGE(MIB, 1024 * GIB, "256M"),
      .unit = "bytes", .summary = "captured output held, all processes together" },
    { COUNTED("freeze-timeout", freeze_timeout_sec), RANGE(0, A_WEEK, "600"), .unit = "seconds",
      .summary = "thaw by itself after this long; 0 is never" },
    { COUNTED("fsfreeze-hook-timeout", hook_timeout_sec), RANGE(1, A_WEEK, "300"),
      .unit = "seconds", .summary = "end a freeze hook that runs longer" },
    { .key = "freeze-exclude", .type = SETTING_PATHS, .offset = AT(freeze_exclude),
      .unit = "list of mount points", .summary = "filesystems that are never frozen" },
    { .key = "audit", .type = SETTING_WORD, .offset = AT(audit), .words = audit_words,
      .fallback = "changes", .unit = "no, changes or all",
      .summary = "calls that make lines in the journal, or in syslog" },
    { .key = "lock", .type = SETTING_WORD, .offset = AT(lock), .words = lock_words, .fallback = "no",
      .unit = "no or yes", .summary = "what SIGHUP reads may take rights away, and give none" },
    { .key = "strict", .type = SETTING_BOOL, .offset = AT(strict), .fallback = "false",
      .unit = "true or false", .summary = "end at start where a setting would do nothing" },
};
/* clang-format on */
const size_t setting_count = ARRAY_LEN(settings);

const struct setting *setting_find(const char *key)
{
    size_t i;

    for (i = 0; i < setting_count; i++) {
        if (strcmp(settings[i].key, key) == 0)
            return &settings[i];
    }
    return NULL;
}

/* A number of bytes with the largest suffix that divides it. */
static void put_bytes(uint64_t bytes, struct buf *text)
{
    static const char *const suffixes[] = { "", "K", "M", "G" };
    size_t i = 0;

    while (i + 1 < ARRAY_LEN(suffixes) && bytes != 0 && bytes % KIB == 0) {
        bytes /= KIB;
        i++;
    }
    buf_printf(text, "%" PRIu64 "%s", bytes, suffixes[i]);
}

static void put_bound(const struct setting *setting, uint64_t bound, struct buf *text)
{
    if (setting->type == SETTING_BYTES)
        put_bytes(bound, text);
    else if (setting->type == SETTING_MODE)
        buf_printf(text, "%04" PRIo64, bound);
    else
        buf_printf(text, "%" PRIu64, setting->type == SETTING_MSEC ? bound / MSEC_PER_SEC : bound);
}

void setting_describe(const struct setting *setting, struct buf *text)
{
    buf_puts(text, setting->unit);
    if (setting->max != 0) {
        buf_puts(text, ", ");
        put_bound(setting, setting->min, text);
        buf_puts(text, " to ");
        put_bound(setting, setting->max, text);
    }
    buf_printf(text, ", default %s", setting->fallback != NULL ? setting->fallback : "none");
}
