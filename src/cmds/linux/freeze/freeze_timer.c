/*
 * cmds/linux/freeze/freeze_timer.c - the automatic thaw.
 *
 *   field         written by             read by       under
 *   timer.*       arm, disarm, thread    the same      timer.lock, never held across a thaw
 *
 * The thread is detached. It is started by arm if there is none, sleeps until the deadline or a
 * change, and ends when it finds the timer disarmed; an arm that comes before is taken up.
 */
#include "cmds/linux/freeze/freeze_timer.h"

#include "base/error.h"
#include "base/now.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool armed, finished;
    bool running;             /* the thread is there */
    bool never;               /* armed without a deadline */
    struct timespec deadline; /* CLOCK_MONOTONIC */
    struct sysroot root;
    const struct freeze_config *config;
    freeze_timer_fn *fire;
} timer = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static void fire_locked(void)
{
    struct sysroot root = timer.root;
    struct freeze_job job = { .root = &root, .config = timer.config };
    freeze_timer_fn *fire = timer.fire;
    bool again;

    timer.armed = false;
    PTOK(pthread_mutex_unlock(&timer.lock));
    again = fire(&job);
    PTOK(pthread_mutex_lock(&timer.lock));
    if (again && !timer.armed && !timer.finished) {
        timer.deadline = now_plus_ms(FREEZE_RETRY_SEC * freeze_limits.second_in_ms);
        timer.never = false;
        timer.armed = true;
    }
}

static bool is_due(const struct timespec *deadline)
{
    return timer.armed && !timer.never && deadline->tv_sec == timer.deadline.tv_sec &&
           deadline->tv_nsec == timer.deadline.tv_nsec;
}

static void *timer_main(void *arg)
{
    PTOK(pthread_mutex_lock(&timer.lock));
    while (timer.armed) {
        struct timespec deadline = timer.deadline;

        if (timer.never)
            PTOK(pthread_cond_wait(&timer.changed, &timer.lock));
        else if (pthread_cond_clockwait(&timer.changed, &timer.lock, CLOCK_MONOTONIC, &deadline) ==
                     ETIMEDOUT &&
                 is_due(&deadline))
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

int freeze_timer_arm(const struct freeze_job *job, int64_t timeout_ms, freeze_timer_fn *fire)
{
    int r = 0;

    PTOK(pthread_mutex_lock(&timer.lock));
    timer.root = *job->root;
    timer.config = job->config;
    timer.fire = fire;
    timer.never = timeout_ms < 0;
    timer.deadline = now_plus_ms(MAX_OF(timeout_ms, (int64_t)0));
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

bool freeze_timer_finish(void)
{
    struct timespec limit = now_plus_ms(freeze_limits.patience_ms);
    bool ended;
    int r = 0;

    freeze_timer_disarm();
    PTOK(pthread_mutex_lock(&timer.lock));
    timer.finished = true;
    while (timer.running && r == 0)
        r = pthread_cond_clockwait(&timer.changed, &timer.lock, CLOCK_MONOTONIC, &limit);
    ended = !timer.running;
    PTOK(pthread_mutex_unlock(&timer.lock));
    return ended;
}
