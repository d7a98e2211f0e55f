/*
 * cmds/linux/mount_reach.c - walks from a mount to its parents.
 *
 * A mount is hidden if another one is mounted on its root, or if on the way from the root of its
 * parent to its own directory another mount begins. Both are a question of "is there a mount with
 * that parent at that directory", which a table sorted by the two answers.
 */
#include "cmds/linux/mount_reach.h"

#include <errno.h>

#define DEPTH_MAX 1024 /* mounts upon mounts; beyond it nobody looks */

struct place {
    int parent;
    const char *dir;
    size_t len;
};

struct table {
    const struct mount *items;
    size_t count;
    size_t *by_place; /* indices sorted by parent and target */
    size_t *by_id;
};

static void table_done(struct table *table)
{
    free(table->by_place);
    free(table->by_id);
}

static int compare_place(const struct place *place, const struct mount *mount)
{
    int r;

    if (place->parent != mount->parent)
        return place->parent < mount->parent ? -1 : 1;
    r = strncmp(place->dir, mount->target, place->len);
    return r != 0 ? r : -(mount->target[place->len] != '\0');
}

static int order_by_place(const void *left, const void *right, void *context)
{
    const struct mount *items = context;
    const struct mount *a = &items[*(const size_t *)left];
    struct place place = { a->parent, a->target, strlen(a->target) };

    return compare_place(&place, &items[*(const size_t *)right]);
}

static int order_by_id(const void *left, const void *right, void *context)
{
    const struct mount *items = context;
    int a = items[*(const size_t *)left].id, b = items[*(const size_t *)right].id;

    return a < b ? -1 : a > b;
}

/* True if a mount begins at that directory of that parent. */
static bool has_mount_at(const struct table *table, int parent, const char *dir, size_t len)
{
    struct place place = { parent, dir, len };
    size_t low = 0, high = table->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int r = compare_place(&place, &table->items[table->by_place[middle]]);

        if (r == 0)
            return true;
        if (r < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

static const struct mount *find_parent(const struct table *table, const struct mount *mount)
{
    size_t low = 0, high = table->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct mount *found = &table->items[table->by_id[middle]];

        if (found->id == mount->parent)
            return found == mount ? NULL : found;
        if (mount->parent < found->id)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL; /* the root of what we see */
}

/* True if another mount with the same parent begins above the mount's directory. */
static bool is_below_another(const struct table *table, const struct mount *mount)
{
    const char *target = mount->target;

    if (target[0] == '/' && target[1] != '\0' && has_mount_at(table, mount->parent, "/", 1))
        return true;
    for (const char *slash = strchr(target + 1, '/'); *target && slash;
         slash = strchr(slash + 1, '/'))
        if (has_mount_at(table, mount->parent, target, (size_t)(slash - target)))
            return true;
    return false;
}

static enum mount_reach find_reach(const struct table *table, const struct mount *mount)
{
    const struct mount *at = mount;

    if (mount_is_fuse(mount))
        return MOUNT_IN_FUSE;
    if (has_mount_at(table, mount->id, mount->target, strlen(mount->target)))
        return MOUNT_HIDDEN;
    for (int depth = 0; depth < DEPTH_MAX; depth++) {
        const struct mount *parent = find_parent(table, at);

        if (!parent)
            return MOUNT_REACHABLE;
        if (is_below_another(table, at))
            return MOUNT_HIDDEN;
        if (mount_is_fuse(parent) && strcmp(parent->target, at->target) != 0)
            return MOUNT_IN_FUSE;
        at = parent;
    }
    return MOUNT_HIDDEN;
}

static int table_init(struct table *table, const struct mounts *mounts)
{
    table->items = mounts->items;
    table->count = mounts->count;
    table->by_place = calloc(mounts->count + 1, sizeof(*table->by_place));
    table->by_id = calloc(mounts->count + 1, sizeof(*table->by_id));
    if (!table->by_place || !table->by_id)
        return -ENOMEM;
    for (size_t i = 0; i < mounts->count; i++)
        table->by_place[i] = table->by_id[i] = i;
    qsort_r(table->by_place, mounts->count, sizeof(*table->by_place), order_by_place,
            mounts->items);
    qsort_r(table->by_id, mounts->count, sizeof(*table->by_id), order_by_id, mounts->items);
    return 0;
}

int mounts_find_reach(struct mounts *mounts)
{
    CLEANUP(table_done) struct table table = { 0 };
    int r = table_init(&table, mounts);

    if (r < 0)
        return r;
    for (size_t i = 0; i < mounts->count; i++)
        mounts->items[i].reach = find_reach(&table, &mounts->items[i]);
    return 0;
}

bool mount_is_fuse(const struct mount *mount)
{
    const char *type = mount->fstype;

    if (strncmp(type, "fuse", 4) != 0)
        return false;
    type += strncmp(type + 4, "blk", 3) == 0 ? 7 : 4;
    return *type == '\0' || *type == '.';
}
