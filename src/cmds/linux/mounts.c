/*
 * cmds/linux/mounts.c - the lines of mountinfo (proc(5)):
 *
 *     36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
 *     id parent device root target options [tag ...] - fstype source options
 *
 * Blanks, newlines and backslashes in a name come as \ooo, so that fields end at a blank; a source
 * may be empty. The text is cut up in place.
 */
#include "cmds/linux/mounts.h"

#include "base/fdio.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define MOUNTINFO           "/proc/self/mountinfo"
#define MOUNTINFO_MAX_BYTES (64 * MIB) /* 4,000 overlays with a page of options each: 17 MiB */

static int table_read(const struct sysroot *root, struct buf *ret_text)
{
    CLEANUP(fd_closep) int fd = sysroot_open(root, MOUNTINFO, O_RDONLY);
    int r;

    if (fd < 0)
        return fd;
    r = fd_read_all(fd, MOUNTINFO_MAX_BYTES, ret_text);
    if (r < 0)
        return r;
    return buf_terminate(ret_text) ? 0 : -ENOMEM;
}

/* A source is whatever text mount(2) was given. Only a name in /dev is followed: any other may lead
 * into a filesystem that does not answer. */
static bool is_device_name(const char *source)
{
    return strncmp(source, "/dev/", 5) == 0 && strncmp(source, "/dev/shm/", 9) != 0 &&
           !strstr(source, "/../");
}

/* "M:m" of the block device `source` below the prefix: a captured tree has no device nodes, so
 * sysfs is asked when there is none. */
static int source_device(const struct sysroot *root, const char *source, unsigned *ret_major,
                         unsigned *ret_minor)
{
    char path[SYSROOT_PATH_MAX], line[32];
    const char *name;
    struct stat st;
    int r;

    if (!is_device_name(source))
        return -ENODEV;
    r = sysroot_path(root, source, path);
    if (r < 0)
        return r;
    if (stat(path, &st) == 0 && S_ISBLK(st.st_mode)) {
        *ret_major = major(st.st_rdev);
        *ret_minor = minor(st.st_rdev);
        return 0;
    }
    if (sysroot_realpath(root, path, "%s", source) < 0)
        snprintf(path, sizeof(path), "%s", source);
    name = strrchr(path, '/');
    r = sysroot_read_line(root, line, sizeof(line), "/sys/class/block/%s/dev",
                          name ? name + 1 : path);
    if (r < 0)
        return r;
    return sscanf(line, "%u:%u", ret_major, ret_minor) == 2 ? 0 : -EINVAL;
}

static bool is_octal(char c)
{
    return c >= '0' && c <= '7';
}

/* Decodes \ooo in place. */
static void unescape(char *name)
{
    char *out = name;

    while (*name) {
        if (name[0] == '\\' && is_octal(name[1]) && is_octal(name[2]) && is_octal(name[3])) {
            *out++ = (char)((name[1] - '0') << 6 | (name[2] - '0') << 3 | (name[3] - '0'));
            name += 4;
        } else {
            *out++ = *name++;
        }
    }
    *out = '\0';
}

struct mount_line {
    const char *id, *parent, *device;
    char *target, *fstype, *source;
};

/* Cuts the line up. False: it is too short. */
static bool line_split(char *line, struct mount_line *ret_line)
{
    struct mount_line split;
    const char *tag;

    split.id = strsep(&line, " ");
    split.parent = strsep(&line, " ");
    split.device = strsep(&line, " ");
    strsep(&line, " "); /* root */
    split.target = strsep(&line, " ");
    strsep(&line, " "); /* options */
    do
        tag = strsep(&line, " ");
    while (tag && strcmp(tag, "-") != 0);
    split.fstype = strsep(&line, " ");
    split.source = strsep(&line, " ");
    if (!split.source || *split.target == '\0' || *split.fstype == '\0')
        return false;
    unescape(split.target);
    unescape(split.fstype);
    unescape(split.source);
    *ret_line = split;
    return true;
}

/* A number that ends at `end`. */
static bool parse_number(const char *text, char end, const char **ret_end, unsigned *ret_number)
{
    unsigned long number;
    char *stop;

    if (*text < '0' || *text > '9') /* strtoul would take a sign and blanks */
        return false;
    errno = 0;
    number = strtoul(text, &stop, 10);
    if (errno != 0 || number > UINT32_MAX || *stop != end)
        return false;
    *ret_number = (unsigned)number;
    *ret_end = stop;
    return true;
}

