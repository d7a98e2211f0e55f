#include "cmds/audit.h"

#include "base/escape.h"
#include "base/log.h"

#define TARGET_MAX_BYTES 1500
#define ERROR_MAX_BYTES  400
#define VALUE_MAX_BYTES  64

static void put_target(struct buf *line, const struct command *command, const void *args)
{
    CLEANUP(buf_done) struct buf target = { 0 };

    if (!command->audit || !args)
        return;
    command->audit(args, &target);
    buf_append(line, target.data, MIN_OF(target.len, (size_t)TARGET_MAX_BYTES));
    if (target.len > TARGET_MAX_BYTES)
        buf_puts(line, "... (cut)");
}

static void put_outcome(struct buf *line, const struct command *command,
                        const struct cmd_error *error)
{
    buf_puts(line, ", outcome: ");
    if (!error->text) {
        buf_puts(line, "ok");
        return;
    }
    buf_puts(line, error->class == CMD_ERROR_NOT_FOUND ? "CommandNotFound" : "GenericError");
    if (command->flags & CMD_SECRET)
        return;
    buf_putc(line, ' ');
    escape_quoted_max(line, error->text, ERROR_MAX_BYTES);
}

static void write_line(struct buf *line)
{
    if (buf_terminate(line))
        log_audit_escaped(line->data);
}

void audit_begin(const struct command *command, const void *args)
{
    CLEANUP(buf_done) struct buf line = { 0 };

    if (!(command->flags & CMD_AUDIT_FIRST) || !log_audit_wanted())
        return;
    buf_printf(&line, "%s begins", command->name);
    put_target(&line, command, args);
    write_line(&line);
}

void audit_end(const struct command *command, const void *args, const struct cmd_error *error,
               const char *value, size_t value_len)
{
    CLEANUP(buf_done) struct buf line = { 0 };

    if (!(command->flags & CMD_AUDIT) || !log_audit_wanted())
        return;
    buf_printf(&line, "%s called", command->name);
    put_target(&line, command, args);
    put_outcome(&line, command, error);
    if (!error->text && value && value_len > 0 && value_len <= VALUE_MAX_BYTES) {
        buf_puts(&line, ", result: ");
        escape_append(&line, value, value_len);
    }
    write_line(&line);
}

void audit_refused(const struct command *command, const void *args)
{
    CLEANUP(buf_done) struct buf line = { 0 };

    if (!log_audit_wanted())
        return;
    buf_printf(&line, "%s refused", command->name);
    put_target(&line, command, args);
    write_line(&line);
}
