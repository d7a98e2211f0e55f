/*
 * cmds/linux/accounts/account.c - the user database, and rights of a thread.
 *
 *   field      written by           read by   order
 *   errand.*   who starts it, then  the same  pthread_create(3) and pthread_join(3)
 *              its thread
 */
#include "cmds/linux/accounts/account.h"

#include "base/fdio.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PASSWD_LINE_BYTES (64 * KIB)
#define STACK_BYTES       (256 * KIB)
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

/* What a thread with the user's rights is for. */
struct errand {
    const struct account *account;
    gid_t *groups;
    int group_count;
    account_work_fn *work;
    void *arg;
    int r; /* of taking the rights */
};

static int take_rights(const struct errand *errand)
{
    const struct account *account = errand->account;
    int r = set_thread_groups(errand->groups, errand->group_count);

    if (r < 0)
        return r;
    setfsgid(account->gid);
    setfsuid(account->uid);
    /* These two report no failure: ask what is in force now. */
    if ((gid_t)setfsgid((gid_t)-1) != account->gid || (uid_t)setfsuid((uid_t)-1) != account->uid)
        return -EPERM;
    return 0;
}

static void *errand_main(void *data)
{
    struct errand *errand = data;

    errand->r = take_rights(errand);
    if (errand->r == 0)
        errand->work(errand->arg);
    return NULL;
}

static int run_on_thread(struct errand *errand)
{
    pthread_attr_t attr;
    pthread_t thread;
    int r;

    PTOK(pthread_attr_init(&attr));
    PTOK(pthread_attr_setstacksize(&attr, STACK_BYTES));
    r = -pthread_create(&thread, &attr, errand_main, errand);
    PTOK(pthread_attr_destroy(&attr));
    if (r < 0)
        return r;
    PTOK(pthread_join(thread, NULL));
    return errand->r;
}

int account_run(const struct sysroot *root, const struct account *account, account_work_fn *work,
                void *arg)
{
    struct errand errand = { .account = account, .work = work, .arg = arg };
    int r;

    if (geteuid() != 0 || account->uid == 0) {
        work(arg);
        return 0;
    }
    r = account_groups(root, account, &errand.groups, &errand.group_count);
    if (r < 0)
        return r;
    r = run_on_thread(&errand);
    free(errand.groups);
    return r;
}
