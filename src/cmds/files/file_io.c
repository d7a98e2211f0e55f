/*
 * cmds/files/file_io.c - guest-file-read and -write: the payload path.
 *
 * A read takes the file in pieces that stay in the cache and encodes each at once into the
 * reply's text, which was reserved before: the bytes are copied once by read(2) and once by the
 * encoder. A write decodes in place in the request's text and hands that to the kernel.
 */
#include "cmds/files/file.h"

#include "base/log.h"
#include "base/uninitialized.h"
#include "cmds/files/file_table.h"
#include "proto/base64.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

/* Reads up to this size go by the stack: less than the price of the scratch's lock and cache. */
#define SMALL_READ_BYTES (16 * KIB)

#define READ_REPLY_START "{\"buf-b64\": \""
/* Text around the data, the envelope's end and an id of ordinary length included. */
#define READ_REPLY_EXTRA ((size_t)512)

const struct arg_spec args_file_read[] = {
    ARG_REQ(ARG_INT, file_read_args, handle, "handle"),
    ARG_OPT(ARG_INT, file_read_args, count, "count"),
    { 0 },
};
const struct arg_spec args_file_write[] = {
    ARG_REQ(ARG_INT, file_write_args, handle, "handle"),
    { .name = "buf-b64",
      .type = ARG_STR,
      .required = true,
      .binary = true,
      .offset = offsetof(struct file_write_args, buf_b64) },
    ARG_OPT(ARG_INT, file_write_args, count, "count"),
    { 0 },
};

static int invalid_count(int64_t count, struct cmd_error *reterr)
{
    return cmd_fail(reterr, "value '%" PRId64 "' is invalid for argument count", count);
}

/* --- read ----------------------------------------------------------------------------- */

static int64_t read_count(const struct file_read_args *args)
{
    return args->has_count ? args->count : FILE_READ_DEFAULT;
}

size_t file_read_reply_max(const struct file_read_args *args)
{
    int64_t count = read_count(args);

    if (count < 0 || count > (int64_t)FILE_READ_MAX)
        count = 0; /* it will be refused */
    return base64_encoded_len((size_t)count) + READ_REPLY_EXTRA;
}

static void end_read_reply(struct buf *text, size_t count, bool eof)
{
    buf_puts(text, "\", \"count\": ");
    buf_put_int(text, (int64_t)count);
    buf_puts(text, eof ? ", \"eof\": true}" : ", \"eof\": false}");
}

int file_read_reply(struct buf *text, const char *data, size_t len, bool eof)
{
    char *room;

    if (!buf_reserve(text, base64_encoded_len(len) + READ_REPLY_EXTRA))
        return -ENOMEM;
    buf_puts(text, READ_REPLY_START);
    room = buf_reserve(text, base64_encoded_len(len));
    base64_encode(room, data, len);
    text->len += base64_encoded_len(len);
    end_read_reply(text, len, eof);
    return buf_ok(text) ? 0 : -ENOMEM;
}

