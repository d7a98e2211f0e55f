/*
 * Framer and parser: a request in a stream of its like, as the I/O thread reads them.
 */
#include "base/block.h"
#include "micro.h"
#include "proto/framer.h"
#include "proto/request.h"

#define BURST 64u

struct job {
    struct framer *framer;
    char *text;
    size_t len;
    unsigned requests;
};

static void drain(struct job *job, unsigned *requests)
{
    struct cmd_error error = { .text = NULL };
    struct json_doc *doc;

    while (framer_next(job->framer, &doc, &error) == FRAME_MESSAGE) {
        struct request request;

        if (request_parse(doc, &request, &error) < 0)
            abort();
        json_doc_free(doc);
        (*requests)++;
    }
    if (error.text)
        abort();
}

static void frame(void *ctx, uint64_t rounds)
{
    struct job *job = ctx;

    while (rounds-- > 0) {
        size_t done = 0, n;
        unsigned requests = 0;

        while (done < job->len) {
            char *space = framer_space(job->framer, &n);

            if (!space)
                abort();
            n = MIN_OF(n, job->len - done);
            memcpy(space, job->text + done, n);
            framer_fed(job->framer, n);
            done += n;
            drain(job, &requests);
        }
        if (requests != job->requests)
            abort();
    }
}

/* The same request `requests` times. */
static struct job make_job(const char *head, size_t payload, const char *tail, unsigned requests)
{
    size_t one = strlen(head) + payload + strlen(tail);
    struct job job = { .framer = framer_new(FRAMER_MAX_BYTES),
                       .text = malloc(one * requests),
                       .len = one * requests,
                       .requests = requests };
    unsigned i;

    if (!job.framer || !job.text)
        abort();
    for (i = 0; i < requests; i++) {
        char *at = job.text + i * one;

        memcpy(at, head, strlen(head));
        memset(at + strlen(head), 'Q', payload);
        memcpy(at + strlen(head) + payload, tail, strlen(tail));
    }
    return job;
}

static void done_job(struct job *job)
{
    framer_free(job->framer);
    free(job->text);
}

static void measure_requests(const char *name, const char *text)
{
    struct job job = make_job(text, 0, "", BURST);

    micro_report(name, frame, &job, 0, BURST);
    done_job(&job);
}

static void measure_payload(const char *name, size_t payload)
{
    struct job job =
        make_job("{\"execute\":\"guest-file-write\",\"arguments\":{\"handle\":1000,\"buf-b64\":\"",
                 payload, "\"},\"id\":1000000001}\n", 1);

    micro_report(name, frame, &job, job.len, 1);
    done_job(&job);
}

int main(int argc, char **argv)
{
    micro_options(argc, argv);
    block_init();
    block_keep(); /* as the agent does while large requests come in */
    measure_requests("frame guest-ping", "{\"execute\":\"guest-ping\",\"id\":1000000001}\n");
    measure_requests("frame guest-file-read",
                     "{\"execute\":\"guest-file-read\",\"arguments\":{\"handle\":1000,"
                     "\"count\":4096},\"id\":1000000001}\n");
    measure_payload("frame guest-file-write, text of 4 KiB", 4 * KIB);
    measure_payload("frame guest-file-write, text of 1 MiB", MIB);
    measure_payload("frame guest-file-write, text of 60 MiB", 60 * MIB);
    return 0;
}
