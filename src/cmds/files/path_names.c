/*
 * cmds/files/path_names.c - /proc/self/fd, fdinfo and mountinfo.
 *
 *   name on its mount   = mount point + rest
 *   name in filesystem  = root of the mount + rest
 *   name on another one = its mount point + what is left behind its root
 */
#include "cmds/files/path_names.h"

#include "base/fdio.h"
#include "base/sysroot.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct sysroot real_root;

/* Those that linux/magic.h, or an older one, does not have. */
#define EXFAT 0x2011BAB0u
#define NTFS  0x5346544Eu
#define NTFS3 0x7366746Eu
#define HFS   0x4244u
#define HFSX  0x482Bu
#define SMB2  0xFE534D42u
#define CIFS  0xFF534D42u

/* A row of mountinfo; the strings are parts of its text. */
struct row {
    int id;
    const char *device, *root, *target;
};

/* What the kernel puts behind the name of a removed file. One that is really called so is taken for
 * removed: a user could put it there as a link to the removed one. */
static bool looks_removed(const char *name)
{
    static const char mark[] = " (deleted)";
    size_t len = strlen(name);

    return len >= sizeof(mark) - 1 && strcmp(name + len - (sizeof(mark) - 1), mark) == 0;
}

static int read_own_name(int fd, char name[PATH_MAX])
{
    char link[64];
    ssize_t n;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    n = readlink(link, name, PATH_MAX);
    if (n < 0)
        return -errno;
    if (n == PATH_MAX)
        return -ENAMETOOLONG;
    name[n] = '\0';
    return name[0] == '/' && !looks_removed(name) ? 0 : -ESTALE;
}

/* Waits for a removal of `name` that has begun: it counts the link off before it takes the name away, and
 * holds its directory locked until both are done. Reading the directory takes that lock. */
static bool wait_for_removal(const char *name)
{
    CLEANUP(free_ptr) char *parent = strndup(name, (size_t)(strrchr(name, '/') - name) + 1);
    CLEANUP(fd_closep)
    int dir = parent ? open(parent, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC) : -1;
    char entries[1024];

    return dir >= 0 && syscall(SYS_getdents64, dir, entries, sizeof(entries)) >= 0;
}

/* The name of another mount namespace looks like any other. */
static bool leads_to(const char *name, int fd)
{
    CLEANUP(fd_closep) int found = open(name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat there, here;

    return found >= 0 && fstat(found, &there) == 0 && fstat(fd, &here) == 0 &&
           there.st_dev == here.st_dev && there.st_ino == here.st_ino;
}

static int read_mount_id(int fd)
{
    char text[1024];
    const char *at;
    int id;

    if (sysroot_read_text(&real_root, text, sizeof(text), "/proc/self/fdinfo/%d", fd) < 0)
        return -1;
    at = strstr(text, "mnt_id:");
    return at && sscanf(at, "mnt_id: %d", &id) == 1 ? id : -1;
}

static bool is_octal(const char *text)
{
    return text[0] >= '0' && text[0] <= '3' && text[1] >= '0' && text[1] <= '7' && text[2] >= '0' &&
           text[2] <= '7';
}

/* "\040" and the like, in place. */
static char *unescape(char *text)
{
    char *to = text;

    for (const char *from = text; *from; to++) {
        if (*from == '\\' && is_octal(from + 1)) {
            *to = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
            from += 4;
        } else {
            *to = *from++;
        }
    }
    *to = '\0';
    return text;
}

/* The row at *text, which moves on to the next one. */
static bool next_row(char **text, struct row *ret_row)
{
    char *fields[5] = { 0 };
    char *line = strsep(text, "\n");

    for (size_t i = 0; line && i < ARRAY_LEN(fields); i++)
        fields[i] = strsep(&line, " ");
    if (!fields[4])
        return false;
    *ret_row = (struct row){
        .id = atoi(fields[0]), /* NOLINT(cert-err34-c): the kernel's */
        .device = fields[2],
        .root = unescape(fields[3]),
        .target = unescape(fields[4]),
    };
    return true;
}

/* What is behind `base` in `path`: "" or "/...". NULL: it is not below. */
static const char *rest_behind(const char *path, const char *base)
{
    size_t len = strcmp(base, "/") == 0 ? 0 : strlen(base);

    if (strcmp(path, "/") == 0)
        path = "";
    if (strncmp(path, base, len) != 0 || (path[len] != '/' && path[len] != '\0'))
        return NULL;
    return path + len;
}

/* `base` + `rest`, then the leaf, then a NUL. */
static void put_name(struct buf *names, const char *base, const char *rest, const char *leaf)
{
    if (strcmp(base, "/") != 0)
        buf_puts(names, base);
    buf_puts(names, rest);
    if (leaf)
        buf_printf(names, "/%s", leaf);
    else if (strcmp(base, "/") == 0 && !*rest)
        buf_putc(names, '/');
    buf_putc(names, '\0');
}

/* Splits `text` as it goes. */
static bool find_row(char *text, int id, struct row *ret_row)
{
    while (text) {
        if (next_row(&text, ret_row) && ret_row->id == id)
            return true;
    }
    return false;
}

static int put_aliases(char *table, const struct row *own, const char *name, const char *leaf,
                       struct buf *names)
{
    CLEANUP(buf_done) struct buf inside = { 0 };
    const char *rest = rest_behind(name, own->target);

    if (!rest)
        return -ESTALE;
    put_name(&inside, own->root, rest, NULL);
    if (!buf_ok(&inside))
        return -ENOMEM;
    while (table) {
        struct row row;

        if (!next_row(&table, &row) || row.id == own->id || strcmp(row.device, own->device) != 0)
            continue;
        rest = rest_behind(inside.data, row.root);
        if (rest)
            put_name(names, row.target, rest, leaf);
    }
    return 0;
}

static int read_aliases(int fd, const char *name, const char *leaf, struct buf *names)
{
    CLEANUP(buf_done) struct buf table = { 0 };
    CLEANUP(free_ptr) char *copy = NULL;
    struct row own;
    int r = sysroot_read(&real_root, "/proc/self/mountinfo", &table);

    if (r < 0)
        return r;
    copy = strdup(table.data);
    if (!copy)
        return -ENOMEM;
    if (!find_row(copy, read_mount_id(fd), &own))
        return -ESTALE;
    return put_aliases(table.data, &own, name, leaf, names);
}

int path_names_read(int fd, const char *leaf, struct buf *ret_names)
{
    char name[PATH_MAX];
    int r = read_own_name(fd, name);

    if (r == 0 && !leaf && !wait_for_removal(name))
        r = -ESTALE;
    if (r == 0)
        r = read_own_name(fd, name);
    if (r < 0)
        return r;
    if (!leads_to(name, fd))
        return -ESTALE;
    put_name(ret_names, name, "", leaf);
    r = read_aliases(fd, name, leaf, ret_names);
    return r < 0 || buf_ok(ret_names) ? r : -ENOMEM;
}

bool path_names_are_folded(long fs_type)
{
    static const unsigned folded[] = {
        MSDOS_SUPER_MAGIC, EXFAT,           NTFS, NTFS3, HFS, HFSX,
        AFFS_SUPER_MAGIC,  SMB_SUPER_MAGIC, SMB2, CIFS,
    };

    for (size_t i = 0; i < ARRAY_LEN(folded); i++) {
        if ((unsigned)fs_type == folded[i])
            return true;
    }
    return false;
}
