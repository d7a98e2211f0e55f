/*
 * cmds/files/file_inline.c - small requests that cannot make anybody wait, on the I/O thread.
 *
 * A hand-off to a worker costs more than reading a few KiB from memory. What is done here, and why it
 * never waits, whatever a user of the guest does to the file:
 *
 *   read(tmpfs)   shmem_file_read_iter() takes no inode lock, so neither a write nor an fallocate of
 *                 any length holds it up; a hole is zeros without an allocation. A page's own lock is
 *                 held for as long as the page is zeroed, copied (with page faults off) or taken back.
 *                 A page that was swapped out is read back, as any memory of the agent is.
 *   seek(tmpfs)   SEEK_SET looks at the size limit only. The lock of the descriptor's position is
 *                 ours alone, since the descriptor is.
 *   file.io.lock  tried, never waited for.
 *   table's lock  held for look-ups only.
 *
 * What is not done here, though it looks as if it could be:
 *
 *   write         takes the inode's lock (write, fallocate and truncate hold it as long as they like,
 *                 a write from a page of a user's FUSE file for ever), and may balance dirty pages.
 *   read(disk)    RWF_NOWAIT does not wait for the data, but reads ahead: that takes the lock of the
 *                 mapping, which a hole punch holds, and reads the block map, which waits for the
 *                 journal; so does a new access time. FUSE, NFS and 9p ask a server.
 *   seek(others)  SEEK_END may ask a server for the size; /proc and debugfs lock what they show.
 *   fstat         asks a server on FUSE, NFS and 9p.
 *   open, close   wait for directories, leases, servers and write-back.
 *
 * Whatever is unusual in any way is left to the ordinary handler with nothing changed.
 */
#include "cmds/files/file.h"

#include "base/uninitialized.h"
#include "cmds/files/file_table.h"

#include <errno.h>
#include <unistd.h>

#define WOULD_BLOCK 1

/* All of `count` bytes or all that is left of the file: how many, or < 0. */
static ssize_t read_memory(const struct file *file, char *data, size_t count, bool *ret_eof)
{
    size_t done = 0;
    ssize_t n = 1;

    while (done < count && n > 0) {
        n = pread(file->io.fd, data + done, count - done, file->io.position + (int64_t)done);
        if (n < 0)
            return n;
        done += (size_t)n;
    }
    *ret_eof = n == 0;
    return (ssize_t)done;
}

int cmd_file_read_inline(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    const struct file_read_args *read_args = args;
    int64_t count = read_args->has_count ? read_args->count : FILE_READ_DEFAULT;
    CLEANUP(file_unlockp) struct file *file = NULL;
    UNINITIALIZED char data[FILE_INLINE_MAX_BYTES];
    bool eof = false;
    ssize_t n;

    if (count < 0 || count > (int64_t)FILE_INLINE_MAX_BYTES)
        return WOULD_BLOCK;
    file = file_table_trylock(env->files, read_args->handle);
    if (!file || !file->in_memory)
        return WOULD_BLOCK;
    n = read_memory(file, data, (size_t)count, &eof);
    if (n < 0)
        return WOULD_BLOCK;
    if (file_read_reply(&reply->text, data, (size_t)n, eof) < 0)
        return cmd_fail_errno(&reply->error, ENOMEM, "failed to read file");
    file->io.position += n;
    reply->is_text = true;
    return 0;
}

int cmd_file_seek_inline(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    const struct file_seek_args *seek_args = args;
    CLEANUP(file_unlockp) struct file *file = NULL;

    if (seek_args->whence != 0 || seek_args->offset < 0)
        return WOULD_BLOCK;
    file = file_table_trylock(env->files, seek_args->handle);
    if (!file || !file->in_memory ||
        lseek(file->io.fd, seek_args->offset, SEEK_SET) != seek_args->offset)
        return WOULD_BLOCK;
    file->io.position = seek_args->offset;
    file_seek_reply(reply, seek_args->offset);
    return 0;
}
