/*
 * proto/scan.c - one kernel per block width; the last block of a text is done by the narrower ones.
 */
#include "proto/scan.h"

#include <errno.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

typedef size_t string_fn(const char *text, size_t len, char quote, bool *io_non_ascii);
typedef size_t plain_fn(const char *text, size_t len);

struct codec {
    const char *name;
    string_fn *string;
    plain_fn *plain;
};

#define ONES  (~(uint64_t)0 / 255)
#define HIGHS (ONES * 0x80)

static uint64_t load_u64(const char *text)
{
    uint64_t word;

    memcpy(&word, text, sizeof(word));
    return word;
}

/* Nonzero if a byte of `word` is zero. */
static uint64_t zero_bytes(uint64_t word)
{
    return (word - ONES) & ~word & HIGHS;
}

/* Nonzero if a byte of `word` is below `limit` (at most 0x80). */
static uint64_t bytes_below(uint64_t word, uint8_t limit)
{
    return (word - ONES * limit) & ~word & HIGHS;
}

static bool ends_string(unsigned char c, char quote)
{
    return c == (unsigned char)quote || c == '\\' || c < 0x20 || c >= 0xFE;
}

static size_t string_swar(const char *text, size_t len, char quote, bool *io_non_ascii)
{
    uint64_t quotes = ONES * (unsigned char)quote, high = 0;
    size_t i;

    for (i = 0; i + 8 <= len; i += 8) {
        uint64_t word = load_u64(text + i);

        if (zero_bytes(word ^ quotes) || zero_bytes(word ^ (ONES * '\\')) ||
            bytes_below(word, 0x20) || zero_bytes(~(word | ONES)))
            break;
        high |= word & HIGHS;
    }
    for (; i < len && !ends_string((unsigned char)text[i], quote); i++)
        high |= (unsigned char)text[i] & 0x80u;
    if (high)
        *io_non_ascii = true;
    return i;
}

static size_t plain_swar(const char *text, size_t len)
{
    size_t i;

    for (i = 0; i + 8 <= len; i += 8) {
        uint64_t word = load_u64(text + i);

        if ((word & HIGHS) || zero_bytes(word ^ (ONES * '"')) || zero_bytes(word ^ (ONES * '\\')) ||
            bytes_below(word, 0x20) || zero_bytes(word ^ (ONES * 0x7F)))
            break;
    }
    for (; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c < 0x20 || c > 0x7E || c == '"' || c == '\\')
            break;
    }
    return i;
}

#if defined(__x86_64__)

static unsigned string_mask_sse2(__m128i bytes, __m128i quotes)
{
    __m128i hit =
        _mm_or_si128(_mm_cmpeq_epi8(bytes, quotes), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));

    hit = _mm_or_si128(hit, _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1F)), bytes));
    hit = _mm_or_si128(hit, _mm_cmpeq_epi8(_mm_max_epu8(bytes, _mm_set1_epi8((char)0xFE)), bytes));
    return (unsigned)_mm_movemask_epi8(hit);
}

static size_t string_sse2(const char *text, size_t len, char quote, bool *io_non_ascii)
{
    __m128i quotes = _mm_set1_epi8(quote);
    unsigned high = 0;
    size_t i;

    for (i = 0; i + 16 <= len; i += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(text + i));
        unsigned hit = string_mask_sse2(bytes, quotes);
        unsigned signs = (unsigned)_mm_movemask_epi8(bytes);

        if (hit) {
            high |= signs & ((hit & -hit) - 1);
            if (high)
                *io_non_ascii = true;
            return i + (unsigned)__builtin_ctz(hit);
        }
        high |= signs;
    }
    if (high)
        *io_non_ascii = true;
    return i + string_swar(text + i, len - i, quote, io_non_ascii);
}

static size_t plain_sse2(const char *text, size_t len)
{
    size_t i;

    for (i = 0; i + 16 <= len; i += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(text + i));
        __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')),
                                   _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
        unsigned mask;

        /* signed: bytes from 0x80 on are negative, so below 0x20 too */
        hit = _mm_or_si128(hit, _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20)));
        hit = _mm_or_si128(hit, _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7F)));
        mask = (unsigned)_mm_movemask_epi8(hit);
        if (mask)
            return i + (unsigned)__builtin_ctz(mask);
    }
    return i + plain_swar(text + i, len - i);
}

#define AVX2 __attribute__((target("avx2")))

AVX2 static __m256i load_avx2(const char *text)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)text);
}

