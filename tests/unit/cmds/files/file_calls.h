/*
 * Calls of guest-file-* for tests.
 */
#pragma once

#include "unit/cmds/fixture.h"

static inline struct file_open_args open_args(const char *path, const char *mode)
{
    struct file_open_args args = { .path = arg(path) };

    if (mode) {
        args.mode = arg(mode);
        args.has_mode = true;
    }
    return args;
}

static inline int64_t open_file(struct fixture *fixture, const char *path, const char *mode)
{
    struct file_open_args args = open_args(path, mode);
    char *text = call(fixture, cmd_file_open, &args);
    char *end;
    int64_t handle = strtoll(text, &end, 10);

    if (*end || end == text)
        fail_msg("open of %s (%s): %s", path, mode, text);
    free(text);
    return handle;
}

static inline void assert_open(struct fixture *fixture, const char *path, const char *mode,
                               const char *expected)
{
    struct file_open_args args = open_args(path, mode);

    assert_reply(fixture, cmd_file_open, &args, expected);
}

static inline void assert_read(struct fixture *fixture, int64_t handle, int64_t count,
                               const char *expected)
{
    struct file_read_args args = { .handle = handle, .count = count, .has_count = true };

    assert_reply(fixture, cmd_file_read, &args, expected);
}

/* Writes the text as base64 text, as a host sends it. */
static inline void assert_write_b64(struct fixture *fixture, int64_t handle, const char *base64,
                                    const char *expected)
{
    char *copy = strdup(base64);
    struct file_write_args args = { .handle = handle, .buf_b64 = arg(copy) };

    assert_reply(fixture, cmd_file_write, &args, expected);
    free(copy);
}

static inline char *write_bytes(struct fixture *fixture, int64_t handle, const void *data,
                                size_t len)
{
    char *base64 = malloc(base64_encoded_len(len) + 1);
    struct file_write_args args = { .handle = handle };
    char *text;

    base64_encode(base64, data, len);
    base64[base64_encoded_len(len)] = '\0';
    args.buf_b64 = arg(base64);
    text = call(fixture, cmd_file_write, &args);
    free(base64);
    return text;
}

static inline void assert_seek(struct fixture *fixture, int64_t handle, int64_t offset,
                               int64_t whence, const char *expected)
{
    struct file_seek_args args = { .handle = handle, .offset = offset, .whence = whence };

    assert_reply(fixture, cmd_file_seek, &args, expected);
}

static inline void assert_close(struct fixture *fixture, int64_t handle, const char *expected)
{
    struct file_handle_args args = { .handle = handle };

    assert_reply(fixture, cmd_file_close, &args, expected);
}

static inline unsigned file_mode(const char *path)
{
    struct stat info;

    assert_int_equal(stat(path, &info), 0);
    return info.st_mode & 07777;
}

/* The descriptor that an open file has in this process. */
static inline int fd_of(const char *path)
{
    char link[32], target[256];

    for (int fd = 0; fd < 1024; fd++) {
        ssize_t len;

        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        len = readlink(link, target, sizeof(target) - 1);
        if (len < 0)
            continue;
        target[len] = '\0';
        if (strcmp(target, path) == 0)
            return fd;
    }
    fail_msg("%s is not open", path);
    return -1;
}

/* The text of a reply to guest-file-read. */
#define READ_REPLY(b64, count, eof)                                                                \
    "{\"buf-b64\": \"" b64 "\", \"count\": " #count ", \"eof\": " #eof "}"
