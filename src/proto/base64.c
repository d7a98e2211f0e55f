/*
 * proto/base64.c - chooses the codec, and does by hand what is not bulk.
 *
 * A decode alternates: the codec takes the run of pure groups, the scalar codec what is too short
 * for it, and then one step by hand gets past whatever stopped them: a newline, padding, or a group
 * with a newline inside. So a line break every 76 characters costs one step a line.
 *
 *   field    written by                        read by      order
 *   chosen   constructor, base64_choose()      any thread   plain: set before threads run
 */
#include "proto/base64.h"
#include "proto/base64_codec.h"

#include <errno.h>

static const struct base64_codec *const codecs[] = {
/* best first */
#if defined(__x86_64__)
    &base64_avx512vbmi,
    &base64_avx2,
#elif defined(__aarch64__)
    &base64_neon,
#endif
    &base64_scalar,
};

static const struct base64_codec *chosen = &base64_scalar;

__attribute__((constructor)) static void choose_best(void)
{
    size_t i;

    for (i = 0; i < ARRAY_LEN(codecs); i++) {
        if (codecs[i]->supported()) {
            chosen = codecs[i];
            return;
        }
    }
}

const char *base64_codec_name(void)
{
    return chosen->name;
}

int base64_choose(const char *name)
{
    size_t i;

    for (i = 0; i < ARRAY_LEN(codecs); i++) {
        if (strcmp(codecs[i]->name, name) == 0 && codecs[i]->supported()) {
            chosen = codecs[i];
            return 0;
        }
    }
    return -ENOTSUP;
}

/* The last one or two bytes, padded. */
static void encode_tail(char *dst, const uint8_t *src, size_t len)
{
    uint32_t bits = (uint32_t)src[0] << 16;

    if (len > 1)
        bits |= (uint32_t)src[1] << 8;
    dst[0] = base64_alphabet[bits >> 18];
    dst[1] = base64_alphabet[bits >> 12 & 63];
    dst[2] = len > 1 ? base64_alphabet[bits >> 6 & 63] : '=';
    dst[3] = '=';
}

void base64_encode(char *dst, const void *src, size_t len)
{
    const uint8_t *in = src;
    size_t done = chosen->encode_run(dst, in, len);

    done += base64_scalar.encode_run(dst + done / 3 * 4, in + done, len - done);
    if (done < len)
        encode_tail(dst + done / 3 * 4, in + done, len - done);
}

/* Where a decode stands. */
struct decode {
    const char *in, *end;
    uint8_t *out;
};

/* A group as the reference takes it: newlines skipped, '=' counts as 0 and its byte is left out by
 * the look of the third and the fourth character. 0, -EINVAL, or -ENODATA: incomplete, no byte. */
static int decode_group(struct decode *pos)
{
    uint32_t bits = 0;
    char group[4];
    int have = 0;

    while (have < 4) {
        uint32_t value;
        char c;

        if (pos->in == pos->end)
            return -ENODATA;
        c = *pos->in++;
        if (c == '\n')
            continue;
        value = c == '=' ? 0 : base64_values[(uint8_t)c];
        if (value == BASE64_OTHER)
            return -EINVAL;
        bits = bits << 6 | value;
        group[have++] = c;
    }
    *pos->out++ = (uint8_t)(bits >> 16);
    if (group[2] != '=')
        *pos->out++ = (uint8_t)(bits >> 8);
    if (group[3] != '=')
        *pos->out++ = (uint8_t)bits;
    return 0;
}

static void decode_run(struct decode *pos, const struct base64_codec *codec)
{
    size_t taken = codec->decode_run(pos->out, pos->in, (size_t)(pos->end - pos->in));

    pos->in += taken;
    pos->out += taken / 4 * 3;
}

/* Between groups: a line ends here. */
static bool skip_newline(struct decode *pos)
{
    if (pos->in == pos->end || *pos->in != '\n')
        return false;
    pos->in++;
    return true;
}

int base64_decode(void *dst, const char *src, size_t len, size_t *ret_len)
{
    struct decode pos = { .in = src, .end = src + len, .out = dst };

    while (pos.in < pos.end) {
        decode_run(&pos, chosen);
        if (skip_newline(&pos))
            continue;
        decode_run(&pos, &base64_scalar);
        if (skip_newline(&pos))
            continue;
        if (decode_group(&pos) == -EINVAL)
            return -EINVAL;
    }
    *ret_len = (size_t)(pos.out - (uint8_t *)dst);
    return 0;
}