/* False: it is no mount's line. */
static bool mount_init(struct mount *mount, const struct sysroot *root, char *text)
{
    struct mount_line line;
    unsigned id, parent;
    const char *end;

    if (!line_split(text, &line) || !parse_number(line.id, '\0', &end, &id) ||
        !parse_number(line.parent, '\0', &end, &parent) ||
        !parse_number(line.device, ':', &end, &mount->major) ||
        !parse_number(end + 1, '\0', &end, &mount->minor))
        return false;
    mount->id = (int)id;
    mount->parent = (int)parent;
    mount->target = line.target;
    mount->source = line.source;
    mount->fstype = line.fstype;
    if (mount->major == 0 && strcmp(mount->fstype, "btrfs") == 0)
        source_device(root, mount->source, &mount->major, &mount->minor);
    return true;
}

static size_t count_lines(const struct buf *text)
{
    size_t lines = 1; /* the last one may lack its newline */

    for (size_t i = 0; i < text->len; i++)
        lines += text->data[i] == '\n';
    return lines;
}

static int order_by_device(const void *left, const void *right, void *context)
{
    const struct mount *items = context;
    size_t i = *(const size_t *)left, j = *(const size_t *)right;
    const struct mount *a = &items[i], *b = &items[j];

    if (a->major != b->major)
        return a->major < b->major ? -1 : 1;
    if (a->minor != b->minor)
        return a->minor < b->minor ? -1 : 1;
    return i < j ? -1 : i > j;
}

static int find_first_mounts(struct mounts *mounts)
{
    struct mount *items = mounts->items;
    CLEANUP(free_ptr) size_t *order = calloc(mounts->count + 1, sizeof(*order));

    if (!order)
        return -ENOMEM;
    for (size_t i = 0; i < mounts->count; i++)
        order[i] = i;
    qsort_r(order, mounts->count, sizeof(*order), order_by_device, items);
    for (size_t i = 0; i < mounts->count; i++) {
        struct mount *mount = &items[order[i]];
        const struct mount *before = i > 0 ? &items[order[i - 1]] : NULL;
        bool same = before && before->major == mount->major && before->minor == mount->minor;

        mount->first = same ? before->first : order[i];
    }
    return 0;
}

int mounts_read(const struct sysroot *root, struct mounts *ret_mounts)
{
    CLEANUP(mounts_done) struct mounts mounts = { 0 };
    char *rest, *line;
    int r;

    r = table_read(root, &mounts.text);
    if (r < 0)
        return r;
    mounts.items = calloc(count_lines(&mounts.text), sizeof(*mounts.items));
    if (!mounts.items)
        return -ENOMEM;
    rest = mounts.text.data;
    while ((line = strsep(&rest, "\n")))
        mounts.count += mount_init(&mounts.items[mounts.count], root, line);
    r = find_first_mounts(&mounts);
    if (r < 0)
        return r;
    *ret_mounts = mounts;
    mounts = (struct mounts){ 0 };
    return 0;
}

void mounts_done(struct mounts *mounts)
{
    free(mounts->items);
    buf_done(&mounts->text);
    *mounts = (struct mounts){ 0 };
}

bool mount_has_device(const struct mount *mount)
{
    return mount->major != 0;
}

bool mount_is_first(const struct mounts *mounts, size_t index)
{
    return mounts->items[index].first == index && mount_has_device(&mounts->items[index]);
}

size_t mounts_find_device(const struct mounts *mounts, unsigned major_number, unsigned minor_number)
{
    for (size_t i = 0; i < mounts->count; i++)
        if (mounts->items[i].major == major_number && mounts->items[i].minor == minor_number)
            return i;
    return SIZE_MAX;
}

/* How many bytes of `path` the mountpoint covers; 0: the path is not below it. */
static size_t covers(const char *target, const char *path)
{
    size_t len = strlen(target);

    if (len > 0 && target[len - 1] == '/')
        len--; /* only "/" itself ends so */
    if (strncmp(target, path, len) != 0 || (path[len] != '/' && path[len] != '\0'))
        return 0;
    return len + 1;
}

size_t mounts_find_path(const struct mounts *mounts, const char *path)
{
    size_t best = SIZE_MAX, best_len = 0;

    for (size_t i = 0; i < mounts->count; i++) {
        size_t len = covers(mounts->items[i].target, path);

        if (len > 0 && len >= best_len) {
            best = i;
            best_len = len;
        }
    }
    return best;
}
