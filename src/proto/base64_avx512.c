/*
 * proto/base64_avx512.c - 48 bytes or 64 characters a vector: VBMI looks bytes up in tables of 64
 * and 128, so a step is a shuffle, a shift and a look-up.
 *
 * The decoder takes four vectors a step: one test for all of them, and three of the four stores may
 * be whole ones, whose surplus the next store overwrites.
 */
#if defined(__x86_64__)

#include "proto/base64_codec.h"

#include <immintrin.h>

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi")))

static bool avx512_supported(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi");
}

/* Byte i of the result is byte order[i] of the source: b a c b of each group. */
static const uint8_t spread_order[64] __attribute__((aligned(64))) = {
#define SPREAD(i)  (i) + 1, (i), (i) + 2, (i) + 1
#define SPREAD4(i) SPREAD(i), SPREAD((i) + 3), SPREAD((i) + 6), SPREAD((i) + 9)
    SPREAD4(0), SPREAD4(12), SPREAD4(24), SPREAD4(36)
};

/* Where the three bytes of each group stand in a 32-bit lane, most significant first. */
static const uint8_t join_order[64] __attribute__((aligned(64))) = {
#define JOIN(i)  (i) + 2, (i) + 1, (i)
#define JOIN4(i) JOIN(i), JOIN((i) + 4), JOIN((i) + 8), JOIN((i) + 12)
    JOIN4(0), JOIN4(16), JOIN4(32), JOIN4(48)
};

AVX512 static size_t avx512_encode_run(char *dst, const uint8_t *src, size_t len)
{
    const __m512i alphabet = _mm512_loadu_si512(base64_alphabet);
    const __m512i order = _mm512_load_si512(spread_order);
    /* Bit where each byte's six bits begin, in a 64-bit lane of two groups. */
    const __m512i shifts = _mm512_set1_epi64(0x3036242a1016040a);
    size_t done;

    for (done = 0; len - done >= 64; done += 48) {
        __m512i bytes = _mm512_loadu_si512(src + done);
        __m512i index = _mm512_multishift_epi64_epi8(shifts, _mm512_permutexvar_epi8(order, bytes));

        _mm512_storeu_si512(dst, _mm512_permutexvar_epi8(index, alphabet));
        dst += 64;
    }
    return done;
}

struct tables {
    __m512i low, high; /* values of characters 0..63 and 64..127; bit 7: not in the alphabet */
    __m512i order;
};

/* Values of 64 characters; `bad` collects bit 7 of what is none of the alphabet. */
AVX512 static inline __m512i to_values(__m512i chars, const struct tables *tables, __m512i *bad)
{
    __m512i values = _mm512_permutex2var_epi8(tables->low, chars, tables->high);

    *bad = _mm512_ternarylogic_epi32(*bad, chars, values, 0xfe); /* a | b | c */
    return values;
}

/* 64 values -> 48 bytes at the front. */
AVX512 static inline __m512i join(__m512i values, const struct tables *tables)
{
    __m512i pairs = _mm512_maddubs_epi16(values, _mm512_set1_epi32(0x01400140));
    __m512i groups = _mm512_madd_epi16(pairs, _mm512_set1_epi32(0x00011000));

    return _mm512_permutexvar_epi8(tables->order, groups);
}

AVX512 static inline void store_48(uint8_t *dst, __m512i bytes)
{
    _mm256_storeu_si256((__m256i *)(void *)dst, _mm512_castsi512_si256(bytes));
    _mm_storeu_si128((__m128i *)(void *)(dst + 32), _mm512_extracti32x4_epi32(bytes, 2));
}

/* 256 characters, or nothing at all: false. */
AVX512 static inline bool decode_four(uint8_t *dst, const char *src, const struct tables *tables)
{
    __m512i bad = _mm512_setzero_si512();
    __m512i a = to_values(_mm512_loadu_si512(src), tables, &bad);
    __m512i b = to_values(_mm512_loadu_si512(src + 64), tables, &bad);
    __m512i c = to_values(_mm512_loadu_si512(src + 128), tables, &bad);
    __m512i d = to_values(_mm512_loadu_si512(src + 192), tables, &bad);

    if (_mm512_movepi8_mask(bad) != 0)
        return false;
    _mm512_storeu_si512(dst, join(a, tables));
    _mm512_storeu_si512(dst + 48, join(b, tables));
    _mm512_storeu_si512(dst + 96, join(c, tables));
    store_48(dst + 144, join(d, tables));
    return true;
}

/* What is good at the beginning of at most 64 characters: the number of characters, all of it by
 * masks, so that neither the end of the text nor a line break costs a loop. */
AVX512 static inline size_t decode_front(uint8_t *dst, const char *src, size_t len,
                                         const struct tables *tables)
{
    __mmask64 there = len < 64 ? ((__mmask64)1 << len) - 1 : ~(__mmask64)0;
    __m512i bad = _mm512_setzero_si512();
    /* What is not there is loaded as NUL, which is none of the alphabet. */
    __m512i values = to_values(_mm512_maskz_loadu_epi8(there, src), tables, &bad);
    uint64_t bad_mask = _mm512_movepi8_mask(bad);
    size_t good = bad_mask ? (size_t)__builtin_ctzll(bad_mask) & ~(size_t)3 : 64;

    if (good == 64)
        store_48(dst, join(values, tables));
    else if (good > 0)
        _mm512_mask_storeu_epi8(dst, ((__mmask64)1 << good / 4 * 3) - 1, join(values, tables));
    return good;
}

AVX512 static size_t avx512_decode_run(uint8_t *dst, const char *src, size_t len)
{
    const struct tables tables = { .low = _mm512_loadu_si512(base64_values),
                                   .high = _mm512_loadu_si512(base64_values + 64),
                                   .order = _mm512_load_si512(join_order) };
    size_t done = 0, good, whole = 0;

    for (;;) {
        good = decode_front(dst, src + done, MIN_OF(len - done, 64u), &tables);
        done += good;
        dst += good / 4 * 3;
        if (good < 64)
            return done;
        /* Text in lines never gets here twice in a row, and is not tried in vain. */
        if (++whole < 2)
            continue;
        for (; len - done >= 256 && decode_four(dst, src + done, &tables); done += 256)
            dst += 192;
    }
}

const struct base64_codec base64_avx512vbmi = {
    .name = "avx512vbmi",
    .supported = avx512_supported,
    .encode_run = avx512_encode_run,
    .decode_run = avx512_decode_run,
};

#endif
