/*
 * The pipeline as a whole: the service with its threads and its memory, started and stopped in
 * order. Whoever starts it gives the loop, and makes the ways in (struct origin).
 *
 * Threads    the I/O thread, which turns the loop.
 */
#pragma once

#include "session/service.h"
#include "session/ticker.h"

struct pipeline_config {
    unsigned max_workers;
    size_t max_memory; /* bytes of requests and replies, all ways in */
};

struct pipeline {
    struct service service;
    struct budget budget;
    struct ticker ticker;
};

/* Starts the writer and the scheduler. 0 or -ENOMEM; the pipeline stays where it is. */
int pipeline_start(struct pipeline *pipeline, struct loop *loop,
                   const struct pipeline_config *config);

/* No more requests are taken; the loop ends as soon as all replies are sent. */
void pipeline_drain(struct pipeline *pipeline);

/* After the loop's end, or behind a start that failed: ends all clients and the threads. False: some worker is blocked for good, and
 * what it may use must stay. */
bool pipeline_stop(struct pipeline *pipeline);
