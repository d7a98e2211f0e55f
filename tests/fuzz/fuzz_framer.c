/*
 * Framer, request, binding and reply text: what is answered does not depend on where the input is
 * cut, the memory held is bounded, and whatever came before, the second request on a new line is
 * answered.
 */
#include "fuzz.h"

#include "unit/proto/serve.h"

/* Each input makes eight framers of 64 KiB. AddressSanitizer kept 256 MiB of freed ones, so that each was
 * fresh memory, filled and faulted in: half of the time by perf, 250 inputs/s instead of 530. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "quarantine_size_mb=8";
}

/* Small, so that the limit is reached; the first byte of the input chooses. */
static const size_t limits[] = { FRAMER_MAX_BYTES, 4096, 64, 20 };

static uint32_t next_random(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

/* `seed` 0: whole. */
static struct buf serve_all(const uint8_t *data, size_t size, size_t limit, uint32_t seed)
{
    struct framer *framer = framer_new(limit);
    struct buf replies = { 0 };

    while (size > 0) {
        size_t part = seed ? next_random(&seed) % 9 + 1 : size;

        part = MIN_OF(part, size);
        serve_feed(framer, (const char *)data, part, &replies);
        CHECK(framer_held(framer) <= 64 * KIB + 16 * (limit < size ? limit : size + 4096) * 2);
        data += part;
        size -= part;
    }
    framer_free(framer);
    return replies;
}

/* Whatever came before: of two requests on lines of their own the second is answered. `limit` lets
 * it pass. */
static void check_not_swallowed(const uint8_t *data, size_t size, size_t limit)
{
    static const char request[] = "\n{\"execute\":\"guest-ping\",\"id\":\"m4rk\"}";
    static const char reply[] = "{\"return\": {}, \"id\": \"m4rk\"}\n";
    size_t len = sizeof(reply) - 1;
    struct buf input = { 0 }, replies;

    buf_append(&input, data, size);
    buf_puts(&input, request);
    buf_puts(&input, request);
    replies = serve_all((const uint8_t *)input.data, input.len, limit, 0);
    CHECK(replies.len >= len);
    CHECK(memcmp(replies.data + replies.len - len, reply, len) == 0);
    buf_done(&replies);
    buf_done(&input);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t seed = 2463534242u;
    size_t limit, i;
    struct buf whole;

    if (size == 0)
        return 0;
    limit = limits[data[0] % ARRAY_LEN(limits)];
    whole = serve_all(data + 1, size - 1, limit, 0);
    for (i = 0; i < 3; i++) {
        struct buf cut = serve_all(data + 1, size - 1, limit, next_random(&seed) | 1);

        CHECK(cut.len == whole.len);
        CHECK(whole.len == 0 || memcmp(cut.data, whole.data, whole.len) == 0);
        buf_done(&cut);
    }
    for (i = 0; i < whole.len; i++) { /* one line each, ASCII, 0xFF in front at most */
        unsigned char c = (unsigned char)whole.data[i];

        CHECK(c == '\n' || (c >= 0x20 && c <= 0x7E) ||
              (c == 0xFF && (i == 0 || whole.data[i - 1] == '\n')));
    }
    buf_done(&whole);
    if (limit >= 64)
        check_not_swallowed(data + 1, size - 1, limit);
    return 0;
}