AVX2 static __m256i string_hits_avx2(__m256i bytes, __m256i quotes)
{
    __m256i hit = _mm256_or_si256(_mm256_cmpeq_epi8(bytes, quotes),
                                  _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\\')));
    __m256i low = _mm256_cmpeq_epi8(_mm256_min_epu8(bytes, _mm256_set1_epi8(0x1F)), bytes);
    __m256i top = _mm256_cmpeq_epi8(_mm256_max_epu8(bytes, _mm256_set1_epi8((char)0xFE)), bytes);

    return _mm256_or_si256(hit, _mm256_or_si256(low, top));
}

/* The block's bytes in front of the end: *io_non_ascii. True: it ends at *ret_at. */
AVX2 static inline bool ends_in_avx2(const char *text, __m256i quotes, bool *io_non_ascii,
                                     unsigned *ret_at)
{
    __m256i bytes = load_avx2(text);
    unsigned hit = (unsigned)_mm256_movemask_epi8(string_hits_avx2(bytes, quotes));
    unsigned signs = (unsigned)_mm256_movemask_epi8(bytes);

    if (hit) {
        signs &= (hit & -hit) - 1;
        *ret_at = (unsigned)__builtin_ctz(hit);
    }
    if (signs)
        *io_non_ascii = true;
    return hit != 0;
}

AVX2 static size_t string_avx2(const char *text, size_t len, char quote, bool *io_non_ascii)
{
    __m256i quotes = _mm256_set1_epi8(quote);
    __m256i high = _mm256_setzero_si256();
    unsigned at = 0;
    size_t i;

    if (len >= 32 && ends_in_avx2(text, quotes, io_non_ascii, &at)) /* most strings are short */
        return at;
    for (i = 0; i + 128 <= len; i += 128) {
        __m256i a = load_avx2(text + i), b = load_avx2(text + i + 32);
        __m256i c = load_avx2(text + i + 64), d = load_avx2(text + i + 96);
        __m256i ab = _mm256_or_si256(string_hits_avx2(a, quotes), string_hits_avx2(b, quotes));
        __m256i cd = _mm256_or_si256(string_hits_avx2(c, quotes), string_hits_avx2(d, quotes));

        if (_mm256_movemask_epi8(_mm256_or_si256(ab, cd)))
            break;
        high = _mm256_or_si256(high, _mm256_or_si256(_mm256_or_si256(a, b), _mm256_or_si256(c, d)));
    }
    if (_mm256_movemask_epi8(high))
        *io_non_ascii = true;
    for (; i + 32 <= len; i += 32) {
        if (ends_in_avx2(text + i, quotes, io_non_ascii, &at))
            return i + at;
    }
    return i + string_sse2(text + i, len - i, quote, io_non_ascii);
}

AVX2 static size_t plain_avx2(const char *text, size_t len)
{
    __m256i space = _mm256_set1_epi8(0x20);
    size_t i;

    for (i = 0; i + 32 <= len; i += 32) {
        __m256i bytes = load_avx2(text + i);
        __m256i hit = _mm256_or_si256(_mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('"')),
                                      _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\\')));
        unsigned mask;

        hit = _mm256_or_si256(hit, _mm256_cmpgt_epi8(space, bytes));
        hit = _mm256_or_si256(hit, _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(0x7F)));
        mask = (unsigned)_mm256_movemask_epi8(hit);
        if (mask)
            return i + (unsigned)__builtin_ctz(mask);
    }
    return i + plain_sse2(text + i, len - i);
}

#endif

/* Best last. */
static const struct codec codecs[] = {
    { "swar", string_swar, plain_swar },
#if defined(__x86_64__)
    { "sse2", string_sse2, plain_sse2 },
    { "avx2", string_avx2, plain_avx2 },
#endif
};

static const struct codec *chosen = &codecs[0];

static bool can_run(const struct codec *codec)
{
#if defined(__x86_64__)
    if (strcmp(codec->name, "avx2") == 0)
        return __builtin_cpu_supports("avx2");
#endif
    return true;
}

__attribute__((constructor)) static void choose_best(void)
{
    size_t i;

    for (i = 0; i < ARRAY_LEN(codecs); i++) {
        if (can_run(&codecs[i]))
            chosen = &codecs[i];
    }
}

size_t scan_string(const char *text, size_t len, char quote, bool *io_non_ascii)
{
    return chosen->string(text, len, quote, io_non_ascii);
}

size_t scan_plain(const char *text, size_t len)
{
    return chosen->plain(text, len);
}

const char *scan_codec(void)
{
    return chosen->name;
}

int scan_choose(const char *name)
{
    size_t i;

    for (i = 0; i < ARRAY_LEN(codecs); i++) {
        if (strcmp(codecs[i].name, name) == 0 && can_run(&codecs[i])) {
            chosen = &codecs[i];
            return 0;
        }
    }
    return -ENOTSUP;
}
