/*
 * Test help: cmocka, a temporary directory per test, small files in it.
 *
 * Use tempdir_setup/tempdir_teardown with cmocka_unit_test_setup_teardown(); *state is then
 * the directory's path.
 */
#pragma once

#include "base/buf.h"
#include "base/fdio.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#define TEST_IN_TEMPDIR(test) cmocka_unit_test_setup_teardown(test, tempdir_setup, tempdir_teardown)

static inline int tempdir_setup(void **state)
{
    char *dir = strdup("/tmp/pqga-test-XXXXXX");

    if (!dir || !mkdtemp(dir))
        return -1;
    *state = dir;
    return 0;
}

static inline int tempdir_remove_one(const char *path, const struct stat *stat, int type,
                                     struct FTW *walk)
{
    (void)stat, (void)type, (void)walk;
    return remove(path);
}

static inline int tempdir_teardown(void **state)
{
    int r = nftw(*state, tempdir_remove_one, 16, FTW_DEPTH | FTW_PHYS);

    free(*state);
    return r;
}

/* "DIR/NAME" in a buffer that the next call but three reuses. */
static inline const char *tempdir_path(void **state, const char *name)
{
    static char paths[4][4096];
    static unsigned int next;
    char *path = paths[next++ % 4];

    assert_true(snprintf(path, sizeof(paths[0]), "%s/%s", (const char *)*state, name) <
                (int)sizeof(paths[0]));
    return path;
}

static inline void tempdir_write(void **state, const char *name, const char *text)
{
    int fd = open(tempdir_path(state, name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
    fd_close(fd);
}

/* The file's text in a static buffer; NULL if there is none. */
static inline const char *tempdir_read(void **state, const char *name)
{
    static char text[256 * 1024];
    CLEANUP(buf_done) struct buf bytes = { 0 };
    int fd = open(tempdir_path(state, name), O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return NULL;
    assert_int_equal(fd_read_all(fd, sizeof(text) - 1, &bytes), 0);
    fd_close(fd);
    assert_non_null(buf_terminate(&bytes));
    memcpy(text, bytes.data, bytes.len + 1);
    return text;
}
