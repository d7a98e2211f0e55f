/*
 * A throw-away root for a command that writes: a directory of its own, removed with all in it.
 */
#pragma once

#include "base/sysroot.h"

#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct guest_tree {
    char dir[64];
    struct sysroot root;
};

static inline int tree_remove_entry(const char *path, const struct stat *st, int type,
                                    struct FTW *ftw)
{
    return remove(path);
}

static inline void tree_init(struct guest_tree *tree)
{
    snprintf(tree->dir, sizeof(tree->dir), "/tmp/pqga-tree-XXXXXX");
    assert_non_null(mkdtemp(tree->dir));
    assert_int_equal(sysroot_init(&tree->root, tree->dir), 0);
}

static inline void tree_done(struct guest_tree *tree)
{
    nftw(tree->dir, tree_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* Makes the directories above `path` too. */
static inline void tree_write(struct guest_tree *tree, const char *path, const char *text,
                              mode_t mode)
{
    char full[512];
    FILE *file;

    snprintf(full, sizeof(full), "%s%s", tree->dir, path);
    for (char *c = full + strlen(tree->dir) + 1; *c; c++) {
        if (*c != '/')
            continue;
        *c = '\0';
        assert_true(mkdir(full, 0755) == 0 || errno == EEXIST);
        *c = '/';
    }
    file = fopen(full, "we");
    assert_non_null(file);
    assert_int_equal(fputs(text, file) >= 0, 1);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(full, mode), 0);
}

/* The file's text in a static buffer; "" if there is none. */
static inline const char *tree_read(struct guest_tree *tree, const char *path)
{
    static char text[8192];
    char full[512];
    size_t len = 0;
    FILE *file;

    snprintf(full, sizeof(full), "%s%s", tree->dir, path);
    file = fopen(full, "re");
    if (file) {
        len = fread(text, 1, sizeof(text) - 1, file);
        fclose(file);
    }
    text[len] = '\0';
    return text;
}

/* A program of the guest that writes down how it was called, and exits with `status`. */
static inline void tree_program(struct guest_tree *tree, const char *path, int status)
{
    char script[512];

    snprintf(script, sizeof(script), "#!/bin/sh\necho \"${0##*/} $*\" >>%s/calls\nexit %d\n",
             tree->dir, status);
    tree_write(tree, path, script, 0755);
}
