/*
 * Test help: directories and links below the temporary root.
 */
#pragma once

#include "unit/tempdir.h"

#include <sys/stat.h>

/* As mkdir -p. */
static inline void make_dirs(void **state, const char *name)
{
    char path[512];

    for (size_t i = 0; i <= strlen(name); i++) {
        if (name[i] != '/' && name[i] != '\0')
            continue;
        snprintf(path, sizeof(path), "%.*s", (int)i, name);
        assert_true(mkdir(tempdir_path(state, path), 0755) == 0 || errno == EEXIST);
    }
}

static inline void make_link(void **state, const char *target, const char *name)
{
    assert_int_equal(symlink(target, tempdir_path(state, name)), 0);
}
