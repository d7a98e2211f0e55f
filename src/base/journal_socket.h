/*
 * The journal's own protocol: one datagram an entry, with named fields, so that a field cannot look
 * like another one, whatever stands in it.
 *
 * A record is a line of the agent and the fields that go with it:
 *
 *     TEXT JOURNAL_FIELD KEY=VALUE JOURNAL_FIELD KEY=VALUE ...
 *
 * with nothing in between. Texts and values have been escaped (base/escape.h), so that neither
 * JOURNAL_FIELD nor a newline is in them. Other logs take TEXT alone.
 *
 * Threads    one at a time: the writer of the log's queue for audit lines.
 * Waiting, loss: as base/syslog_socket.h; the count is a field of the next entry, too (PQGA_LOST).
 */
#pragma once

#include "base/buf.h"
#include "base/log_socket.h"

#define JOURNAL_FIELD       '\x1f'
#define JOURNAL_SOCKET_PATH "/run/systemd/journal/socket"

/* Appends a field of an entry; a value with newlines in the form that gives its length. */
void journal_put_field(struct buf *entry, const char *key, const char *value, size_t len);

/* The length of the text of a record. */
size_t journal_text_len(const char *record, size_t len);

/* `severity` as in syslog.h. */
void journal_socket_send(struct log_socket *socket, int severity, const char *record, size_t len,
                         bool may_wait);
/* `lost` records never got here: says so, if there are any. */
void journal_socket_lost(struct log_socket *socket, unsigned long lost, bool may_wait);
