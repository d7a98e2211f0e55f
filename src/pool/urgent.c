/*
 * pool/urgent.c - a list and a semaphore that counts what is in it.
 *
 *   field  written by          read by  order, and what it buys
 *   ready  pushers, the worker worker   lock
 *   work   pushers: sem_post   worker   one token a job; the one without a job ends the worker
 *   ended  worker: sem_post    main     the thread can be joined without waiting
 */
#include "pool/urgent.h"

#include "base/now.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <time.h>

struct urgent {
    void (*finish)(void *arg, struct job *job);
    void *arg;
    pthread_mutex_t lock;
    struct job_list ready;
    sem_t work, ended;
    pthread_t thread;
};

static struct job *next_job(struct urgent *urgent)
{
    struct job *job;

    while (sem_wait(&urgent->work) != 0)
        ;
    PTOK(pthread_mutex_lock(&urgent->lock));
    job = TAILQ_FIRST(&urgent->ready);
    if (job)
        TAILQ_REMOVE(&urgent->ready, job, link);
    PTOK(pthread_mutex_unlock(&urgent->lock));
    return job;
}

static void *urgent_main(void *arg)
{
    struct urgent *urgent = arg;
    struct job *job;

    while ((job = next_job(urgent))) {
        job->run(job);
        urgent->finish(urgent->arg, job);
        job->done(job);
        job->flush(job);
    }
    sem_post(&urgent->ended);
    return NULL;
}

static void urgent_free(struct urgent *urgent)
{
    sem_destroy(&urgent->ended);
    sem_destroy(&urgent->work);
    PTOK(pthread_mutex_destroy(&urgent->lock));
    free(urgent);
}

struct urgent *urgent_new(void (*finish)(void *arg, struct job *job), void *arg)
{
    struct urgent *urgent = calloc(1, sizeof(*urgent));

    if (!urgent)
        return NULL;
    urgent->finish = finish;
    urgent->arg = arg;
    PTOK(pthread_mutex_init(&urgent->lock, NULL));
    TAILQ_INIT(&urgent->ready);
    sem_init(&urgent->work, 0, 0);
    sem_init(&urgent->ended, 0, 0);
    if (pthread_create(&urgent->thread, NULL, urgent_main, urgent) != 0) {
        urgent_free(urgent);
        return NULL;
    }
    return urgent;
}

void urgent_push(struct urgent *urgent, struct job *job)
{
    PTOK(pthread_mutex_lock(&urgent->lock));
    TAILQ_INSERT_TAIL(&urgent->ready, job, link);
    PTOK(pthread_mutex_unlock(&urgent->lock));
    sem_post(&urgent->work);
}

bool urgent_stop(struct urgent *urgent, int timeout_ms)
{
    int64_t until_ns = now_ns() + timeout_ms * NSEC_PER_MSEC;
    struct timespec deadline = {
        .tv_sec = until_ns / NSEC_PER_SEC,
        .tv_nsec = until_ns % NSEC_PER_SEC,
    };

    sem_post(&urgent->work);
    while (sem_clockwait(&urgent->ended, CLOCK_MONOTONIC, &deadline) != 0)
        if (errno == ETIMEDOUT)
            return false;
    PTOK(pthread_join(urgent->thread, NULL));
    urgent_free(urgent);
    return true;
}
