/*
 * Filesystems that are frozen and thawed in memory only, in place of cmds/linux/fs_ops.c's ioctls.
 *
 * What was done is written down as "+/target" (frozen) and "-/target" (thawed), in order. A freeze
 * of `hang_on`, or a thaw of `hang_thaw_on`, waits until fake_fs_release(), as a FIFREEZE of a dead disk does.
 */
#pragma once

#include "base/defs.h"
#include "cmds/linux/fs_ops.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

#define FAKE_FS_MAX   16
#define FAKE_WAIT_SEC 20 /* for a test that hangs, not for one that passes */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct {
        char target[64];
        unsigned major, minor;
        bool frozen;
    } fs[FAKE_FS_MAX];
    size_t count;
    char done[1024];
    const char *hang_on, *hang_thaw_on, *fail_on, *fail_open_on, *hang_open_on, *fail_thaw_on;
    int error;
    bool hanging, released, devices;
} fake = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static inline void fake_wait(const bool *flag)
{
    struct timespec limit;

    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += FAKE_WAIT_SEC;
    while (!*flag)
        PTOK(pthread_cond_timedwait(&fake.changed, &fake.lock, &limit));
}

/* With the lock. */
static inline void fake_hang(void)
{
    fake.hanging = true;
    PTOK(pthread_cond_broadcast(&fake.changed));
    fake_wait(&fake.released);
}

static inline int fake_open(const struct sysroot *root, const struct mount *mount)
{
    size_t i;

    PTOK(pthread_mutex_lock(&fake.lock));
    if (fake.hang_open_on && strcmp(mount->target, fake.hang_open_on) == 0)
        fake_hang();
    if (fake.fail_open_on && strcmp(mount->target, fake.fail_open_on) == 0) {
        PTOK(pthread_mutex_unlock(&fake.lock));
        return -fake.error;
    }
    for (i = 0; i < fake.count; i++)
        if (fake.fs[i].major == mount->major && fake.fs[i].minor == mount->minor)
            break;
    assert(i < FAKE_FS_MAX);
    if (i == fake.count) {
        fake.count++;
        fake.fs[i].major = mount->major;
        fake.fs[i].minor = mount->minor;
        snprintf(fake.fs[i].target, sizeof(fake.fs[i].target), "%s", mount->target);
    }
    PTOK(pthread_mutex_unlock(&fake.lock));
    return (int)i;
}

/* What no path leads to is found by its device, as long as `fake.devices`. */
static inline int fake_open_hidden(const struct sysroot *root, const struct mount *mount)
{
    return fake.devices ? fake_open(root, mount) : -ESTALE;
}

static inline void fake_note(char sign, size_t i)
{
    size_t len = strlen(fake.done);

    snprintf(fake.done + len, sizeof(fake.done) - len, "%s%c%s", len ? " " : "", sign,
             fake.fs[i].target);
}

static inline int fake_freeze(int fd)
{
    size_t i = (size_t)fd;
    int r = 0;

    PTOK(pthread_mutex_lock(&fake.lock));
    if (fake.hang_on && strcmp(fake.fs[i].target, fake.hang_on) == 0)
        fake_hang();
    if (fake.fail_on && strcmp(fake.fs[i].target, fake.fail_on) == 0) {
        r = -fake.error;
    } else if (fake.fs[i].frozen) {
        r = -EBUSY;
    } else {
        fake.fs[i].frozen = true;
        fake_note('+', i);
    }
    PTOK(pthread_mutex_unlock(&fake.lock));
    return r;
}

static inline int fake_thaw(int fd)
{
    size_t i = (size_t)fd;
    int r = -EINVAL;

    PTOK(pthread_mutex_lock(&fake.lock));
    if (fake.hang_thaw_on && strcmp(fake.fs[i].target, fake.hang_thaw_on) == 0)
        fake_hang();
    if (fake.fail_thaw_on && strcmp(fake.fs[i].target, fake.fail_thaw_on) == 0) {
        r = -fake.error;
    } else if (fake.fs[i].frozen) {
        fake.fs[i].frozen = false;
        fake_note('-', i);
        r = 0;
    }
    PTOK(pthread_mutex_unlock(&fake.lock));
    return r;
}

/* Descriptors here are numbers of filesystems: there is nothing to let go of. */
static inline int fake_detach(int fd)
{
    return fd;
}

static inline void fake_close(int fd)
{
    assert(fd >= 0 && (size_t)fd < fake.count);
}

/* Waits until a freeze hangs. */
static inline void fake_fs_wait_hanging(void)
{
    PTOK(pthread_mutex_lock(&fake.lock));
    fake_wait(&fake.hanging);
    PTOK(pthread_mutex_unlock(&fake.lock));
}

static inline void fake_fs_release(void)
{
    PTOK(pthread_mutex_lock(&fake.lock));
    fake.released = true;
    PTOK(pthread_cond_broadcast(&fake.changed));
    PTOK(pthread_mutex_unlock(&fake.lock));
}

static inline size_t fake_fs_frozen_count(void)
{
    size_t count = 0;

    PTOK(pthread_mutex_lock(&fake.lock));
    for (size_t i = 0; i < fake.count; i++)
        count += fake.fs[i].frozen;
    PTOK(pthread_mutex_unlock(&fake.lock));
    return count;
}

static inline void fake_fs_reset(void)
{
    PTOK(pthread_mutex_lock(&fake.lock));
    memset(fake.fs, 0, sizeof(fake.fs));
    fake.count = 0;
    fake.done[0] = '\0';
    fake.hang_on = fake.hang_thaw_on = fake.hang_open_on = fake.fail_on = fake.fail_open_on =
        fake.fail_thaw_on = NULL;
    fake.hanging = fake.released = fake.devices = false;
    PTOK(pthread_mutex_unlock(&fake.lock));
    fs_ops.open = fake_open;
    fs_ops.open_hidden = fake_open_hidden;
    fs_ops.detach = fake_detach;
    fs_ops.freeze = fake_freeze;
    fs_ops.thaw = fake_thaw;
    fs_ops.close = fake_close;
}
