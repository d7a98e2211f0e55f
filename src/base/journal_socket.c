/*
 * base/journal_socket.c - "KEY=value\n" for each field, or, where the value has newlines,
 * "KEY\n", its length as 64 bits in little endian, the value, "\n".
 */
#include "base/journal_socket.h"

#include <endian.h>
#include <syslog.h>

void journal_put_field(struct buf *entry, const char *key, const char *value, size_t len)
{
    uint64_t length = htole64(len);

    buf_puts(entry, key);
    if (memchr(value, '\n', len)) {
        buf_putc(entry, '\n');
        buf_append(entry, (const char *)&length, sizeof(length));
    } else {
        buf_putc(entry, '=');
    }
    buf_append(entry, value, len);
    buf_putc(entry, '\n');
}

size_t journal_text_len(const char *record, size_t len)
{
    const char *mark = memchr(record, JOURNAL_FIELD, len);

    return mark ? (size_t)(mark - record) : len;
}

static void put_message(struct buf *entry, const char *text, size_t len, unsigned long lost)
{
    CLEANUP(buf_done) struct buf message = { 0 };

    buf_append(&message, text, len);
    if (lost > 0)
        buf_printf(&message, " (%lu lines before this one were lost)", lost);
    if (buf_ok(&message))
        journal_put_field(entry, "MESSAGE", message.data, message.len);
}

/* The fields of a record are those of an entry, with newlines in between. */
static void put_fields(struct buf *entry, const char *fields, size_t len)
{
    while (len > 0) {
        size_t field = journal_text_len(fields + 1, len - 1);

        buf_append(entry, fields + 1, field);
        buf_putc(entry, '\n');
        fields += field + 1;
        len -= field + 1;
    }
}

void journal_socket_send(struct log_socket *to, int severity, const char *record, size_t len,
                         bool may_wait)
{
    CLEANUP(buf_done) struct buf entry = { 0 };
    size_t text = journal_text_len(record, len);

    put_message(&entry, record, text, to->dropped);
    buf_printf(&entry, "PRIORITY=%d\nSYSLOG_FACILITY=%d\nSYSLOG_IDENTIFIER=qemu-ga\n", severity,
               LOG_FAC(LOG_DAEMON));
    put_fields(&entry, record + text, len - text);
    if (to->dropped > 0)
        buf_printf(&entry, "PQGA_LOST=%lu\n", to->dropped);
    if (buf_ok(&entry))
        log_socket_send(to, entry.data, entry.len, may_wait);
    else
        to->dropped++;
}

void journal_socket_lost(struct log_socket *to, unsigned long lost, bool may_wait)
{
    static const char text[] = "warning: lines of the agent are missing";

    to->dropped += lost;
    if (lost == 0)
        return;
    journal_socket_send(to, LOG_WARNING, text, sizeof(text) - 1, may_wait);
    if (to->dropped > 0)
        to->dropped--; /* this one is not one of those that somebody made */
}
