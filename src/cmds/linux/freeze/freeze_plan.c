/*
 * cmds/linux/freeze/freeze_plan.c - filesystems as nodes, "backed by a file on" as edges, depth first.
 */
#include "cmds/linux/freeze/freeze_plan.h"

#include "cmds/linux/fs_ops.h"
#include "cmds/linux/mount_walk.h"

#include <errno.h>
#include <limits.h>

#define STACK_DEPTH_MAX 8 /* layers of block devices followed below a filesystem */

/* Filesystem `upper` lies on a loop device whose file is on filesystem `lower` (first mounts). */
struct edge {
    size_t upper, lower;
};

struct builder {
    const struct sysroot *root;
    struct freeze_plan *plan;
    struct edge *edges;
    size_t edge_count, edge_cap;
    bool *visited; /* by mount index */
};

static void builder_done(struct builder *builder)
{
    free(builder->edges);
    free(builder->visited);
}

static int add_edge(struct builder *builder, size_t upper, size_t lower)
{
    if (builder->edge_count == builder->edge_cap) {
        size_t cap = builder->edge_cap ? builder->edge_cap * 2 : 16;
        struct edge *edges = reallocarray(builder->edges, cap, sizeof(*edges));

        if (!edges)
            return -ENOMEM;
        builder->edges = edges;
        builder->edge_cap = cap;
    }
    builder->edges[builder->edge_count++] = (struct edge){
        .upper = upper,
        .lower = builder->plan->mounts.items[lower].first,
    };
    return 0;
}

/*
 * A mount of the filesystem that holds the file of the loop device, or SIZE_MAX. The number is
 * right where the path is not: after umount -l, chroot, a mount on top. A real number that no mount
 * has is of a filesystem that we do not freeze; an anonymous one may be that of a btrfs subvolume,
 * which the mount table does not show, so the path has to do.
 */
static size_t find_backing(const struct builder *builder, const char *device)
{
    const struct mounts *mounts = &builder->plan->mounts;
    unsigned major_number, minor_number;
    char file[PATH_MAX];

    if (fs_ops.backing_device(builder->root, strrchr(device, '/') + 1, &major_number,
                              &minor_number) == 0) {
        size_t found = mounts_find_device(mounts, major_number, minor_number);

        if (found != SIZE_MAX || major_number != 0)
            return found;
    }
    if (sysroot_read_line(builder->root, file, sizeof(file), "%s/loop/backing_file", device) < 0)
        return SIZE_MAX;
    return mounts_find_path(mounts, file);
}

static int follow_loop(struct builder *builder, size_t upper, const char *device)
{
    size_t lower = find_backing(builder, device);

    return lower == SIZE_MAX ? 0 : add_edge(builder, upper, lower);
}

static int follow_device(struct builder *builder, size_t upper, const char *device, int depth);

static int follow_slaves(struct builder *builder, size_t upper, const char *device, int depth)
{
    DIR *dir = sysroot_opendir(builder->root, "%s/slaves", device);
    struct dirent *entry;
    int r = 0;

    if (!dir)
        return 0;
    while (r == 0 && (entry = readdir(dir))) {
        char slave[SYSROOT_PATH_MAX];

        if (entry->d_name[0] == '.')
            continue;
        if (sysroot_realpath(builder->root, slave, "%s/slaves/%s", device, entry->d_name) == 0)
            r = follow_device(builder, upper, slave, depth + 1);
    }
    closedir(dir);
    return r;
}

/* `device` is a resolved directory of sysfs. What cannot be read has nothing below it. */
static int follow_device(struct builder *builder, size_t upper, const char *device, int depth)
{
    char text[PATH_MAX];

    if (depth > STACK_DEPTH_MAX)
        return 0;
    if (sysroot_exists(builder->root, "%s/loop", device))
        return follow_loop(builder, upper, device);
    if (sysroot_exists(builder->root, "%s/partition", device)) {
        const char *slash = strrchr(device, '/');

        snprintf(text, sizeof(text), "%.*s", (int)(slash - device), device);
        return follow_device(builder, upper, text, depth + 1);
    }
    return follow_slaves(builder, upper, device, depth);
}

/* btrfs has no device in the table, and its source may be out of sight (a chroot); it is frozen
 * through its mount all the same. */
static bool may_freeze(const struct mount *mount)
{
    return mount_has_device(mount) || strcmp(mount->fstype, "btrfs") == 0;
}

static bool is_first(const struct mounts *mounts, size_t index)
{
    return mounts->items[index].first == index && may_freeze(&mounts->items[index]);
}

