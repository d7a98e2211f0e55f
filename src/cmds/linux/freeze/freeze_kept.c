/*
 * cmds/linux/freeze/freeze_kept.c - a list in the order of freezing.
 *
 *   field       written by, read by                    order
 *   kept.*,     the thread that has the turn           the turn's lock: a turn that ends happens
 *   reserve.*                                          before the next one begins
 */
#include "cmds/linux/freeze/freeze_kept.h"

#include "base/error.h"
#include "base/fdio.h"
#include "base/log.h"
#include "cmds/linux/fs_ops.h"

#include <errno.h>
#include <fcntl.h>

#define RESERVED_FDS   8 /* mount table, one mount, the pipe and pidfd of the hook */
#define RESERVED_BYTES (256 * KIB)

static struct {
    struct freeze_kept *items;
    size_t count, capacity;
} kept;

static struct {
    int fds[RESERVED_FDS];
    size_t fd_count;
    void *memory;
} reserve;

int freeze_kept_reserve(size_t count)
{
    size_t capacity = kept.count + count;
    struct freeze_kept *items;

    if (capacity <= kept.capacity)
        return 0;
    items = reallocarray(kept.items, capacity, sizeof(*items));
    if (!items)
        return -ENOMEM;
    kept.items = items;
    kept.capacity = capacity;
    return 0;
}

void freeze_kept_add(struct freeze_kept added)
{
    assert(kept.count < kept.capacity);
    kept.items[kept.count++] = added;
}

int freeze_kept_thaw_fd(int fd)
{
    int thawed = 0, r;

    while ((r = fs_ops.thaw(fd)) == 0)
        thawed = 1;
    return r == -EINVAL || r == -EOPNOTSUPP ? thawed : r;
}

static void drop(size_t index)
{
    fs_ops.close(kept.items[index].fd);
    free(kept.items[index].name);
    memmove(&kept.items[index], &kept.items[index + 1],
            (--kept.count - index) * sizeof(*kept.items));
}

int64_t freeze_kept_thaw(int *ret_failed, char *ret_name, size_t size)
{
    int64_t thawed = 0;

    *ret_failed = 0;
    for (size_t i = kept.count; i-- > 0;) {
        int r = freeze_kept_thaw_fd(kept.items[i].fd);

        if (r < 0) {
            log_err("fsfreeze: cannot thaw '%s': %s, it stays frozen and is tried again",
                    kept.items[i].name, err_text(r));
            if (*ret_failed == 0)
                snprintf(ret_name, size, "%s", kept.items[i].name);
            *ret_failed = *ret_failed ? *ret_failed : r;
            continue;
        }
        thawed += r;
        drop(i);
    }
    return thawed;
}

bool freeze_kept_has(const struct mount *mount)
{
    for (size_t i = 0; i < kept.count; i++)
        if (kept.items[i].major == mount->major && kept.items[i].minor == mount->minor)
            return true;
    return false;
}

void freeze_reserve_fill(void)
{
    while (reserve.fd_count < RESERVED_FDS) {
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

        if (fd < 0)
            break;
        reserve.fds[reserve.fd_count++] = fd;
    }
    if (!reserve.memory)
        reserve.memory = malloc(RESERVED_BYTES);
    if (reserve.memory)
        memset(reserve.memory, 1, RESERVED_BYTES); /* so that the pages are there */
}

void freeze_reserve_use(void)
{
    while (reserve.fd_count > 0)
        fd_close(reserve.fds[--reserve.fd_count]);
    free(reserve.memory);
    reserve.memory = NULL;
}
