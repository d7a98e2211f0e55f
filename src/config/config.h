/*
 * Configuration: the values, as config/load.h makes them.
 *
 * Threads    main, before threads run; read-only afterwards.
 * Ownership  config_done() frees all strings and lists.
 */
#pragma once

#include "base/defs.h"

#define CONFIG_DEFAULT_FILE    "/etc/qemu/qemu-ga.conf"
#define CONFIG_DEFAULT_HOOK    "/etc/qemu/fsfreeze-hook"
#define CONFIG_DEFAULT_PIDFILE "/var/run/qemu-ga.pid"

/* Where the value of a setting is from; a list may be from both. */
struct config_source {
    unsigned line;    /* of the file; 0: it is not from there */
    bool from_option; /* of the command line */
};

struct config {
    /* qemu-ga's keys */
    bool daemonize;
    char *method; /* as given; checked when the channel is opened */
    char *path;   /* the method's default if none was given; NULL: a socket is passed */
    char *logfile;
    char *pidfile;
    char *fsfreeze_hook; /* NULL: no hook */
    char *statedir;
    bool verbose;
    bool retry_path;
    char **block_rpcs; /* NULL-terminated; NULL: none given */
    char **allow_rpcs; /* NULL-terminated; NULL: no allow list */

    char **file_allow, **file_deny; /* NULL-terminated; cmds/files/path_rules.h */

    char *profile; /* as given (cmds/profile.h) */
    /* ours; unit, range and default stand in setting.c's table, which the docs are checked against
     */
    unsigned max_workers;
    unsigned resync_grace_ms;
    unsigned busy_poll_usec;
    unsigned unix_mode;               /* of a unix socket's file; 0: as unix_peers need it */
    char **unix_peers, **vsock_peers; /* NULL-terminated; NULL: the defaults */
    unsigned max_clients;
    unsigned max_requests;   /* in flight, per session */
    size_t max_message_size; /* bytes */
    size_t max_memory;       /* bytes of requests and replies, all sessions */
    unsigned max_handles;
    unsigned file_mode; /* of files that guest-file-open makes */
    unsigned max_execs;
    size_t max_exec_output; /* bytes held, all processes */
    unsigned freeze_timeout_sec;
    unsigned hook_timeout_sec;
    char **freeze_exclude;
    char *audit; /* which calls make audit lines */
    char *lock;  /* "yes": rights are only narrowed until the agent is started anew */
    bool strict; /* settings that do nothing are errors */

    char list_separator; /* the first one in a list of the file; '\0': none. --dump-conf keeps it */
    unsigned unknown;    /* keys and groups of the file that do nothing */

    struct config_source *sources; /* by rows of settings[] */
    char *file;                    /* that was read; NULL: none */

    const char *explain; /* --explain: no agent, only words on whether these commands are allowed */

    char *file_path; /* of the file that was read or looked for, absolute */
    bool has_file;   /* it was there */
    bool untrusted;  /* ... and others than root may change it */
    bool thaw; /* --thaw: no agent, only a thaw of what an earlier one left; no key of the file */
};

enum config_result {
    CONFIG_RUN,    /* go on */
    CONFIG_DONE,   /* --help, --version, --dump-conf, a list: printed, exit 0 */
    CONFIG_FAILED, /* reported on stderr or stdout, exit 1 */
};

/* What the configuration has to know of parts that it does not see; the caller hands it in. */
struct config_parts {
    const char *(*command_name)(size_t index); /* NULL: there are not so many */
    /* The path that a method has by itself. NULL: it needs one, or there is no such method. */
    const char *(*default_path)(const char *method);
    /* Warns of each name of the list `key` that is no command. How many. */
    unsigned (*check_names)(const char *key, const char *const *names);
};
