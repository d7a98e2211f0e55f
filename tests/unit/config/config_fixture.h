/*
 * For tests of the configuration: a directory for files, and what is printed meanwhile.
 *
 *     fixture_write(f, "conf", "[general]\n...") gives the path of a file
 *     fixture_load(f, &config, "-m", "unix-listen", NULL) is config_load() with such a command
 *     line; f->out and f->err then hold what it printed
 */
#pragma once

#include "base/fdio.h"
#include "config/load.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

/* cmocka wants these in front of it. */
#include <setjmp.h>

#include <cmocka.h>

#define FIXTURE_MAX_ARGS 16
#define FIXTURE_COMMANDS 2

struct fixture {
    char dir[64];
    char path[128];
    char *out, *err;
    const char *saved_conf;
};

static inline const char *fixture_path(struct fixture *f, const char *name)
{
    snprintf(f->path, sizeof(f->path), "%s/%s", f->dir, name);
    return f->path;
}

static inline const char *fixture_write(struct fixture *f, const char *name, const char *text)
{
    int fd = open(fixture_path(f, name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
    fd_close(fd);
    return f->path;
}

static inline int fixture_setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    snprintf(f->dir, sizeof(f->dir), "/tmp/pqga-config-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    /* Keeps the machine's own configuration out. */
    assert_int_equal(setenv("QGA_CONF", fixture_path(f, "none"), 1), 0);
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    *state = f;
    return 0;
}

static inline int fixture_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return remove(path);
}

static inline int fixture_teardown(void **state)
{
    struct fixture *f = *state;

    nftw(f->dir, fixture_remove, 4, FTW_DEPTH | FTW_PHYS);
    free(f->out);
    free(f->err);
    free(f);
    return 0;
}

/* The file's bytes; NUL-terminated, allocated. */
static inline char *fixture_read(const char *path)
{
    struct buf text = { 0 };
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(fd_read_all(fd, MIB, &text), 0);
    fd_close(fd);
    assert_non_null(buf_terminate(&text));
    return text.data;
}

/* Sends descriptor `fd` to a file; the old one is returned. */
static inline int fixture_divert(const char *path, int fd)
{
    int saved = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    fflush(NULL);
    assert_true(saved >= 0 && file >= 0);
    assert_true(dup2(file, fd) == fd);
    fd_close(file);
    return saved;
}

static inline char *fixture_restore(const char *path, int fd, int saved)
{
    fflush(NULL);
    assert_true(dup2(saved, fd) == fd);
    fd_close(saved);
    return fixture_read(path);
}

static inline const char *fixture_command_name(size_t index)
{
    static const char *const names[FIXTURE_COMMANDS] = { "guest-info", "guest-ping" };

    return index < FIXTURE_COMMANDS ? names[index] : NULL;
}

static inline const char *fixture_default_path(const char *method)
{
    if (strcmp(method, "virtio-serial") == 0)
        return "/dev/virtio-ports/org.qemu.guest_agent.0";
    return strcmp(method, "isa-serial") == 0 ? "/dev/ttyS0" : NULL;
}

static inline unsigned fixture_check_names(const char *key, const char *const *names)
{
    unsigned wrong = 0;

    for (size_t i = 0; names && names[i]; i++)
        wrong += strncmp(names[i], "guest-", 6) != 0;
    return wrong;
}

static const struct config_parts fixture_parts = {
    .command_name = fixture_command_name,
    .default_path = fixture_default_path,
    .check_names = fixture_check_names,
};

static inline enum config_result fixture_load(struct fixture *f, struct config *config, ...)
{
    char *argv[FIXTURE_MAX_ARGS + 2] = { strdup("qemu-ga") };
    char *order[FIXTURE_MAX_ARGS + 2];
    int argc = 1, out, err, i;
    enum config_result result;
    va_list args;
    const char *arg;

    va_start(args, config);
    while ((arg = va_arg(args, const char *)) != NULL && argc <= FIXTURE_MAX_ARGS)
        argv[argc++] = strdup(arg);
    va_end(args);
    memcpy(order, argv, sizeof(order)); /* getopt changes the order of argv */
    out = fixture_divert(fixture_path(f, "out"), STDOUT_FILENO);
    err = fixture_divert(fixture_path(f, "err"), STDERR_FILENO);
    result = config_load(argc, argv, &fixture_parts, config);
    free(f->out);
    free(f->err);
    f->out = fixture_restore(fixture_path(f, "out"), STDOUT_FILENO, out);
    f->err = fixture_restore(fixture_path(f, "err"), STDERR_FILENO, err);
    for (i = 0; i < argc; i++)
        free(order[i]);
    return result;
}

static inline void assert_list(char *const *list, ...)
{
    const char *name;
    va_list names;

    va_start(names, list);
    while ((name = va_arg(names, const char *)) != NULL) {
        assert_non_null(list);
        assert_string_equal(*list, name);
        list++;
    }
    va_end(names);
    if (list != NULL)
        assert_null(*list);
}

/* A case with a fixture. */
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
