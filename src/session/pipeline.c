#include "session/pipeline.h"

#include "pool/sched.h"
#include "session/output.h"
#include "session/reader.h"
#include "session/schedule.h"

#include <errno.h>
#include <unistd.h>

#define MAX_UNFINISHED_JOBS 16384
#define STOP_TIMEOUT_MS     200
#define STUCK_AFTER_MS      1000 /* what an ended session left running this long is stuck */

static void budget_freed(struct budget *budget)
{
    struct pipeline *pipeline = CONTAINER_OF(budget, struct pipeline, budget);

    loop_notify(pipeline->service.loop, &pipeline->service.memory_freed);
}

static void memory_freed(struct notice *notice)
{
    schedule_memory_freed(CONTAINER_OF(notice, struct service, memory_freed));
}

static void drained(struct notice *notice)
{
    struct service *service = CONTAINER_OF(notice, struct service, drained);

    if (atomic_load(&service->loop->outstanding) == 0)
        loop_end(service->loop);
}

/* Until somebody says what is to be done. */
static void ignore(struct notice *notice)
{
    (void)notice;
}

static void service_init(struct service *service, struct loop *loop)
{
    *service = (struct service){ .loop = loop };
    TAILQ_INIT(&service->clients);
    TAILQ_INIT(&service->awaiting);
    TAILQ_INIT(&service->waiting_for_memory);
    TAILQ_INIT(&service->held);
    service->memory_freed.deliver = memory_freed;
    service->drained.deliver = drained;
    service->freeze_changed.deliver = ignore;
    schedule_init(service);
}

int pipeline_start(struct pipeline *pipeline, struct loop *loop,
                   const struct pipeline_config *config)
{
    struct service *service = &pipeline->service;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    struct sched_config sched = {
        .stuck_after_ms = STUCK_AFTER_MS,
        .core_workers = MIN_OF((unsigned)MAX_OF(processors, 2), config->max_workers),
        .max_workers = config->max_workers,
        .max_jobs = MAX_UNFINISHED_JOBS,
        .backlog = ticker_backlog,
        .arg = &pipeline->ticker,
    };

    service_init(service, loop);
    budget_init(&pipeline->budget, config->max_memory, budget_freed);
    ticker_init(&pipeline->ticker, service);
    service->writer = writer_start(output_serve);
    service->sched = sched_new(&sched);
    return service->writer && service->sched ? 0 : -ENOMEM;
}

void pipeline_drain(struct pipeline *pipeline)
{
    struct service *service = &pipeline->service;

    service->stopping = true;
    atomic_store(&service->ending, true);
    atomic_store(&service->draining, true);
    drained(&service->drained);
}

static void end_clients(struct service *service)
{
    struct client *client;

    service->stopping = true;
    schedule_give_up(service);
    while ((client = TAILQ_FIRST(&service->clients)))
        reader_end(client);
}

bool pipeline_stop(struct pipeline *pipeline)
{
    struct service *service = &pipeline->service;

    if (!service->loop)
        return true; /* not even begun */
    end_clients(service);
    if (service->sched && !sched_stop(service->sched, STOP_TIMEOUT_MS))
        return false;
    service->writer = writer_stop(service->writer); /* lets the last sessions go */
    loop_deliver(service->loop);
    service->sched = sched_free(service->sched);
    return true;
}