/* Bytes read, 0 at the end, or -errno. */
static ssize_t read_some(struct file *file, void *data, size_t len)
{
    ssize_t n;

    do {
        n = file->positioned ? pread(file->io.fd, data, len, file->io.position)
                             : read(file->io.fd, data, len);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    file->io.position += n;
    return n;
}

/* How many of `count` bytes to expect: a large count on a small file should cost nothing. A file
 * that knows no size (/proc) makes the text grow as it is read. */
static size_t expected_bytes(const struct file *file, size_t count)
{
    UNINITIALIZED struct stat info;
    int64_t left;

    if (!file->positioned || count <= SMALL_READ_BYTES || fstat(file->io.fd, &info) < 0 ||
        !S_ISREG(info.st_mode))
        return count;
    left = info.st_size - file->io.position;
    return left <= 0 ? 0 : MIN_OF(count, (size_t)left);
}

/* Appends `len` bytes in base64. Without `last` only whole groups, and the bytes of the
 * incomplete one go to the front of `data`: returns how many. */
static size_t encode(struct buf *text, char *data, size_t len, bool last)
{
    size_t rest = last ? 0 : len % 3;
    size_t encoded = base64_encoded_len(len - rest);
    char *room = buf_reserve(text, encoded);

    if (!room)
        return 0;
    base64_encode(room, data, len - rest);
    text->len += encoded;
    memmove(data, data + len - rest, rest);
    return rest;
}

struct read_result {
    size_t count;
    bool eof;
};

/* Reads till `count` bytes are there or the file has no more for now. An error behind some
 * bytes is left to the next read, so that these are not lost. 0 or -errno. */
static int read_encoded(struct file *file, size_t count, char *piece, size_t piece_size,
                        struct buf *text, struct read_result *ret_result)
{
    size_t done = 0, carried = 0;
    ssize_t n = 1;

    while (done < count && buf_ok(text)) {
        n = read_some(file, piece + carried, MIN_OF(piece_size - carried, count - done));
        if (n <= 0)
            break;
        done += (size_t)n;
        carried = encode(text, piece, carried + (size_t)n, false);
    }
    if (n < 0 && done == 0)
        return (int)n;
    encode(text, piece, carried, true);
    *ret_result = (struct read_result){ .count = done, .eof = n == 0 };
    return 0;
}

static int read_small(struct file *file, size_t count, struct buf *text,
                      struct read_result *ret_result)
{
    UNINITIALIZED char piece[SMALL_READ_BYTES];

    return read_encoded(file, count, piece, sizeof(piece), text, ret_result);
}

static int read_large(struct file_table *table, struct file *file, size_t count, struct buf *text,
                      struct read_result *ret_result)
{
    char *piece = file_scratch_get(table);
    int r;

    if (!piece)
        return -ENOMEM;
    r = read_encoded(file, count, piece, FILE_PIECE_BYTES, text, ret_result);
    file_scratch_put(table, piece);
    return r;
}

/* The whole reply. On failure nothing has happened to the text or to the position. */
static int read_reply(struct file_table *table, struct file *file, size_t count, struct buf *text)
{
    const size_t start_len = text->len;
    const int64_t start_position = file->io.position;
    struct read_result result;
    int r = -ENOMEM;

    if (buf_reserve(text, base64_encoded_len(expected_bytes(file, count)) + READ_REPLY_EXTRA)) {
        buf_puts(text, READ_REPLY_START);
        r = count <= SMALL_READ_BYTES ? read_small(file, count, text, &result)
                                      : read_large(table, file, count, text, &result);
    }
    if (r == 0)
        end_read_reply(text, result.count, result.eof);
    if (r == 0 && buf_ok(text))
        return 0;
    text->failed = false; /* what was there before is untouched */
    text->len = start_len;
    file->io.position = start_position;
    return r < 0 ? r : -ENOMEM;
}

int cmd_file_read(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    const struct file_read_args *read_args = args;
    CLEANUP(file_unlockp) struct file *file = NULL;
    int64_t count = read_count(read_args);
    int r;

    file = file_table_lock(env->files, read_args->handle, &reply->error);
    if (!file)
        return -1;
    if (count < 0 || count > (int64_t)FILE_READ_MAX)
        return invalid_count(count, &reply->error);
    r = read_reply(env->files, file, (size_t)count, &reply->text);
    if (r < 0)
        return cmd_fail_errno(&reply->error, r, "failed to read file");
    reply->is_text = true;
    return 0;
}

/* --- write ---------------------------------------------------------------------------- */

/* Files of /proc that can be read anywhere take writes at their own position only (seq_file): it is
 * set to ours as well as they can. */
static ssize_t write_unpositioned(struct file *file, const char *data, size_t len)
{
    (void)lseek(file->io.fd, file->io.position, SEEK_SET);
    return write(file->io.fd, data, len);
}

static ssize_t write_some(struct file *file, const char *data, size_t len)
{
    bool at_position = file->positioned && !file->append; /* Linux' pwrite ignores it if O_APPEND */
    ssize_t n;

    do {
        n = at_position ? pwrite(file->io.fd, data, len, file->io.position)
                        : write(file->io.fd, data, len);
        if (n < 0 && errno == ESPIPE)
            n = write_unpositioned(file, data, len);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    file->io.position += n;
    return n;
}

/* 0 or -errno. A full FIFO or tty takes what fits, which *ret_count tells; for others less than
 * all is an error, with the position behind what was written. */
static int write_all(struct file *file, const char *data, size_t len, size_t *ret_count)
{
    size_t done = 0;
    ssize_t n = 0;

    while (done < len) {
        n = write_some(file, data + done, len - done);
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    if (file->append && file->positioned && done > 0)
        file->io.position = lseek(file->io.fd, 0, SEEK_CUR); /* the end, where the kernel wrote */
    if (n < 0 && !(n == -EAGAIN && done > 0))
        return (int)n;
    *ret_count = done;
    return 0;
}

static void write_reply(struct cmd_reply *reply, size_t count)
{
    buf_puts(&reply->text, "{\"count\": ");
    buf_put_int(&reply->text, (int64_t)count);
    buf_puts(&reply->text, ", \"eof\": false}");
    reply->is_text = true;
}

int cmd_file_write(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    struct file_write_args *write_args = args;
    CLEANUP(file_unlockp) struct file *file = NULL;
    char *data = write_args->buf_b64.text;
    size_t len, count = 0;
    int r;

    file = file_table_lock(env->files, write_args->handle, &reply->error);
    if (!file)
        return -1;
    if (base64_decode(data, data, write_args->buf_b64.len, &len) < 0)
        return cmd_fail(&reply->error, "Base64 data contains invalid characters");
    if (write_args->has_count && (write_args->count < 0 || (uint64_t)write_args->count > len))
        return invalid_count(write_args->count, &reply->error);
    r = write_all(file, data, write_args->has_count ? (size_t)write_args->count : len, &count);
    if (r < 0) {
        log_audit("guest-file-write failed, handle: %" PRId64, write_args->handle);
        return cmd_fail_errno(&reply->error, r, "failed to write to file");
    }
    write_reply(reply, count);
    return 0;
}
