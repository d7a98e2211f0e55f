/*
 * cmds/audit.c - lines and fields from the same values.
 *
 *   field  written by          read by     order, and what it buys
 *   level  audit_set_level()   any thread  relaxed: guards no other data
 */
#include "cmds/audit.h"

#include "base/escape.h"
#include "base/journal_socket.h"
#include "base/log.h"
#include "base/now.h"
#include "cmds/profile.h"

#include <stdatomic.h>

#define TARGET_MAX_BYTES 1500
#define ERROR_MAX_BYTES  400
#define VALUE_MAX_BYTES  64
#define PORT_MAX_BYTES   64
#define LINE_ROOM_BYTES  700 /* most lines fit */
#define USEC_PER_SEC     ((int64_t)1000000)

static _Atomic enum audit_level level = AUDIT_CHANGES;

/* A line in the making, and its fields. */
struct line {
    struct buf text, fields;
};

bool audit_parse_level(const char *text, enum audit_level *ret_level)
{
    static const char *const names[] = { "no", "changes", "all" };

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            *ret_level = (enum audit_level)i;
            return true;
        }
    }
    return false;
}

void audit_set_level(enum audit_level wanted)
{
    atomic_store_explicit(&level, wanted, memory_order_relaxed);
}

bool audit_wants(const struct command *command)
{
    enum audit_level now = atomic_load_explicit(&level, memory_order_relaxed);

    return now == AUDIT_ALL || (now == AUDIT_CHANGES && (command->flags & CMD_AUDIT));
}

static void put_field(struct line *line, const char *key, const void *value, size_t len)
{
    buf_putc(&line->fields, JOURNAL_FIELD);
    buf_puts(&line->fields, key);
    buf_putc(&line->fields, '=');
    buf_append(&line->fields, value, len);
}

static void put_number_field(struct line *line, const char *key, int64_t value)
{
    put_field(line, key, "", 0);
    buf_put_int(&line->fields, value);
}

/* `what` is ", NAME: ". */
static void put_number(struct line *line, const char *what, const char *key, int64_t value)
{
    buf_puts(&line->text, what);
    buf_put_int(&line->text, value);
    put_number_field(line, key, value);
}

/* The text is escaped, so it is UTF-8: a cut inside a character would make the journal show the whole
 * entry as a blob. */
static void cut(struct buf *text, size_t max)
{
    if (text->len <= max)
        return;
    while (max > 0 && ((unsigned char)text->data[max] & 0xC0) == 0x80)
        max--;
    text->len = max;
    buf_puts(text, "... (cut)");
}

/* What a row's `audit` appends begins with ", ". */
static void put_target(struct line *line, const struct command *command, const void *args)
{
    CLEANUP(buf_done) struct buf target = { 0 };

    if (!command->audit || !args)
        return;
    command->audit(args, &target);
    cut(&target, TARGET_MAX_BYTES);
    if (target.len <= 2)
        return;
    buf_append(&line->text, target.data, target.len);
    put_field(line, "PQGA_TARGET", target.data + 2, target.len - 2);
}

static void put_outcome(struct line *line, const struct command *command,
                        const struct cmd_error *error)
{
    CLEANUP(buf_done) struct buf outcome = { 0 };

    if (!error->text)
        buf_puts(&outcome, "ok");
    else
        buf_puts(&outcome,
                 error->class == CMD_ERROR_NOT_FOUND ? "CommandNotFound" : "GenericError");
    if (error->text && !(command->flags & CMD_SECRET)) {
        buf_putc(&outcome, ' ');
        escape_quoted_max(&outcome, error->text, ERROR_MAX_BYTES);
    }
    if (!buf_ok(&outcome))
        return;
    buf_puts(&line->text, ", outcome: ");
    buf_append(&line->text, outcome.data, outcome.len);
    put_field(line, "PQGA_OUTCOME", outcome.data, outcome.len);
}

static void put_result(struct line *line, const struct command *command,
                       const struct audit_outcome *outcome)
{
    CLEANUP(buf_done) struct buf value = { 0 };

    if (outcome->error->text || !outcome->value || !(command->flags & CMD_AUDIT) ||
        outcome->value_len == 0 || outcome->value_len > VALUE_MAX_BYTES)
        return;
    escape_append(&value, outcome->value, outcome->value_len);
    if (!buf_ok(&value))
        return;
    buf_puts(&line->text, ", result: ");
    buf_append(&line->text, value.data, value.len);
    put_field(line, "PQGA_RESULT", value.data, value.len);
}

