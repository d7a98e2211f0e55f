/*
 * Audit lines of commands: who reads the log sees what the host did to the guest, and what came of
 * it. One line a call of a row with CMD_AUDIT, when it is over; calls of such rows that may never
 * come back, or take the guest away, say so before, too. One line for each refusal.
 *
 *     guest-exec called, path: "/bin/sh", args: ["-c", "id"], outcome: ok, result: {"pid": 42}, WHO
 *     guest-file-open called, filename: "/x", mode: "r", outcome: GenericError "failed to ...", WHO
 *     guest-exec refused, path: "/bin/sh", args: [], WHO
 *
 * with who called, the size of the reply and the time that it took:
 *
 *     session: 3, port: "general", uid: 0, pid: 1234, bytes: 29, duration: 0.000812 s
 *
 * The journal gets them as fields too: PQGA_EVENT (called, begins, refused), PQGA_COMMAND,
 * PQGA_CLASS (as --explain has it), PQGA_TARGET, PQGA_OUTCOME, PQGA_RESULT, PQGA_SESSION, PQGA_PORT, PQGA_PEER_UID, PQGA_PEER_PID,
 * PQGA_PEER_CID, PQGA_BYTES, PQGA_DURATION_USEC. A field that has no value is left out.
 *
 * Threads    any; nothing here waits (base/log.h).
 * Secrets    a row's `audit` shows the target, never passwords, keys, data or environments; rows
 *            with CMD_SECRET keep the text of an error to themselves; results are shown of rows with
 *            CMD_AUDIT alone, none of which returns data of files.
 */
#pragma once

#include "cmds/command.h"

enum audit_level {
    AUDIT_NO,      /* no lines of commands */
    AUDIT_CHANGES, /* of what changes the guest, and of what is refused */
    AUDIT_ALL,     /* of each command */
};

enum audit_peer { AUDIT_PEER_NONE, AUDIT_PEER_USER, AUDIT_PEER_CID };

/* Who calls. */
struct audit_who {
    uint64_t session;
    const char *port; /* NULL: it has no name */
    enum audit_peer kind;
    uint32_t id; /* user, or CID */
    int64_t pid; /* of a user's process */
};

struct audit_call {
    const struct command *command;
    const void *args; /* NULL: they were not understood */
    struct audit_who who;
    int64_t began_ns; /* audit_begin()'s */
};

struct audit_outcome {
    const struct cmd_error *error; /* text NULL: it worked */
    const char *value;             /* JSON text of what the host gets; NULL: not at hand */
    size_t value_len;
    size_t bytes; /* of the reply */
};

/* "no", "changes", "all". False: it is none of them. */
bool audit_parse_level(const char *text, enum audit_level *ret_level);
/* For calls that begin from now on. At first AUDIT_CHANGES. */
void audit_set_level(enum audit_level level);

/* True if calls of this command make lines: asks before work that only makes one. */
bool audit_wants(const struct command *command);

/* Before the command runs, after it, or instead. For those that audit_wants(). */
void audit_begin(struct audit_call *call);
void audit_end(const struct audit_call *call, const struct audit_outcome *outcome);
/* For all; `began_ns` does not matter. */
void audit_refused(const struct audit_call *call);
