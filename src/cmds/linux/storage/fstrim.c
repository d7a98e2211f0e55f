/*
 * cmds/linux/storage/fstrim.c - guest-fstrim: FITRIM on each filesystem, in parts between which it stops.
 */
#include "cmds/linux/fs_ops.h"
#include "cmds/linux/linux.h"
#include "cmds/linux/mount_walk.h"
#include "proto/reply.h"

#include <errno.h>
#include <linux/fs.h>

const struct arg_spec args_fstrim[] = {
    ARG_OPT(ARG_INT, fstrim_args, minimum, "minimum"),
    { 0 },
};

struct trim_result {
    const char *path;
    int open_error, trim_error; /* -errno */
    uint64_t trimmed, minimum;  /* bytes */
};

static bool cancelled(const struct cmd_env *env)
{
    return env->cancelled && env->cancelled(env->job);
}

/* One FITRIM; what it did is added up. */
static int trim_part(int fd, const struct trim_part *part, struct trim_result *result)
{
    struct fstrim_range range = { .start = part->start,
                                  .len = part->len,
                                  .minlen = result->minimum };
    int r = fs_ops.trim(fd, &range);

    if (r < 0)
        return r;
    result->trimmed += range.len;
    result->minimum = range.minlen; /* the kernel raises it to what the device can do */
    return 0;
}

static int trim_parts(const struct cmd_env *env, int fd, const char *fstype,
                      struct trim_result *result)
{
    uint64_t minimum = result->minimum, from = 0;
    struct trim_part part;

    while (fs_ops.trim_part_next(fd, fstype, minimum, from, &part)) {
        int r = from > 0 && cancelled(env) ? -ECANCELED : trim_part(fd, &part, result);

        if (r < 0)
            return r == -EINVAL && from > 0 ? 0 : r; /* EINVAL: behind the end */
        if (__builtin_add_overflow(part.start, part.len, &from))
            break;
    }
    return 0;
}

static void trim_filesystem(const struct cmd_env *env, const struct mounts *mounts, size_t index,
                            struct trim_result *result)
{
    const struct mount *mount = &mounts->items[index];
    int fd;

    result->path = mount->target;
    fd = fs_open(&env->root, mounts, index);
    if (fd < 0) {
        result->open_error = fd;
        return;
    }
    result->trim_error = trim_parts(env, fd, mount->fstype, result);
    fs_ops.close(fd);
}

static int add_error(struct json_object *object, const struct trim_result *result)
{
    char text[256];

    if (result->open_error < 0)
        snprintf(text, sizeof(text), "failed to open: %s", err_text(result->open_error));
    else if (result->trim_error == -ENOTTY || result->trim_error == -EOPNOTSUPP)
        snprintf(text, sizeof(text), "trim not supported");
    else
        snprintf(text, sizeof(text), "failed to trim: %s", err_text(result->trim_error));
    return json_add_str(object, "error", text);
}

static int append_result(struct json_object *paths, const struct trim_result *result)
{
    CLEANUP(json_putp) struct json_object *object = json_object_new_object();
    int r;

    if (!object)
        return -ENOMEM;
    r = json_add_str(object, "path", result->path);
    if (r == 0 && (result->open_error < 0 || result->trim_error < 0)) {
        r = add_error(object, result);
    } else {
        if (r == 0)
            r = json_add_int(object, "trimmed", (int64_t)result->trimmed);
        if (r == 0)
            r = json_add_int(object, "minimum", (int64_t)result->minimum);
    }
    if (r == 0)
        r = json_append(paths, TAKE_PTR(object));
    return r;
}

/* Trims in mount order; the results come in the opposite order, as qemu-ga's do. */
static int trim_all(const struct cmd_env *env, const struct mounts *mounts, uint64_t minimum,
                    struct json_object *paths, struct cmd_error *reterr)
{
    CLEANUP(free_ptr) struct trim_result *results = calloc(mounts->count + 1, sizeof(*results));
    size_t count = 0;
    int r = results ? 0 : -ENOMEM;

    for (size_t i = 0; i < mounts->count && results; i++) {
        if (!mount_is_first(mounts, i))
            continue;
        if (cancelled(env) || (count > 0 && results[count - 1].trim_error == -ECANCELED))
            return cmd_fail(reterr, "fstrim was stopped");
        results[count].minimum = minimum;
        trim_filesystem(env, mounts, i, &results[count++]);
    }
    while (r == 0 && count > 0)
        r = append_result(paths, &results[--count]);
    return r < 0 ? cmd_fail_errno(reterr, r, "failed to build the reply") : 0;
}

int cmd_fstrim(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    CLEANUP(json_putp) struct json_object *value = json_object_new_object();
    CLEANUP(json_putp) struct json_object *paths = json_object_new_array();
    CLEANUP(mounts_done) struct mounts mounts = { 0 };
    const struct fstrim_args *trim = args;
    int r;

    r = mounts_read(&env->root, &mounts);
    if (r == 0)
        r = mounts_find_reach(&mounts);
    if (r < 0)
        return cmd_fail_errno(&reply->error, r, "failed to read the mount table");
    if (!value || !paths)
        return cmd_fail_errno(&reply->error, ENOMEM, "failed to build the reply");
    if (trim_all(env, &mounts, trim->has_minimum ? (uint64_t)trim->minimum : 0, paths,
                 &reply->error) < 0)
        return -1;
    r = json_add(value, "paths", TAKE_PTR(paths));
    if (r < 0)
        return cmd_fail_errno(&reply->error, r, "failed to build the reply");
    reply->value = TAKE_PTR(value);
    return 0;
}
