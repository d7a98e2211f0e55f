/*
 * pool/urgent.c - a list and a semaphore that counts what is in it.
 *
 *   field  written by          read by  order, and what it buys
 *   ready  pushers, the worker worker   lock
 *   work   pushers: sem_post   worker   one token a job; the one without a job ends the worker
 */
#include "pool/urgent.h"

#include <pthread.h>
#include <semaphore.h>
#include <time.h>

struct urgent {
    void (*finish)(void *arg, struct job *job);
    void *arg;
    pthread_mutex_t lock;
    struct job_list ready;
    sem_t work;
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
    return NULL;
}

static void urgent_free(struct urgent *urgent)
{
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
    struct timespec deadline;

    sem_post(&urgent->work);
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += timeout_ms / 1000 + 1;
    if (pthread_timedjoin_np(urgent->thread, NULL, &deadline) != 0)
        return false;
    urgent_free(urgent);
    return true;
}
