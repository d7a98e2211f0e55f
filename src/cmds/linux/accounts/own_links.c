/*
 * cmds/linux/accounts/own_links.c - one component after the other, so that the owner of each link
 * is looked at.
 */
#include "cmds/linux/accounts/own_links.h"

#include "base/fdio.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINKS_MAX 40 /* as the kernel's */

/* A walk under way. */
struct walk {
    const struct sysroot *root;
    uid_t uid;
    int dir_fd;          /* where `rest` begins; O_PATH */
    char rest[PATH_MAX]; /* what is still to be walked */
    unsigned links;      /* followed */
};

/* The first component of `rest`, which is taken out; false if there is none. */
static bool next_component(struct walk *walk, char ret_name[NAME_MAX + 1], bool *ret_last,
                           int *reterr)
{
    const char *start = walk->rest + strspn(walk->rest, "/");
    size_t len = strcspn(start, "/"), blanks = strspn(start + len, "/");

    if (len == 0)
        return false;
    if (len > NAME_MAX) {
        *reterr = -ENAMETOOLONG;
        return false;
    }
    memcpy(ret_name, start, len);
    ret_name[len] = '\0';
    memmove(walk->rest, start + len + blanks, strlen(start + len + blanks) + 1);
    *ret_last = walk->rest[0] == '\0';
    return true;
}

static int enter(struct walk *walk, int fd)
{
    if (fd < 0)
        return -errno;
    fd_close(walk->dir_fd);
    walk->dir_fd = fd;
    return 0;
}

static int enter_root(struct walk *walk)
{
    char path[SYSROOT_PATH_MAX];
    int r = sysroot_path(walk->root, "/", path);

    return r < 0 ? r : enter(walk, open(path, O_PATH | O_DIRECTORY | O_CLOEXEC));
}

/* Puts the target of a link in front of what is left. */
static int take_link(struct walk *walk, const char *name, const struct stat *st)
{
    char target[PATH_MAX], rest[PATH_MAX];
    ssize_t len;
    int n;

    if ((st->st_uid != walk->uid && st->st_uid != 0) || ++walk->links > LINKS_MAX)
        return -ELOOP;
    len = readlinkat(walk->dir_fd, name, target, sizeof(target));
    if (len <= 0)
        return len < 0 ? -errno : -ENOENT;
    if ((size_t)len >= sizeof(target))
        return -ENAMETOOLONG;
    target[len] = '\0';
    memcpy(rest, walk->rest, sizeof(rest));
    n = snprintf(walk->rest, sizeof(walk->rest), "%s/%s", target, rest);
    if (n < 0 || (size_t)n >= sizeof(walk->rest))
        return -ENAMETOOLONG;
    return target[0] == '/' ? enter_root(walk) : 0;
}

/* 1: `name` is the last component and no link. */
static int step(struct walk *walk, const char *name, bool last)
{
    struct stat st;

    if (fstatat(walk->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return last && errno == ENOENT ? 1 : -errno;
    if (S_ISLNK(st.st_mode))
        return take_link(walk, name, &st);
    if (last)
        return 1;
    return enter(walk, openat(walk->dir_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

static int walk_to_end(struct walk *walk, char ret_name[NAME_MAX + 1])
{
    bool last = false;
    int r = 0;

    while (r == 0 && next_component(walk, ret_name, &last, &r))
        r = step(walk, ret_name, last);
    if (r == 0) { /* nothing but slashes was left: the directory itself */
        memcpy(ret_name, ".", 2);
        return 0;
    }
    return MIN_OF(r, 0);
}

int own_links_follow(const struct sysroot *root, int dir_fd, const char *name, uid_t uid,
                     struct own_place *ret_place)
{
    struct walk walk = { .root = root, .uid = uid };
    struct own_place place;
    int r;

    if (strlen(name) >= sizeof(walk.rest))
        return -ENAMETOOLONG;
    memcpy(walk.rest, name, strlen(name));
    walk.dir_fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
    if (walk.dir_fd < 0)
        return -errno;
    r = walk_to_end(&walk, place.name);
    if (r < 0) {
        fd_close(walk.dir_fd);
        return r;
    }
    place.dir_fd = walk.dir_fd;
    *ret_place = place;
    return 0;
}

void own_place_close(struct own_place *place)
{
    place->dir_fd = fd_close(place->dir_fd);
}
