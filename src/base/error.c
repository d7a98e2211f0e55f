#include "base/error.h"

#include "base/buf.h"

#include <errno.h>
#include <stdarg.h>

/* When even the text cannot be allocated the host still gets an error; never freed. */
static char out_of_memory[] = "out of memory";

const char *err_text(int error)
{
    const char *text = strerrordesc_np(error < 0 ? -error : error);

    return text ? text : "Unknown error";
}

static PRINTF_LIKE(1, 0) char *format_text(const char *format, va_list args)
{
    char *text;

    return vasprintf(&text, format, args) < 0 ? out_of_memory : text;
}

static PRINTF_LIKE(3, 0) int fail_va(struct cmd_error *reterr, enum cmd_error_class class,
                                     const char *format, va_list args)
{
    if (reterr->text)
        return -1;
    reterr->class = class;
    reterr->text = format_text(format, args);
    return -1;
}

int cmd_fail(struct cmd_error *reterr, const char *format, ...)
{
    va_list args;
    int r;

    va_start(args, format);
    r = fail_va(reterr, CMD_ERROR_GENERIC, format, args);
    va_end(args);
    return r;
}

int cmd_fail_class(struct cmd_error *reterr, enum cmd_error_class class, const char *format, ...)
{
    va_list args;
    int r;

    va_start(args, format);
    r = fail_va(reterr, class, format, args);
    va_end(args);
    return r;
}

int cmd_fail_errno(struct cmd_error *reterr, int error, const char *format, ...)
{
    struct buf text = { 0 };
    char *start;
    va_list args;

    va_start(args, format);
    start = format_text(format, args);
    va_end(args);
    buf_puts(&text, start);
    buf_puts(&text, ": ");
    buf_puts(&text, err_text(error));
    if (start != out_of_memory)
        free(start);
    cmd_fail(reterr, "%s", buf_ok(&text) ? buf_terminate(&text) : out_of_memory);
    buf_done(&text);
    return -1;
}

void cmd_error_done(struct cmd_error *error)
{
    if (error->text != out_of_memory)
        free(error->text);
    *error = (struct cmd_error){ 0 };
}
