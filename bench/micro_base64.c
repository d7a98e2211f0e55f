/*
 * Base64, each codec: GB/s of decoded data, beside a memcpy of as much.
 */
#include "micro.h"
#include "proto/base64.h"

static const char *const codecs[] = { "scalar", "avx2", "avx512vbmi", "neon" };

struct job {
    uint8_t *bytes;
    char *text;
    size_t len, text_len;
};

static void encode(void *ctx, uint64_t rounds)
{
    struct job *job = ctx;

    while (rounds-- > 0)
        base64_encode(job->text, job->bytes, job->len);
}

static void decode(void *ctx, uint64_t rounds)
{
    struct job *job = ctx;

    while (rounds-- > 0) {
        size_t len;

        if (base64_decode(job->bytes, job->text, job->text_len, &len) < 0 || len != job->len)
            abort();
    }
}

static void copy(void *ctx, uint64_t rounds)
{
    struct job *job = ctx;

    while (rounds-- > 0) {
        memcpy(job->text, job->bytes, job->len);
        __asm__ volatile("" ::: "memory");
    }
}

/* The text again, in lines of 76 characters. */
static void break_lines(struct job *job)
{
    size_t text_len = base64_encoded_len(job->len), in = 0, out = 0;
    char *plain = malloc(text_len);

    if (!plain)
        abort();
    base64_encode(plain, job->bytes, job->len);
    for (; in < text_len; in += MIN_OF(text_len - in, 76u)) {
        size_t n = MIN_OF(text_len - in, 76u);

        memcpy(job->text + out, plain + in, n);
        out += n;
        job->text[out++] = '\n';
    }
    job->text_len = out;
    free(plain);
}

static void measure(const char *codec, const char *size_name, struct job *job)
{
    char name[64];

    snprintf(name, sizeof(name), "base64 encode %s, %s", codec, size_name);
    micro_report(name, encode, job, job->len, 1);
    job->text_len = base64_encoded_len(job->len);
    base64_encode(job->text, job->bytes, job->len);
    snprintf(name, sizeof(name), "base64 decode %s, %s", codec, size_name);
    micro_report(name, decode, job, job->len, 1);
    break_lines(job);
    snprintf(name, sizeof(name), "base64 decode %s, %s in lines", codec, size_name);
    micro_report(name, decode, job, job->len, 1);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        size_t len;
    } sizes[] = { { "4 KiB", 4 * KIB }, { "1 MiB", MIB } };
    size_t i, k;

    micro_options(argc, argv);
    for (k = 0; k < ARRAY_LEN(sizes); k++) {
        struct job job = { .bytes = malloc(sizes[k].len),
                           .text = malloc(sizes[k].len * 2),
                           .len = sizes[k].len };
        char name[64];

        if (!job.bytes || !job.text)
            abort();
        for (i = 0; i < job.len; i++)
            job.bytes[i] = (uint8_t)(i * 2654435761u >> 13);
        for (i = 0; i < ARRAY_LEN(codecs); i++) {
            if (base64_choose(codecs[i]) == 0)
                measure(codecs[i], sizes[k].name, &job);
        }
        snprintf(name, sizeof(name), "memcpy, %s", sizes[k].name);
        micro_report(name, copy, &job, job.len, 1);
        free(job.bytes);
        free(job.text);
    }
    return 0;
}
