/*
 * Reply window: a ticket taken, completed and let out; completed in order and last one first.
 */
#include "micro.h"
#include "pool/window.h"

#define TICKETS 256u

struct job {
    struct window *window;
    struct ticket tickets[TICKETS];
    bool backwards;
};

static void pass(void *ctx, uint64_t rounds)
{
    struct job *job = ctx;

    while (rounds-- > 0) {
        struct ticket *out;
        unsigned i;

        for (i = 0; i < TICKETS; i++) {
            if (!window_admit(job->window, &job->tickets[i]))
                abort();
        }
        for (i = 0; i < TICKETS; i++) {
            if (!ticket_complete(&job->tickets[job->backwards ? TICKETS - 1 - i : i]))
                abort();
        }
        for (i = 0; i < TICKETS; i++) {
            if (window_next(job->window, &out) != WINDOW_READY || out != &job->tickets[i])
                abort();
        }
    }
}

static void single(void *ctx, uint64_t rounds)
{
    struct job *job = ctx;

    while (rounds-- > 0) {
        struct ticket *out;

        if (!window_admit(job->window, &job->tickets[0]) || !ticket_complete(&job->tickets[0]) ||
            window_next(job->window, &out) != WINDOW_READY)
            abort();
    }
}

int main(int argc, char **argv)
{
    static struct job job;

    micro_options(argc, argv);
    job.window = window_new(TICKETS);
    if (!job.window)
        abort();
    micro_report("window, one ticket", single, &job, 0, 1);
    micro_report("window, 256 tickets in order", pass, &job, 0, TICKETS);
    job.backwards = true;
    micro_report("window, 256 tickets last one first", pass, &job, 0, TICKETS);
    window_free(job.window);
    return 0;
}
