#include "base/block.h"

#include "base/buf.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static char *new_block(size_t want, size_t *ret_cap)
{
    char *data;

    *ret_cap = 0;
    data = block_grow(NULL, 0, ret_cap, want, want);
    assert_non_null(data);
    assert_true(*ret_cap >= want);
    memset(data, 'x', *ret_cap);
    return data;
}

/* Keeping begins and ends with the case. */
static int keep(void **state)
{
    block_keep();
    return 0;
}

static int trim(void **state)
{
    block_trim();
    return 0;
}

static void block_grows_and_keeps_its_bytes(void **state)
{
    size_t cap = 0;
    char *data = NULL;

    for (size_t want = 1; want <= 32 * MIB; want *= 4) {
        size_t len = cap;

        data = block_grow(data, len, &cap, want, want);
        assert_non_null(data);
        assert_int_equal(cap, want);
        for (size_t i = 0; i < len; i += 1 + len / 100)
            assert_int_equal(data[i], (char)i);
        for (size_t i = 0; i < cap; i++)
            data[i] = (char)i;
    }
    block_free(data, cap);
}

static void freed_block_is_used_again(void **state)
{
    size_t cap, again_cap;
    char *data = new_block(5 * MIB, &cap), *again;

    block_free(data, cap);
    again = new_block(5 * MIB, &again_cap);
    assert_ptr_equal(again, data);
    assert_int_equal(again_cap, cap);
    block_free(again, again_cap);
}

static void nothing_is_kept_behind_a_trim(void **state)
{
    size_t caps[2], cap = 0;
    char *kept = new_block(MIB, &caps[0]), *late = new_block(2 * MIB, &caps[1]), *data;

    block_free(kept, caps[0]);
    block_trim();
    block_free(late, caps[1]);
    data = block_grow(NULL, 0, &cap, BLOCK_MIN, BLOCKS_KEPT_MAX);
    assert_int_equal(cap, BLOCK_MIN);
    block_free(data, cap);
}

static void smallest_block_that_fits_is_taken(void **state)
{
    size_t caps[3], cap = 0;
    char *blocks[3] = { new_block(4 * MIB, &caps[0]), new_block(2 * MIB, &caps[1]),
                        new_block(3 * MIB, &caps[2]) };
    char *data;

    for (int i = 0; i < 3; i++)
        block_free(blocks[i], caps[i]);
    data = block_grow(NULL, 0, &cap, 2 * MIB + 1, 8 * MIB);
    assert_ptr_equal(data, blocks[2]);
    block_free(data, cap);
}

static void block_that_is_too_large_is_left_alone(void **state)
{
    size_t cap, small_cap = 0;
    char *data = new_block(8 * MIB, &cap), *small;

    block_free(data, cap);
    small = block_grow(NULL, 0, &small_cap, MIB, 8 * MIB - 1);
    assert_ptr_not_equal(small, data);
    assert_int_equal(small_cap, MIB);
    block_free(small, small_cap);
}

static void growing_into_a_kept_block_brings_the_bytes_along(void **state)
{
    size_t cap, kept_cap;
    char *data, *kept = new_block(2 * MIB, &kept_cap);

    block_free(kept, kept_cap);
    data = new_block(MIB, &cap);
    memset(data, 'y', MIB);
    data = block_grow(data, MIB, &cap, MIB + 1, 4 * MIB);
    assert_ptr_equal(data, kept);
    assert_int_equal(cap, 2 * MIB);
    for (size_t i = 0; i < MIB; i++)
        assert_int_equal(data[i], 'y');
    assert_int_equal(data[MIB], 'x');
    block_free(data, cap);
}

static void oldest_blocks_go_when_there_are_too_many_bytes(void **state)
{
    size_t caps[3], cap = 0;
    char *blocks[3];
    char *data;

    for (int i = 0; i < 3; i++)
        blocks[i] = new_block(BLOCKS_KEPT_MAX / 2 - (size_t)i * MIB, &caps[i]);
    for (int i = 0; i < 3; i++)
        block_free(blocks[i], caps[i]);
    for (int i = 2; i > 0; i--) {
        data = block_grow(NULL, 0, &cap, MIB, BLOCKS_KEPT_MAX);
        assert_ptr_equal(data, blocks[i]);
        blocks[i] = data;
    }
    data = block_grow(NULL, 0, &cap, MIB, BLOCKS_KEPT_MAX);
    assert_int_equal(cap, MIB); /* none was left */
    block_free(data, cap);
    for (int i = 1; i < 3; i++)
        block_free(blocks[i], caps[i]);
}

static void many_blocks_are_no_matter(void **state)
{
    size_t caps[100];
    char *blocks[100];

    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 100; i++)
            blocks[i] = new_block(BLOCK_MIN + (size_t)i, &caps[i]);
        for (int i = 0; i < 100; i++)
            block_free(blocks[i], caps[i]);
    }
}

static void buffer_gives_its_block_to_the_next(void **state)
{
    CLEANUP(buf_done) struct buf next = { 0 };
    struct buf buf = { 0 };
    char *data = buf_reserve(&buf, MIB);

    assert_non_null(data);
    buf_done(&buf);
    assert_ptr_equal(buf_reserve(&next, MIB), data);
}

static void *use_blocks(void *arg)
{
    for (unsigned i = 0; i < 300; i++) {
        size_t cap = 0, want = BLOCK_MIN << i % 4;
        char *data = block_grow(NULL, 0, &cap, want, want * 2);

        data[0] = data[cap - 1] = (char)i;
        data = block_grow(data, 1, &cap, want * 2, want * 4);
        assert_int_equal(data[0], (char)i);
        block_free(data, cap);
        if (i % 50 == 0)
            block_trim();
        if (i % 50 == 10)
            block_keep();
    }
    return NULL;
}

static void no_more_is_kept_than_the_limit_says(void **state)
{
    size_t caps[3], cap = 0;
    char *blocks[3] = { new_block(4 * MIB, &caps[0]), new_block(2 * MIB, &caps[1]),
                        new_block(3 * MIB, &caps[2]) };
    char *data;

    block_free(blocks[0], caps[0]);
    block_free(blocks[1], caps[1]);
    block_limit(5 * MIB);
    block_free(blocks[2], caps[2]); /* beside 2 MiB */
    block_limit(2 * MIB);
    data = block_grow(NULL, 0, &cap, MIB, BLOCKS_KEPT_MAX);
    assert_int_equal(cap, MIB);
    block_limit(0);
    block_free(data, cap);
    cap = 0;
    data = block_grow(NULL, 0, &cap, BLOCK_MIN, BLOCKS_KEPT_MAX);
    assert_int_equal(cap, BLOCK_MIN);
    block_free(data, cap);
    block_limit(SIZE_MAX);
}

static void threads_share_the_blocks(void **state)
{
    pthread_t threads[4];

    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_blocks, NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, keep, trim)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(block_grows_and_keeps_its_bytes),
        CASE(freed_block_is_used_again),
        CASE(nothing_is_kept_behind_a_trim),
        CASE(smallest_block_that_fits_is_taken),
        CASE(block_that_is_too_large_is_left_alone),
        CASE(growing_into_a_kept_block_brings_the_bytes_along),
        CASE(oldest_blocks_go_when_there_are_too_many_bytes),
        CASE(many_blocks_are_no_matter),
        CASE(buffer_gives_its_block_to_the_next),
        CASE(no_more_is_kept_than_the_limit_says),
        CASE(threads_share_the_blocks),
    };

    block_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
