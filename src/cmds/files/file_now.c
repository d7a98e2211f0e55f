/*
 * cmds/files/file_now.c - small requests that cannot make anybody wait, on the I/O thread.
 *
 * A hand-off to a worker costs more than reading a few KiB from the page cache. So a read asks the
 * kernel for what is cached (RWF_NOWAIT), and a file of a memory filesystem is read and written
 * as it is: it does no input or output but paging, which any access to memory may need. Whatever
 * would wait, or is unusual in any way, is left to the ordinary handler with nothing changed.
 */
#include "cmds/files/file.h"

#include "cmds/files/file_table.h"
#include "proto/base64.h"

#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

#define WOULD_BLOCK 1

/* Bytes read, 0 at the end, or -errno. */
static ssize_t read_cached(struct file *file, char *data, size_t len, int64_t position)
{
    struct iovec iov = { .iov_base = data, .iov_len = len };
    int flags = file->now == FILE_NOW_MEMORY ? 0 : RWF_NOWAIT;
    ssize_t n = preadv2(file->io.fd, &iov, 1, position, flags);

    if (n < 0 && errno == EOPNOTSUPP)
        file->now = FILE_NOW_NEVER;
    return n < 0 ? -errno : n;
}

/* All of `count` bytes or all that is left of the file: how many, or < 0. */
static ssize_t read_all_cached(struct file *file, char *data, size_t count, bool *ret_eof)
{
    size_t done = 0;
    ssize_t n = 1;

    while (done < count && n > 0) {
        n = read_cached(file, data + done, count - done, file->io.position + (int64_t)done);
        if (n < 0)
            return n;
        done += (size_t)n;
    }
    *ret_eof = n == 0;
    return (ssize_t)done;
}

int cmd_file_read_now(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    const struct file_read_args *read_args = args;
    int64_t count = read_args->has_count ? read_args->count : FILE_READ_DEFAULT;
    CLEANUP(file_unlockp) struct file *file = NULL;
    char data[FILE_NOW_MAX_BYTES];
    bool eof = false;
    ssize_t n;

    if (count < 0 || count > (int64_t)FILE_NOW_MAX_BYTES)
        return WOULD_BLOCK;
    file = file_table_trylock(env->files, read_args->handle);
    if (!file || file->now == FILE_NOW_NEVER)
        return WOULD_BLOCK;
    n = read_all_cached(file, data, (size_t)count, &eof);
    if (n < 0)
        return WOULD_BLOCK;
    if (file_read_reply(&reply->text, data, (size_t)n, eof) < 0)
        return cmd_fail_errno(&reply->error, ENOMEM, "failed to read file");
    file->io.position += n;
    reply->is_text = true;
    return 0;
}

int cmd_file_write_now(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    const struct file_write_args *write_args = args;
    const struct arg_str *text = &write_args->buf_b64;
    CLEANUP(file_unlockp) struct file *file = NULL;
    char data[FILE_NOW_MAX_BYTES];
    size_t len;

    if (write_args->has_count || text->len > base64_encoded_len(FILE_NOW_MAX_BYTES))
        return WOULD_BLOCK;
    file = file_table_trylock(env->files, write_args->handle);
    if (!file || file->now != FILE_NOW_MEMORY || file->append)
        return WOULD_BLOCK;
    /* Not in place: the ordinary handler may need the text yet. */
    if (base64_decode(data, text->text, text->len, &len) < 0 || len == 0 ||
        pwrite(file->io.fd, data, len, file->io.position) != (ssize_t)len)
        return WOULD_BLOCK;
    file->io.position += (int64_t)len;
    file_write_reply(reply, len);
    return 0;
}

int cmd_file_seek_now(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    const struct file_seek_args *seek_args = args;
    CLEANUP(file_unlockp) struct file *file = NULL;

    if (seek_args->whence != 0 || seek_args->offset < 0)
        return WOULD_BLOCK;
    file = file_table_trylock(env->files, seek_args->handle);
    if (!file || file->now == FILE_NOW_NEVER ||
        lseek(file->io.fd, seek_args->offset, SEEK_SET) != seek_args->offset)
        return WOULD_BLOCK;
    file->io.position = seek_args->offset;
    file_seek_reply(reply, seek_args->offset);
    return 0;
}