static int find_edges(struct builder *builder)
{
    const struct mounts *mounts = &builder->plan->mounts;
    char device[SYSROOT_PATH_MAX];
    int r;

    for (size_t i = 0; i < mounts->count; i++) {
        const struct mount *mount = &mounts->items[i];

        if (!is_first(mounts, i))
            continue;
        if (sysroot_realpath(builder->root, device, "/sys/dev/block/%u:%u", mount->major,
                             mount->minor) < 0)
            continue;
        r = follow_device(builder, i, device, 0);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Puts the filesystem behind all that lie on files of it. */
static void visit(struct builder *builder, size_t index)
{
    if (builder->visited[index])
        return;
    builder->visited[index] = true;
    for (size_t i = builder->edge_count; i-- > 0;)
        if (builder->edges[i].lower == index)
            visit(builder, builder->edges[i].upper);
    /* A file may lie on a mount without a device (tmpfs): that only hands the order on. */
    if (may_freeze(&builder->plan->mounts.items[index]))
        builder->plan->order[builder->plan->count++] = index;
}

/* No FUSE can be frozen, so that none is opened for it, whoever mounted it. */
static int find_reach(struct mounts *mounts)
{
    int r = mounts_find_reach(mounts);

    for (size_t i = 0; i < mounts->count; i++) {
        struct mount *mount = &mounts->items[i];

        if (mount_is_fuse(mount) && mount->reach != MOUNT_HIDDEN)
            mount->reach = MOUNT_IN_FUSE;
    }
    return r;
}

int freeze_plan_make(const struct sysroot *root, struct freeze_plan *ret_plan)
{
    CLEANUP(freeze_plan_done) struct freeze_plan plan = { 0 };
    CLEANUP(builder_done) struct builder builder = { .root = root, .plan = &plan };
    int r;

    r = mounts_read(root, &plan.mounts);
    if (r == 0)
        r = find_reach(&plan.mounts);
    if (r < 0)
        return r;
    plan.order = calloc(plan.mounts.count + 1, sizeof(*plan.order));
    builder.visited = calloc(plan.mounts.count + 1, sizeof(*builder.visited));
    if (!plan.order || !builder.visited)
        return -ENOMEM;
    r = find_edges(&builder);
    if (r < 0)
        return r;
    for (size_t i = plan.mounts.count; i-- > 0;)
        if (is_first(&plan.mounts, i))
            visit(&builder, i);
    *ret_plan = plan;
    plan = (struct freeze_plan){ 0 };
    return 0;
}

void freeze_plan_done(struct freeze_plan *plan)
{
    mounts_done(&plan->mounts);
    free(plan->order);
    *plan = (struct freeze_plan){ 0 };
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* Marks the filesystems that `names` (sorted) lead to. With `reached_only`, a mount that another one
 * hides is meant only where its name leads to none (its filesystem is what cannot be reached). */
static int mark_named(const struct mounts *mounts, const char **names, size_t name_count,
                      bool reached_only, bool *named)
{
    CLEANUP(free_ptr) bool *leads = calloc(name_count + 1, sizeof(*leads));

    if (!leads)
        return -ENOMEM;
    for (int hidden = 0; hidden <= 1; hidden++) {
        for (size_t i = 0; i < mounts->count; i++) {
            const struct mount *mount = &mounts->items[i];
            const char **found;

            if ((mount->reach == MOUNT_HIDDEN) != hidden)
                continue;
            found = bsearch(&mount->target, names, name_count, sizeof(*names), compare_names);
            if (!found || (hidden && reached_only && leads[found - names]))
                continue;
            leads[found - names] = !hidden;
            named[mount->first] = true;
        }
    }
    return 0;
}

/* Goes through the order and keeps those with a mount named in `names`, or those without. */
static int filter(struct freeze_plan *plan, const char **names, size_t name_count, bool keep_named)
{
    CLEANUP(free_ptr) bool *named = calloc(plan->mounts.count + 1, sizeof(*named));
    size_t kept = 0;
    int r;

    if (!named)
        return -ENOMEM;
    qsort(names, name_count, sizeof(*names), compare_names);
    r = mark_named(&plan->mounts, names, name_count, keep_named, named);
    if (r < 0)
        return r;
    for (size_t i = 0; i < plan->count; i++)
        if (named[plan->order[i]] == keep_named)
            plan->order[kept++] = plan->order[i];
    plan->count = kept;
    return 0;
}

int freeze_plan_keep(struct freeze_plan *plan, const struct arg_str_list *names)
{
    CLEANUP(free_ptr) const char **sorted = calloc(names->count + 1, sizeof(*sorted));

    if (!sorted)
        return -ENOMEM;
    for (size_t i = 0; i < names->count; i++)
        sorted[i] = names->items[i].text;
    return filter(plan, sorted, names->count, true);
}

int freeze_plan_drop(struct freeze_plan *plan, const char *const *names)
{
    CLEANUP(free_ptr) const char **sorted = NULL;
    size_t count = 0;

    while (names && names[count])
        count++;
    if (count == 0)
        return 0;
    sorted = calloc(count, sizeof(*sorted));
    if (!sorted)
        return -ENOMEM;
    memcpy(sorted, names, count * sizeof(*sorted));
    return filter(plan, sorted, count, false);
}
