/*
 * A command is one row: name, arguments, flags, ordering class, handler. guest-info, the
 * policy, the freeze whitelist, the scheduler, --help and docs/COMMANDS.md read the row.
 *
 * Threads    handlers run on any worker; ORDER_INLINE ones on the I/O thread, so they never block.
 * Ownership  a handler borrows args; strings in them may be decoded in place. What it puts in
 *            the reply belongs to the reply.
 * Errors     0, or -1 with reply->error set by cmd_fail*() (base/error.h).
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/sysroot.h"
#include "proto/bind.h"

#include <json-c/json.h>

enum cmd_order {
    ORDER_INLINE,  /* never blocks: on the I/O thread, no hand-off */
    ORDER_SHARED,  /* at once, beside anything but a barrier */
    ORDER_OPEN,    /* file-open: shared (in order among opens) when it only reads, else barrier */
    ORDER_FILE,    /* in request order on one (device, inode), in parallel across files */
    ORDER_PID,     /* in request order on one started program, in parallel across programs */
    ORDER_BARRIER, /* after all earlier requests of its session, before all later ones */
    ORDER_URGENT,  /* waits for a freeze or thaw in progress and for nothing else; own worker */
};

enum cmd_flags {
    CMD_WHEN_FROZEN = 1u << 0,   /* on the freeze whitelist */
    CMD_NO_SUCCESS = 1u << 1,    /* nothing is sent on success */
    CMD_DELIMITED = 1u << 2,     /* 0xFF in front of a success reply */
    CMD_SYNC = 1u << 3,          /* starts a resync when earlier requests are stuck */
    CMD_FREEZE_OP = 1u << 4,     /* a freeze or thaw: urgent requests wait while it runs */
    CMD_ALWAYS_INLINE = 1u << 5, /* depends on nothing a barrier changes: never queued */
    CMD_SPAWNS = 1u << 6,        /* starts a program and does not wait for its end */
    CMD_NONBLOCKING = 1u << 7,   /* looks into memory only: nobody is woken to run it */
    CMD_AUDIT = 1u << 8,         /* changes the guest: an audit line when it is over */
    CMD_AUDIT_FIRST = 1u << 9,   /* ... and one before */
    CMD_SECRET = 1u << 10,       /* arguments are wiped wherever they were, errors not audited */
};

/* What a command is about; profiles (cmds/profile.h) allow and refuse by class. A row with several is
 * allowed where one of them is. In the order of class_names[]. */
enum cmd_class {
    CLASS_SELF = 1u << 0,       /* the agent itself: always allowed by a profile */
    CLASS_AUDIT = 1u << 1,      /* looks at the guest's state */
    CLASS_FILE_READ = 1u << 2,  /* reads any file */
    CLASS_FILE_WRITE = 1u << 3, /* changes any file */
    CLASS_FS_MGMT = 1u << 4,    /* freezes, thaws and trims filesystems */
    CLASS_POWER = 1u << 5,      /* shuts down, suspends */
    CLASS_CPU_MEM = 1u << 6,    /* processors and memory, on and off */
    CLASS_TIME = 1u << 7,       /* sets the clock */
    CLASS_USER_AUTH = 1u << 8,  /* passwords and keys of users */
    CLASS_EXEC = 1u << 9,       /* runs programs */
};

struct cmd_reply {
    struct json_object *value; /* the value, if text was not used; NULL then means {} */
    struct buf text;           /* a handler with a payload appends the value's JSON text itself;
                                * the envelope is already in front: append only */
    bool is_text;              /* set when the value was appended to text */
    struct cmd_error error;
};

/* Where to build replies: what a command may use of the agent. */
struct cmd_env {
    struct sysroot root;
    struct file_table *files;           /* cmds/files/file.h */
    struct exec_table *execs;           /* cmds/exec/exec.h */
    struct policy *policy;              /* cmds/policy.h */
    const struct path_rules *paths;     /* cmds/files/path_rules.h; NULL: all files */
    const struct freeze_config *freeze; /* cmds/linux/freeze/fsfreeze.h */
    /* True once the request's session is over or the agent ends: a long command (fstrim) stops. */
    bool (*cancelled)(const void *job);
    const void *job;
};

/* Appends ", KEY: VALUE" for what a call is about (cmds/audit.h). */
typedef void command_audit_fn(const void *args, struct buf *target);

typedef int command_fn(struct cmd_env *env, void *args, struct cmd_reply *reply);

struct command {
    const char *name;
    command_fn *run;
    const struct arg_spec *args; /* NULL: none */
    size_t args_size;
    unsigned flags; /* enum cmd_flags */
    enum cmd_order order;
    unsigned classes;    /* enum cmd_class */
    const char *since;   /* QGA version */
    const char *summary; /* one line for docs/COMMANDS.md and the manual page */
    /* At most how many bytes the reply can have, where that may be megabytes; NULL: small. */
    size_t (*reply_max)(const struct cmd_env *env, const void *args);
    /* As run, but on the I/O thread and without ever waiting: 1 when it would have to, with nothing
     * changed, in args neither. Tried first when the job could start at once; NULL: never. */
    command_fn *try_inline;
    command_audit_fn *audit; /* NULL: the name says all */
};

/* The rows, sorted by name: cmds/table.h has those of the agent. */
struct command_table {
    const struct command *rows;
    size_t count;
};
