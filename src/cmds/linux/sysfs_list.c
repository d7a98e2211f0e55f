/*
 * cmds/linux/sysfs_list.c - readdir gives no order: sorted, so that replies are the same each time.
 */
#include "cmds/linux/sysfs_list.h"

#include <errno.h>

static void dir_closep(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}

/* The number behind `stem`, or -1. */
static int64_t entry_id(const char *name, const char *stem)
{
    size_t len = strlen(stem);
    int64_t id = 0;

    if (strncmp(name, stem, len) != 0 || name[len] == '\0')
        return -1;
    for (const char *c = name + len; *c; c++) {
        if (*c < '0' || *c > '9' || id > INT64_MAX / 10 - 1)
            return -1;
        id = id * 10 + (*c - '0');
    }
    return id;
}

static int list_add(struct sysfs_list *list, size_t *cap, int64_t id)
{
    if (list->count == *cap) {
        size_t more = *cap ? *cap * 2 : 64;
        int64_t *ids = reallocarray(list->ids, more, sizeof(*ids));

        if (!ids)
            return -ENOMEM;
        list->ids = ids;
        *cap = more;
    }
    list->ids[list->count++] = id;
    return 0;
}

static int compare_ids(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;

    return a < b ? -1 : a > b;
}

int sysfs_list_read(const struct sysroot *root, const char *dir, const char *stem,
                    struct sysfs_list *ret_list)
{
    CLEANUP(sysfs_list_done) struct sysfs_list list = { 0 };
    CLEANUP(dir_closep) DIR *stream = sysroot_opendir(root, "%s", dir);
    struct dirent *entry;
    size_t cap = 0;

    if (!stream)
        return -errno;
    for (errno = 0; (entry = readdir(stream)); errno = 0) {
        int64_t id = entry_id(entry->d_name, stem);

        if (id >= 0 && list_add(&list, &cap, id) < 0)
            return -ENOMEM;
    }
    if (errno != 0)
        return -errno;
    if (list.count > 0)
        qsort(list.ids, list.count, sizeof(*list.ids), compare_ids);
    *ret_list = list;
    list = (struct sysfs_list){ 0 };
    return 0;
}

void sysfs_list_done(struct sysfs_list *list)
{
    free(list->ids);
    *list = (struct sysfs_list){ 0 };
}
