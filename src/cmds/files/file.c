/*
 * cmds/files/file.c - guest-file-open, -close, -seek and -flush; reading and writing is file_io.c's.
 */
#include "cmds/files/file.h"

#include "base/fdio.h"
#include "base/log.h"
#include "base/uninitialized.h"
#include "cmds/files/file_open.h"
#include "cmds/files/file_table.h"
#include "cmds/policy.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const whence_names[] = { "set", "cur", "end", NULL };
static const int whence_values[] = { SEEK_SET, SEEK_CUR, SEEK_END };

const struct arg_spec args_file_open[] = {
    ARG_REQ(ARG_STR, file_open_args, path, "path"),
    ARG_OPT(ARG_STR, file_open_args, mode, "mode"),
    { 0 },
};
const struct arg_spec args_file_handle[] = {
    ARG_REQ(ARG_INT, file_handle_args, handle, "handle"),
    { 0 },
};
const struct arg_spec args_file_seek[] = {
    ARG_REQ(ARG_INT, file_seek_args, handle, "handle"),
    ARG_REQ(ARG_INT, file_seek_args, offset, "offset"),
    { .name = "whence",
      .type = ARG_INT_ENUM,
      .required = true,
      .offset = offsetof(struct file_seek_args, whence),
      .type_name = "GuestFileWhence",
      .names = whence_names },
    { 0 },
};

/* --- open ----------------------------------------------------------------------------- */

/* The flags of fopen(3)'s mode, with "b" and "+" in either order; -EINVAL. */
static int mode_flags(const char *mode)
{
    bool update = strchr(mode, '+') != NULL;
    int access = update ? O_RDWR : O_WRONLY;
    const char *rest = *mode ? mode + 1 : mode;

    if (*rest && strcmp(rest, "b") != 0 && strcmp(rest, "+") != 0 && strcmp(rest, "b+") != 0 &&
        strcmp(rest, "+b") != 0)
        return -EINVAL;
    switch (*mode) {
    case 'r':
        return update ? O_RDWR : O_RDONLY;
    case 'w':
        return access | O_CREAT | O_TRUNC;
    case 'a':
        return access | O_CREAT | O_APPEND;
    default:
        return -EINVAL;
    }
}

static const char *mode_text(const struct file_open_args *args)
{
    return args->has_mode ? args->mode.text : "r";
}

bool file_open_only_reads(const struct file_open_args *args)
{
    int flags = mode_flags(mode_text(args));

    return flags < 0 || flags == O_RDONLY;
}

/* FNV-1a. Two paths with one key wait for each other, and that is all. */
void file_open_key(const struct file_open_args *args, struct file_key *ret_key)
{
    uint64_t hash = 0xCBF29CE484222325u;

    for (size_t i = 0; i < args->path.len; i++)
        hash = (hash ^ (unsigned char)args->path.text[i]) * 0x100000001B3u;
    *ret_key = (struct file_key){ .dev = UINT64_MAX, .ino = hash };
}

/* As O_TRUNC does, which changes nothing but files. 0 or -errno. */
static int truncate_file(int fd)
{
    UNINITIALIZED struct stat info;

    if (fstat(fd, &info) < 0)
        return -errno;
    return S_ISREG(info.st_mode) && ftruncate(fd, 0) < 0 ? -errno : 0;
}

/* In the room that is reserved: the handle, or -1 with the error set. The file has its number before
 * it loses its content: an open that fails destroys nothing. */
static int64_t open_reserved(const struct cmd_env *env, const char *path, const char *mode,
                             struct cmd_error *reterr)
{
    struct file_table *table = env->files;
    CLEANUP(file_unrefp) struct file *file = NULL;
    int flags = mode_flags(mode);
    int fd, r;

