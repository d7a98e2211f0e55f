/*
 * cmds/linux/accounts/account.c - the user database, and rights of a thread.
 */
#include "cmds/linux/accounts/account.h"

#include "base/fdio.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PASSWD_LINE_BYTES (64 * KIB)
#define GROUPS_MAX        65536 /* the kernel's own limit */

/* The system call itself: glibc's function would change every thread. */
#ifdef SYS_setgroups32
#define SYS_THREAD_SETGROUPS SYS_setgroups32
#else
#define SYS_THREAD_SETGROUPS SYS_setgroups
#endif

static int set_account(const struct passwd *entry, struct account *ret_account)
{
    struct account account = { .uid = entry->pw_uid, .gid = entry->pw_gid };

    if (strlen(entry->pw_name) >= sizeof(account.name) ||
        strlen(entry->pw_dir) >= sizeof(account.home))
        return -ENAMETOOLONG;
    memcpy(account.name, entry->pw_name, strlen(entry->pw_name));
    memcpy(account.home, entry->pw_dir, strlen(entry->pw_dir));
    *ret_account = account;
    return 0;
}

static int find_in_tree(const struct sysroot *root, const char *name, char *buffer,
                        struct account *ret_account)
{
    struct passwd entry, *found;
    int fd = sysroot_open(root, "/etc/passwd", O_RDONLY);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
    int r;

    if (!file) {
        r = fd < 0 ? fd : -errno;
        fd_close(fd);
        return r;
    }
    do {
        r = -fgetpwent_r(file, &entry, buffer, PASSWD_LINE_BYTES, &found); /* -ENOENT at the end */
    } while (r == 0 && strcmp(found->pw_name, name) != 0);
    if (r == 0)
        r = set_account(found, ret_account);
    fclose(file);
    return r;
}

static int find_in_system(const char *name, char *buffer, struct account *ret_account)
{
    struct passwd entry, *found = NULL;
    int r = getpwnam_r(name, &entry, buffer, PASSWD_LINE_BYTES, &found);

    if (found)
        return set_account(found, ret_account);
    /* getpwnam(3): an unknown name is reported in several ways, 0 among them */
    return r == 0 || r == ESRCH || r == EBADF || r == EPERM ? -ENOENT : -r;
}

int account_find(const struct sysroot *root, const char *name, struct account *ret_account)
{
    CLEANUP(free_ptr) char *buffer = malloc(PASSWD_LINE_BYTES);

    if (!buffer)
        return -ENOMEM;
    return root->prefix[0] ? find_in_tree(root, name, buffer, ret_account)
                           : find_in_system(name, buffer, ret_account);
}

static int set_thread_groups(const gid_t *groups, int count)
{
    return syscall(SYS_THREAD_SETGROUPS, (size_t)count, groups) < 0 ? -errno : 0;
}

/* Supplementary groups of the account; a captured tree has the primary one only. */
static int account_groups(const struct sysroot *root, const struct account *account,
                          gid_t **ret_groups, int *ret_count)
{
    int count = 64;
    gid_t *groups = NULL;

    for (;;) {
        gid_t *bigger = reallocarray(groups, (size_t)count, sizeof(*groups));
        int room = count;

        if (!bigger) {
            free(groups);
            return -ENOMEM;
        }
        groups = bigger;
        if (root->prefix[0]) {
            groups[0] = account->gid;
            count = 1;
            break;
        }
        if (getgrouplist(account->name, account->gid, groups, &count) >= 0)
            break;
        count = MAX_OF(count, room * 2);
        if (count > GROUPS_MAX) {
            free(groups);
            return -E2BIG;
        }
    }
    *ret_groups = groups;
    *ret_count = count;
    return 0;
}

static int save_groups(struct account_rights *rights)
{
    int count = getgroups(0, NULL);

    if (count < 0)
        return -errno;
    rights->groups = calloc((size_t)count + 1, sizeof(gid_t));
    if (!rights->groups)
        return -ENOMEM;
    rights->group_count = getgroups(count, rights->groups);
    return rights->group_count < 0 ? -errno : 0;
}

static int switch_rights(const struct account *account, const gid_t *groups, int count,
                         struct account_rights *rights)
{
    int r = save_groups(rights);

    if (r == 0)
        r = set_thread_groups(groups, count);
    if (r < 0) {
        free(rights->groups);
        return r;
    }
    rights->assumed = true;
    rights->gid = (gid_t)setfsgid(account->gid);
    rights->uid = (uid_t)setfsuid(account->uid);
    /* These two report no failure: ask what is in force now. */
    if ((gid_t)setfsgid((gid_t)-1) != account->gid || (uid_t)setfsuid((uid_t)-1) != account->uid) {
        account_drop(rights);
        return -EPERM;
    }
    return 0;
}

int account_assume(const struct sysroot *root, const struct account *account,
                   struct account_rights *ret_rights)
{
    struct account_rights rights = { 0 };
    CLEANUP(free_ptr) gid_t *groups = NULL;
    int count, r;

    if (geteuid() == 0 && account->uid != 0) {
        r = account_groups(root, account, &groups, &count);
        if (r == 0)
            r = switch_rights(account, groups, count, &rights);
        if (r < 0)
            return r;
    }
    *ret_rights = rights;
    return 0;
}

void account_drop(struct account_rights *rights)
{
    if (!rights->assumed)
        return;
    setfsuid(rights->uid);
    setfsgid(rights->gid);
    /* A thread that went on with another user's rights would be worse than none. */
    if ((uid_t)setfsuid((uid_t)-1) != rights->uid || (gid_t)setfsgid((gid_t)-1) != rights->gid ||
        set_thread_groups(rights->groups, rights->group_count) < 0)
        abort();
    free(rights->groups);
    *rights = (struct account_rights){ 0 };
}
