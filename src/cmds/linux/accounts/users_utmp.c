/*
 * cmds/linux/accounts/users_utmp.c - records as utmpx(5) has them.
 */
#include "cmds/linux/accounts/users_utmp.h"

#include <errno.h>
#include <utmpx.h>

/* A record cut short at the end is being written. The name need not be terminated. */
static int add_records(const struct buf *file, struct user_list *list)
{
    struct utmpx record;
    int r = 0;

    for (size_t off = 0; r == 0 && file->len - off >= sizeof(record); off += sizeof(record)) {
        char name[sizeof(record.ut_user) + 1] = { 0 };

        memcpy(&record, file->data + off, sizeof(record));
        if (record.ut_type != USER_PROCESS)
            continue;
        memcpy(name, record.ut_user, sizeof(record.ut_user));
        r = user_list_add(list, name,
                          (int64_t)record.ut_tv.tv_sec * 1000000 + record.ut_tv.tv_usec);
    }
    return r;
}

int users_add_utmp(const struct sysroot *root, struct user_list *list)
{
    CLEANUP(buf_done) struct buf file = { 0 };
    int r = sysroot_read(root, UTMP_PATH, &file);

    if (r == -ENOENT)
        return 0;
    return r < 0 ? r : add_records(&file, list);
}