static void put_port(struct line *line, const char *port)
{
    CLEANUP(buf_done) struct buf name = { 0 };

    if (!port)
        return;
    buf_puts(&line->text, ", port: ");
    escape_quoted_max(&line->text, port, PORT_MAX_BYTES);
    escape_append(&name, port, MIN_OF(strlen(port), (size_t)PORT_MAX_BYTES));
    if (buf_ok(&name))
        put_field(line, "PQGA_PORT", name.data, name.len);
}

static void put_who(struct line *line, const struct audit_who *who)
{
    put_number(line, ", session: ", "PQGA_SESSION", (int64_t)who->session);
    put_port(line, who->port);
    if (who->kind == AUDIT_PEER_USER) {
        put_number(line, ", uid: ", "PQGA_PEER_UID", who->id);
        put_number(line, ", pid: ", "PQGA_PEER_PID", who->pid);
    } else if (who->kind == AUDIT_PEER_CID) {
        put_number(line, ", cid: ", "PQGA_PEER_CID", who->id);
    }
}

/* Microseconds as seconds. */
static void put_seconds(struct buf *text, int64_t usec)
{
    buf_put_int(text, usec / USEC_PER_SEC);
    buf_putc(text, '.');
    for (int64_t unit = USEC_PER_SEC / 10; unit > 0; unit /= 10)
        buf_putc(text, (char)('0' + usec / unit % 10));
}

static void put_cost(struct line *line, size_t bytes, int64_t took_ns)
{
    int64_t usec = took_ns / NSEC_PER_USEC;

    put_number(line, ", bytes: ", "PQGA_BYTES", (int64_t)bytes);
    buf_puts(&line->text, ", duration: ");
    put_seconds(&line->text, usec);
    buf_puts(&line->text, " s");
    put_number_field(line, "PQGA_DURATION_USEC", usec);
}

static void put_class(struct line *line, unsigned classes)
{
    CLEANUP(buf_done) struct buf names = { 0 };

    classes_print(classes, &names);
    if (buf_ok(&names))
        put_field(line, "PQGA_CLASS", names.data, names.len);
}

static void begin_line(struct line *line, const struct audit_call *call, const char *event)
{
    const char *name = call->command->name;

    buf_reserve(&line->text, LINE_ROOM_BYTES);
    buf_reserve(&line->fields, LINE_ROOM_BYTES);
    buf_puts(&line->text, name);
    buf_putc(&line->text, ' ');
    buf_puts(&line->text, event);
    put_field(line, "PQGA_EVENT", event, strlen(event));
    put_field(line, "PQGA_COMMAND", name, strlen(name));
    put_class(line, call->command->classes);
    put_target(line, call->command, call->args);
}

/* Takes the line. */
static void end_line(struct line *line)
{
    buf_append(&line->text, line->fields.data, line->fields.len);
    if (buf_ok(&line->fields) && buf_terminate(&line->text))
        log_audit_record(line->text.data);
    buf_done(&line->text);
    buf_done(&line->fields);
}

void audit_begin(struct audit_call *call)
{
    struct line line = { 0 };

    call->began_ns = now_ns();
    if (!(call->command->flags & CMD_AUDIT_FIRST))
        return;
    begin_line(&line, call, "begins");
    put_who(&line, &call->who);
    end_line(&line);
}

void audit_end(const struct audit_call *call, const struct audit_outcome *outcome)
{
    struct line line = { 0 };

    begin_line(&line, call, "called");
    put_outcome(&line, call->command, outcome->error);
    put_result(&line, call->command, outcome);
    put_who(&line, &call->who);
    put_cost(&line, outcome->bytes, now_ns() - call->began_ns);
    end_line(&line);
}

void audit_refused(const struct audit_call *call)
{
    struct line line = { 0 };

    if (atomic_load_explicit(&level, memory_order_relaxed) == AUDIT_NO)
        return;
    begin_line(&line, call, "refused");
    put_field(&line, "PQGA_OUTCOME", "refused", strlen("refused"));
    put_who(&line, &call->who);
    end_line(&line);
}
