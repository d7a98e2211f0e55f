/*
 * base/trust.c - a walk from the root, link by link.
 */
#include "base/trust.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINKS_MAX 40

static int distrust(char reason[TRUST_REASON_MAX], const char *path, const char *why)
{
    snprintf(reason, TRUST_REASON_MAX, "%.*s %s", TRUST_REASON_MAX - 64, path, why);
    return -EPERM;
}

static int check_part(const char *path, const struct stat *st, bool last,
                      char reason[TRUST_REASON_MAX])
{
    bool sticky = S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX) && !last;

    if (st->st_uid != 0 && st->st_uid != geteuid())
        return distrust(reason, path, "belongs to another user than root");
    if (S_ISLNK(st->st_mode) || sticky)
        return 0;
    if (st->st_mode & S_IWOTH)
        return distrust(reason, path, "is writable for everybody");
    if (st->st_mode & S_IWGRP)
        return distrust(reason, path, "is writable for its group");
    return 0;
}

/* `path` is "PARENT/link" + `rest`: what it leads to takes its place. 0 or -errno. */
static int follow(char path[PATH_MAX], const char *rest)
{
    char target[PATH_MAX], followed[PATH_MAX];
    char *slash = strrchr(path, '/');
    ssize_t n = readlink(path, target, sizeof(target) - 1);
    int len;

    if (n < 0)
        return -errno;
    target[n] = '\0';
    len = snprintf(followed, sizeof(followed), "%.*s/%s%s",
                   target[0] == '/' ? 0 : (int)(slash - path), path, target, rest);
    if (len >= (int)sizeof(followed))
        return -ENAMETOOLONG;
    memcpy(path, followed, (size_t)len + 1);
    return 0;
}

/* The first link in `path` is followed: 1. 0: there is none, and all is trusted. -errno. */
static int walk(char path[PATH_MAX], char reason[TRUST_REASON_MAX])
{
    char rest[PATH_MAX];
    struct stat st;
    size_t at = 0;
    int r;

    for (;;) {
        bool last;

        at += strspn(path + at, "/");
        at += strcspn(path + at, "/");
        memcpy(rest, path + at, strlen(path + at) + 1);
        last = rest[strspn(rest, "/")] == '\0';
        path[at] = '\0';
        if (lstat(at == 0 ? "/" : path, &st) < 0)
            return -errno;
        r = check_part(at == 0 ? "/" : path, &st, last, reason);
        if (r < 0)
            return r;
        if (S_ISLNK(st.st_mode)) {
            r = follow(path, rest);
            return r < 0 ? r : 1;
        }
        memcpy(path + at, rest, strlen(rest) + 1);
        if (last)
            return 0;
    }
}

int path_is_trusted(const char *path, char reason[TRUST_REASON_MAX])
{
    char full[PATH_MAX] = "";
    int links, r = 1;

    reason[0] = '\0';
    if (path[0] != '/' && !getcwd(full, sizeof(full)))
        return -errno;
    if (strlen(full) + 1 + strlen(path) >= sizeof(full))
        return -ENAMETOOLONG;
    if (path[0] != '/')
        strcat(full, "/"); /* NOLINT(clang-analyzer-security.insecureAPI.strcpy) */
    strcat(full, path);    /* NOLINT(clang-analyzer-security.insecureAPI.strcpy) */
    for (links = 0; r == 1; links++) {
        if (links > LINKS_MAX)
            return -ELOOP;
        r = walk(full, reason);
    }
    return r;
}
