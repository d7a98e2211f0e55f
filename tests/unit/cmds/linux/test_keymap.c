#include "cmds/linux/keymap.h"

#include "unit/tempdir.h"

static void keys_are_found_after_growing_and_others_are_not(void **state)
{
    struct keymap map = { 0 };
    static char keys[5000][8];

    assert_int_equal(keymap_get(&map, "a", 1), KEYMAP_NONE);
    for (uint32_t i = 0; i < ARRAY_LEN(keys); i++) {
        snprintf(keys[i], sizeof(keys[i]), "k%u", i);
        assert_int_equal(keymap_add(&map, keys[i], strlen(keys[i]), i), 0);
    }
    for (uint32_t i = 0; i < ARRAY_LEN(keys); i++)
        assert_int_equal(keymap_get(&map, keys[i], strlen(keys[i])), i);
    assert_int_equal(keymap_get(&map, "k5000", 5), KEYMAP_NONE);
    assert_int_equal(keymap_get(&map, "k1", 1), KEYMAP_NONE);
    assert_int_equal(map.count, ARRAY_LEN(keys));
    keymap_done(&map);
}

static void keys_are_bytes_and_may_be_empty(void **state)
{
    struct keymap map = { 0 };
    uint32_t number = 7;

    assert_int_equal(keymap_add(&map, &number, sizeof(number), 1), 0);
    assert_int_equal(keymap_add(&map, "", 0, 2), 0);
    assert_int_equal(keymap_get(&map, &(uint32_t){ 7 }, sizeof(number)), 1);
    assert_int_equal(keymap_get(&map, "x", 0), 2);
    keymap_done(&map);
}

static void a_look_up_costs_a_few_slots_however_many_keys_there_are(void **state)
{
    struct keymap map = { 0 };
    static uint32_t keys[16000];

    for (uint32_t i = 0; i < ARRAY_LEN(keys); i++) {
        keys[i] = i + 1;
        assert_int_equal(keymap_add(&map, &keys[i], sizeof(keys[i]), i), 0);
    }
    map.probes = 0;
    for (uint32_t i = 0; i < ARRAY_LEN(keys); i++)
        keymap_get(&map, &keys[i], sizeof(keys[i]));
    assert_true(map.probes < ARRAY_LEN(keys) * 4);
    keymap_done(&map);
}

static uint32_t fnv1a(const char *key, size_t len)
{
    uint32_t hash = 2166136261U;

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)key[i]) * 16777619U;
    return hash ^ (hash >> 15);
}

/* Keys that met in one slot of the map when its hash had no seed. */
static void chosen_keys_cost_no_more_than_others(void **state)
{
    struct keymap map = { 0 };
    static char keys[3000][12];
    size_t count = 0;

    for (uint32_t i = 0; count < ARRAY_LEN(keys); i++) {
        snprintf(keys[count], sizeof(keys[count]), "%u", i);
        count += (fnv1a(keys[count], strlen(keys[count])) & 8191) == 0;
    }
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(keymap_add(&map, keys[i], strlen(keys[i]), i), 0);
    map.probes = 0;
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(keymap_get(&map, keys[i], strlen(keys[i])), i);
    assert_true(map.probes < count * 4);
    keymap_done(&map);
}

static void two_maps_have_two_seeds(void **state)
{
    struct keymap one = { 0 }, other = { 0 };

    assert_int_equal(keymap_add(&one, "a", 1, 1), 0);
    assert_int_equal(keymap_add(&other, "a", 1, 1), 0);
    assert_true(memcmp(one.seed, other.seed, sizeof(one.seed)) != 0);
    keymap_done(&one);
    keymap_done(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_found_after_growing_and_others_are_not),
        cmocka_unit_test(keys_are_bytes_and_may_be_empty),
        cmocka_unit_test(a_look_up_costs_a_few_slots_however_many_keys_there_are),
        cmocka_unit_test(chosen_keys_cost_no_more_than_others),
        cmocka_unit_test(two_maps_have_two_seeds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
