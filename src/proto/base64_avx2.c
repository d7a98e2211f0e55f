/*
 * proto/base64_avx2.c - 24 bytes or 32 characters a step, arithmetic instead of tables.
 *
 * Encode: a shuffle puts each group's bytes into a 32-bit lane as b a c b (little-endian), where
 * two multiplications, one as a shift to the right and one to the left, bring the four indices each
 * into a byte. An index becomes its character by adding an offset that depends only on its range.
 *
 * Decode: a character is good if the bit sets that its two nibbles stand for do not meet. Its value
 * is itself plus an offset by the high nibble, '/' apart. Multiply-adds join 6 + 6 and 12 + 12
 * bits, and a shuffle drops the empty fourth bytes.
 */
#if defined(__x86_64__)

#include "proto/base64_codec.h"

#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))

static bool avx2_supported(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2");
}

/* The same 16 bytes in both halves. */
AVX2 static inline __m256i twice(__m128i half)
{
    return _mm256_broadcastsi128_si256(half);
}

/* 0..63 -> its character. Ranges: 0..25, 26..51, 52..61, 62, 63. */
AVX2 static inline __m256i to_characters(__m256i index)
{
    const __m256i offsets =
        twice(_mm_setr_epi8('a' - 26, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52,
                            '0' - 52, '0' - 52, '0' - 52, '0' - 52, '+' - 62, '/' - 63, 'A', 0, 0));
    /* 0 for up to 51, then 1..12; what is below 26 is told apart as 13. */
    __m256i range = _mm256_subs_epu8(index, _mm256_set1_epi8(51));
    __m256i upper = _mm256_cmpgt_epi8(_mm256_set1_epi8(26), index);

    range = _mm256_or_si256(range, _mm256_and_si256(upper, _mm256_set1_epi8(13)));
    return _mm256_add_epi8(index, _mm256_shuffle_epi8(offsets, range));
}

AVX2 static size_t avx2_encode_run(char *dst, const uint8_t *src, size_t len)
{
    const __m256i spread = twice(_mm_setr_epi8(1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10));
    size_t done;

    /* The second load ends 28 bytes on. */
    for (done = 0; len - done >= 28; done += 24) {
        __m128i low = _mm_loadu_si128((const __m128i *)(const void *)(src + done));
        __m128i high = _mm_loadu_si128((const __m128i *)(const void *)(src + done + 12));
        __m256i lanes = _mm256_shuffle_epi8(_mm256_set_m128i(high, low), spread);
        __m256i even = _mm256_mulhi_epu16(_mm256_and_si256(lanes, _mm256_set1_epi32(0x0fc0fc00)),
                                          _mm256_set1_epi32(0x04000040));
        __m256i odd = _mm256_mullo_epi16(_mm256_and_si256(lanes, _mm256_set1_epi32(0x003f03f0)),
                                         _mm256_set1_epi32(0x01000010));

        _mm256_storeu_si256((__m256i *)(void *)dst, to_characters(_mm256_or_si256(even, odd)));
        dst += 32;
    }
    return done;
}

/* Bits of the high nibbles that go with the alphabet's low nibbles; see to_values(). */
#define HIGH_NONE 0x10 /* 0, 1, 8 and above: never */
#define HIGH_2    0x01
#define HIGH_3    0x02
#define HIGH_46   0x04
#define HIGH_57   0x08

/* Values of 32 characters; false if one of them is not in the alphabet. */
AVX2 static inline bool to_values(__m256i chars, __m256i *ret_values)
{
    const __m256i high_sets = twice(_mm_setr_epi8(
        HIGH_NONE, HIGH_NONE, HIGH_2, HIGH_3, HIGH_46, HIGH_57, HIGH_46, HIGH_57, HIGH_NONE,
        HIGH_NONE, HIGH_NONE, HIGH_NONE, HIGH_NONE, HIGH_NONE, HIGH_NONE, HIGH_NONE));
    /* What a low nibble rules out: 0x2. has only b and f, 0x3. 0 to 9, 0x4. and 0x6. all but 0,
     * 0x5. and 0x7. 0 to a. */
    const __m256i low_sets = twice(
        _mm_setr_epi8(HIGH_NONE | HIGH_2 | HIGH_46, HIGH_NONE | HIGH_2, HIGH_NONE | HIGH_2,
                      HIGH_NONE | HIGH_2, HIGH_NONE | HIGH_2, HIGH_NONE | HIGH_2,
                      HIGH_NONE | HIGH_2, HIGH_NONE | HIGH_2, HIGH_NONE | HIGH_2,
                      HIGH_NONE | HIGH_2, HIGH_NONE | HIGH_2 | HIGH_3, HIGH_NONE | HIGH_3 | HIGH_57,
                      HIGH_NONE | HIGH_2 | HIGH_3 | HIGH_57, HIGH_NONE | HIGH_2 | HIGH_3 | HIGH_57,
                      HIGH_NONE | HIGH_2 | HIGH_3 | HIGH_57, HIGH_NONE | HIGH_3 | HIGH_57));
    /* By high nibble; '/' is taken as nibble 1, where no character of the alphabet is. */
    const __m256i offsets = twice(_mm_setr_epi8(0, 63 - '/', 62 - '+', 52 - '0', 0 - 'A', 0 - 'A',
                                                26 - 'a', 26 - 'a', 0, 0, 0, 0, 0, 0, 0, 0));
    const __m256i nibble = _mm256_set1_epi8(0x0f);
    __m256i high = _mm256_and_si256(_mm256_srli_epi32(chars, 4), nibble);
    __m256i low = _mm256_and_si256(chars, nibble);
    __m256i slash = _mm256_cmpeq_epi8(chars, _mm256_set1_epi8('/'));

    if (!_mm256_testz_si256(_mm256_shuffle_epi8(high_sets, high),
                            _mm256_shuffle_epi8(low_sets, low)))
        return false;
    *ret_values =
        _mm256_add_epi8(chars, _mm256_shuffle_epi8(offsets, _mm256_add_epi8(high, slash)));
    return true;
}

/* 32 values -> 24 bytes at the front. */
AVX2 static inline __m256i join(__m256i values)
{
    const __m256i drop =
        twice(_mm_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1));
    __m256i pairs = _mm256_maddubs_epi16(values, _mm256_set1_epi32(0x01400140));
    __m256i groups = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x00011000));

    return _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(groups, drop),
                                       _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 3, 7));
}

AVX2 static size_t avx2_decode_run(uint8_t *dst, const char *src, size_t len)
{
    size_t done;

    for (done = 0; len - done >= 32; done += 32) {
        __m256i values, bytes;

        if (!to_values(_mm256_loadu_si256((const __m256i *)(const void *)(src + done)), &values))
            break;
        bytes = join(values);
        _mm_storeu_si128((__m128i *)(void *)dst, _mm256_castsi256_si128(bytes));
        _mm_storel_epi64((__m128i *)(void *)(dst + 16), _mm256_extracti128_si256(bytes, 1));
        dst += 24;
    }
    return done;
}

const struct base64_codec base64_avx2 = {
    .name = "avx2",
    .supported = avx2_supported,
    .encode_run = avx2_encode_run,
    .decode_run = avx2_decode_run,
};

#endif
