/*
 * cmds/linux/freeze/freeze_timer.c - the automatic thaw.
 *
 *   field         written by             read by       under
 *   timer.*       arm, disarm, thread    the same      timer.lock, never held across a thaw
 *
 * The thread is detached. It is started by arm if there is none, sleeps until the deadline or a
 * change, and ends when it finds the timer disarmed; an arm that comes before is taken up.
 */
#include "cmds/linux/freeze/freeze.h"

#include "base/frozen.h"
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#define RETRY_SEC 10 /* between two attempts, if the thaw itself fails */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool armed, finished;
    bool running;             /* the thread is there */
    struct timespec deadline; /* CLOCK_MONOTONIC */
    struct sysroot root;
    const struct freeze_config *config;
} timer = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static struct timespec monotonic_in(int64_t ms)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += ms / 1000;
    at.tv_nsec += ms % 1000 * NSEC_PER_MSEC;
    if (at.tv_nsec >= NSEC_PER_SEC) {
        at.tv_sec++;
        at.tv_nsec -= NSEC_PER_SEC;
    }
    return at;
}

static int thaw_by_itself(const struct freeze_job *job)
{
    CLEANUP(cmd_error_done) struct cmd_error error = { 0 };
    int64_t count;

    log_warn("fsfreeze: nobody thawed within the time limit, thawing");
    if (freeze_thaw(job, &count, &error) < 0) {
        log_err("fsfreeze: the automatic thaw failed: %s", error.text ? error.text : "no memory");
        return -1;
    }
    log_warn("fsfreeze: thawed %" PRId64 " filesystems without the host", count);
    return 0;
}

static void fire_locked(void)
{
    struct sysroot root = timer.root;
    struct freeze_job job = { .root = &root, .config = timer.config };
    int r;

    timer.armed = false;
    PTOK(pthread_mutex_unlock(&timer.lock));
    r = thaw_by_itself(&job);
    PTOK(pthread_mutex_lock(&timer.lock));
    /* A failed hook is no reason to try again, a mount table that could not be read is one. */
    if (r < 0 && ga_is_frozen() && !timer.armed && !timer.finished) {
        timer.deadline = monotonic_in(RETRY_SEC * freeze_limits.second_in_ms);
        timer.armed = true;
    }
}

static void *timer_main(void *arg)
{
    PTOK(pthread_mutex_lock(&timer.lock));
    while (timer.armed) {
        struct timespec deadline = timer.deadline;
        int r = pthread_cond_clockwait(&timer.changed, &timer.lock, CLOCK_MONOTONIC, &deadline);

        if (r == ETIMEDOUT && timer.armed && deadline.tv_sec == timer.deadline.tv_sec &&
            deadline.tv_nsec == timer.deadline.tv_nsec)
            fire_locked();
    }
    timer.running = false;
    PTOK(pthread_cond_broadcast(&timer.changed));
    PTOK(pthread_mutex_unlock(&timer.lock));
    return NULL;
}

static int start_thread(void)
{
    sigset_t all, before;
    pthread_t thread;
    int r;

    sigfillset(&all);
    PTOK(pthread_sigmask(SIG_SETMASK, &all, &before));
    r = pthread_create(&thread, NULL, timer_main, NULL);
    PTOK(pthread_sigmask(SIG_SETMASK, &before, NULL));
    if (r == 0)
        PTOK(pthread_detach(thread));
    return -r;
}

int freeze_timer_arm(const struct freeze_job *job, int64_t timeout_ms)
{
    int r = 0;

    PTOK(pthread_mutex_lock(&timer.lock));
    timer.root = *job->root;
    timer.config = job->config;
    timer.deadline = monotonic_in(timeout_ms);
    timer.armed = true;
    timer.finished = false;
    if (!timer.running) {
        r = start_thread();
        timer.running = timer.armed = r == 0;
    }
    PTOK(pthread_cond_broadcast(&timer.changed));
    PTOK(pthread_mutex_unlock(&timer.lock));
    return r;
}

void freeze_timer_disarm(void)
{
    PTOK(pthread_mutex_lock(&timer.lock));
    timer.armed = false;
    PTOK(pthread_cond_broadcast(&timer.changed));
    PTOK(pthread_mutex_unlock(&timer.lock));
}

void freeze_timer_finish(void)
{
    struct timespec limit = monotonic_in(freeze_limits.patience_ms);
    int r = 0;

    freeze_timer_disarm();
    PTOK(pthread_mutex_lock(&timer.lock));
    timer.finished = true;
    while (timer.running && r == 0)
        r = pthread_cond_clockwait(&timer.changed, &timer.lock, CLOCK_MONOTONIC, &limit);
    PTOK(pthread_mutex_unlock(&timer.lock));
}

static int64_t boot_clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return now.tv_sec * 1000 + now.tv_nsec / NSEC_PER_MSEC;
}

static void boot_id(const struct sysroot *root, char text[64])
{
    if (sysroot_read_line(root, text, 64, "/proc/sys/kernel/random/boot_id") < 0)
        snprintf(text, 64, "unknown");
}

static int64_t configured_ms(const struct freeze_job *job)
{
    return job->config->freeze_timeout_sec * freeze_limits.second_in_ms;
}

void freeze_marker_format(const struct freeze_job *job, char text[FREEZE_MARKER_MAX])
{
    int64_t timeout_ms = configured_ms(job);
    int64_t thaw_at_ms = timeout_ms > 0 ? boot_clock_ms() + timeout_ms : -1;
    char id[64];

    boot_id(job->root, id);
    snprintf(text, FREEZE_MARKER_MAX, "thaw-at-ms=%" PRId64 " boot=%s\n", thaw_at_ms, id);
}

int64_t freeze_marker_left_ms(const struct freeze_job *job, const char *text)
{
    int64_t thaw_at_ms, left_ms;
    char id[64], marked_id[64];

    /* qemu-ga's own marker is empty: the freeze gets the time of a new one. */
    if (sscanf(text, "thaw-at-ms=%" SCNd64 " boot=%63s", &thaw_at_ms, marked_id) != 2)
        return configured_ms(job) > 0 ? configured_ms(job) : -1;
    boot_id(job->root, id);
    if (strcmp(id, marked_id) != 0)
        return 0; /* booted since: no filesystem can be frozen from then */
    if (thaw_at_ms < 0)
        return -1;
    left_ms = thaw_at_ms - boot_clock_ms();
    return MAX_OF(left_ms, (int64_t)0);
}
