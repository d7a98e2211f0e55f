/*
 * PQGA_TEST_CASE=PATTERN in the environment: a test runs only the cases whose name matches (* and ?).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

__attribute__((constructor)) static void filter_cases(void)
{
    const char *pattern = getenv("PQGA_TEST_CASE");

    if (pattern && *pattern)
        cmocka_set_test_filter(pattern);
}