    fd = file_open_fd(env->paths, path, flags, file_table_new_mode(table));
    if (fd == FILE_REFUSED)
        return cmd_fail(reterr,
                        "failed to open file '%s' (mode: '%s'): refused by the configuration", path,
                        mode);
    r = fd < 0 ? fd : file_new(fd, (flags & O_APPEND) != 0, &file);
    if (r < 0)
        return cmd_fail_errno(reterr, r, "failed to open file '%s' (mode: '%s')", path, mode);
    if (file_table_number(table, file) < 0)
        return cmd_fail(reterr, "failed to commit persistent state to disk");
    r = flags & O_TRUNC ? truncate_file(file->io.fd) : 0;
    if (r < 0)
        return cmd_fail_errno(reterr, r, "failed to open file '%s' (mode: '%s')", path, mode);
    return file_table_add(table, file);
}

/* A profile may allow to read files, and not to write them. */
static bool profile_allows_mode(const struct policy *policy, int flags)
{
    int access = flags & O_ACCMODE;

    return (access == O_WRONLY || policy_allows_class(policy, CLASS_FILE_READ)) &&
           (access == O_RDONLY || policy_allows_class(policy, CLASS_FILE_WRITE));
}

int cmd_file_open(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    const struct file_open_args *open_args = args;
    const char *path = open_args->path.text;
    const char *mode = mode_text(open_args);
    int64_t handle;

    if (mode_flags(mode) < 0)
        return cmd_fail(&reply->error, "invalid file open mode '%s'", mode);
    if (!profile_allows_mode(env->policy, mode_flags(mode)))
        return cmd_fail_class(&reply->error, CMD_ERROR_NOT_FOUND,
                              "Command guest-file-open has been "
                              "disabled: the command is not allowed");
    if (file_table_reserve(env->files) < 0)
        return cmd_fail(&reply->error, "too many open files (limit %zu)",
                        file_table_limit(env->files));
    handle = open_reserved(env, path, mode, &reply->error);
    if (handle < 0) {
        file_table_unreserve(env->files);
        return -1;
    }
    buf_put_int(&reply->text, handle);
    reply->is_text = true;
    return 0;
}

/* --- close, seek, flush --------------------------------------------------------------- */

int cmd_file_close(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    CLEANUP(file_unlockp) struct file *file = NULL;
    int64_t handle = ((const struct file_handle_args *)args)->handle;

    file = file_table_remove(env->files, handle, &reply->error);
    if (!file)
        return -1;
    /* The descriptor is gone whatever close(2) says: the handle is not left behind. */
    if (close(TAKE_FD(file->io.fd)) < 0 && errno != EINTR)
        return cmd_fail_errno(&reply->error, errno, "failed to close handle");
    return 0;
}

/* The new position, or -errno. lseek(2) checks it, though pread and pwrite go by ours. */
static int64_t seek(struct file *file, int64_t offset, int whence)
{
    int64_t position;

    if (file->positioned && whence == SEEK_CUR) {
        if (__builtin_add_overflow(file->io.position, offset, &offset))
            return -EINVAL;
        whence = SEEK_SET;
    }
    position = lseek(file->io.fd, offset, whence);
    if (position < 0)
        return -errno;
    file->io.position = position;
    return position;
}

void file_seek_reply(struct cmd_reply *reply, int64_t position)
{
    buf_puts(&reply->text, "{\"position\": ");
    buf_put_int(&reply->text, position);
    buf_puts(&reply->text, ", \"eof\": false}");
    reply->is_text = true;
}

int cmd_file_seek(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    const struct file_seek_args *seek_args = args;
    CLEANUP(file_unlockp) struct file *file = NULL;
    int64_t position;

    file = file_table_lock(env->files, seek_args->handle, &reply->error);
    if (!file)
        return -1;
    if (seek_args->whence < 0 || seek_args->whence >= (int64_t)ARRAY_LEN(whence_values))
        return cmd_fail(&reply->error, "invalid whence code %" PRId64, seek_args->whence);
    position = seek(file, seek_args->offset, whence_values[seek_args->whence]);
    if (position < 0)
        return cmd_fail_errno(&reply->error, (int)position, "failed to seek file");
    file_seek_reply(reply, position);
    return 0;
}

/* Each write has reached the kernel when it was answered: nothing is left to do. */
int cmd_file_flush(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    CLEANUP(file_unlockp) struct file *file = NULL;
    int64_t handle = ((const struct file_handle_args *)args)->handle;

    file = file_table_lock(env->files, handle, &reply->error);
    return file ? 0 : -1;
}
