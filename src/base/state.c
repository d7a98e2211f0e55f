/*
 * base/state.c - the two files of the state directory.
 *
 * next and limit belong to `lock`: numbers in [next, limit) may be handed out, since the file
 * says limit (or more). Everything else in the struct is written before threads run.
 */
#include "base/state.h"

#include "base/fdio.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#define STATE_FILE     "qga.state"
#define STATE_NEW_FILE "qga.state.new"
#define MARKER_FILE    "qga.state.isfrozen"

#define FIRST_HANDLE     1000
#define HANDLES_RESERVED 256
#define STATE_MAX_BYTES  (64 * KIB)

struct state {
    int dir_fd;
    pthread_mutex_t lock;
    struct {
        int64_t next;
        int64_t limit;
    } handles;
};

static char *skip_blanks(char *text)
{
    return text + strspn(text, " \t\r\f\v");
}

static void cut_blanks(char *text)
{
    size_t len = strlen(text);

    while (len > 0 && strchr(" \t\r\f\v", text[len - 1]))
        len--;
    text[len] = '\0';
}

static int64_t parse_counter(const char *value)
{
    long long counter;
    char *end;

    errno = 0;
    counter = strtoll(value, &end, 10);
    if (end == value || *end || errno || counter < 0)
        return FIRST_HANDLE;
    return counter;
}

/* One line of a key file; `in_group`: -1 before any group, 1 in [global], 0 in another. */
static int parse_line(char *line, int *in_group, int64_t *ret_counter)
{
    char *value;

    line = skip_blanks(line);
    cut_blanks(line);
    if (*line == '\0' || *line == '#')
        return 0;
    if (*line == '[') {
        size_t len = strlen(line);

        *in_group = strcmp(line, "[global]") == 0;
        return line[len - 1] == ']' && len > 2 ? 0 : -EINVAL;
    }
    value = strchr(line, '=');
    if (!value || value == line || *in_group < 0)
        return -EINVAL;
    *value++ = '\0';
    cut_blanks(line);
    if (*in_group && strcmp(line, "fd_counter") == 0)
        *ret_counter = parse_counter(skip_blanks(value));
    return 0;
}

static int parse_state(struct buf *text, int64_t *ret_counter)
{
    int64_t counter = FIRST_HANDLE;
    int in_group = -1;
    char *rest, *line;

    if (memchr(text->data, '\0', text->len))
        return -EINVAL;
    rest = buf_terminate(text);
    if (!rest)
        return -ENOMEM;
    while ((line = strsep(&rest, "\n"))) {
        int r = parse_line(line, &in_group, &counter);

        if (r < 0)
            return r;
    }
    *ret_counter = counter;
    return 0;
}

/* 0 or -errno (-ENOENT: there is no file yet). */
static int read_counter(int dir_fd, int64_t *ret_counter)
{
    CLEANUP(fd_closep) int fd = openat(dir_fd, STATE_FILE, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    CLEANUP(buf_done) struct buf text = { 0 };
    int r;

    if (fd < 0)
        return -errno;
    r = fd_read_all(fd, STATE_MAX_BYTES, &text);
    if (r < 0)
        return r == -EFBIG ? -EINVAL : r;
    return parse_state(&text, ret_counter);
}

/* Creates or replaces a file of the directory, its bytes on the disk. */
static int write_synced(int dir_fd, const char *name, const char *text)
{
    CLEANUP(fd_closep) int fd = -1;
    int r;

    fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    r = fd_write_all(fd, text, strlen(text));
    if (r == 0 && fsync(fd) < 0)
        r = -errno;
    if (r < 0)
        unlinkat(dir_fd, name, 0);
    return r;
}

static int write_counter(int dir_fd, int64_t counter)
{
    char text[64];
    int r;

    snprintf(text, sizeof(text), "[global]\nfd_counter=%lld\n", (long long)counter);
    r = write_synced(dir_fd, STATE_NEW_FILE, text);
    if (r < 0)
        return r;
    if (renameat(dir_fd, STATE_NEW_FILE, dir_fd, STATE_FILE) < 0) {
        r = -errno;
        unlinkat(dir_fd, STATE_NEW_FILE, 0);
    }
    return r;
}

int state_open(const char *dir, struct state **ret_state)
{
    CLEANUP(fd_closep) int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct state *state;
    int64_t next = FIRST_HANDLE;
    bool is_new;
    int r;

    if (dir_fd < 0)
        return -errno;
    r = read_counter(dir_fd, &next);
    is_new = r == -ENOENT;
    if (r < 0 && !is_new)
        return r;
    state = calloc(1, sizeof(*state));
    if (!state)
        return -ENOMEM;
    state->dir_fd = TAKE_FD(dir_fd);
    PTOK(pthread_mutex_init(&state->lock, NULL));
    state->handles.next = state->handles.limit = next;
    /* The directory may be on the frozen filesystem: a write would hang until the thaw. */
    r = !is_new || state_marker_get(state, NULL, 0) ? 0 : write_counter(state->dir_fd, next);
    if (r < 0) {
        state_close(state);
        return r;
    }
    *ret_state = state;
    return 0;
}

void state_close(struct state *state)
{
    if (!state)
        return;
    /* A failure leaves the reserved number, which is right too, only larger. */
    if (!state_marker_get(state, NULL, 0) && state->handles.next != state->handles.limit)
        write_counter(state->dir_fd, state->handles.next);
    PTOK(pthread_mutex_destroy(&state->lock));
    fd_close(state->dir_fd);
    free(state);
}

static int reserve_locked(struct state *state)
{
    int64_t limit;
    int r;

    if (state->handles.next < state->handles.limit)
        return 0;
    if (__builtin_add_overflow(state->handles.next, HANDLES_RESERVED, &limit))
        return -EOVERFLOW;
    r = write_counter(state->dir_fd, limit);
    if (r == 0)
        state->handles.limit = limit;
    return r;
}

int state_handle_next(struct state *state, int64_t *ret_handle)
{
    int r;

    PTOK(pthread_mutex_lock(&state->lock));
    r = reserve_locked(state);
    if (r == 0)
        *ret_handle = state->handles.next++;
    PTOK(pthread_mutex_unlock(&state->lock));
    return r;
}

int state_marker_set(struct state *state, const char *text)
{
    int r = write_synced(state->dir_fd, MARKER_FILE, text);

    if (r == 0 && fsync(state->dir_fd) < 0) {
        r = -errno;
        unlinkat(state->dir_fd, MARKER_FILE, 0);
    }
    return r;
}

bool state_marker_get(struct state *state, char *text, size_t size)
{
    CLEANUP(fd_closep) int fd = -1;
    CLEANUP(buf_done) struct buf bytes = { 0 };

    if (!text)
        return faccessat(state->dir_fd, MARKER_FILE, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    fd = openat(state->dir_fd, MARKER_FILE, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno != ENOENT; /* there, though unreadable: better frozen than not */
    fd_read_all(fd, size - 1, &bytes);
    if (bytes.len > 0)
        memcpy(text, bytes.data, bytes.len);
    text[bytes.len] = '\0';
    return true;
}

int state_marker_clear(struct state *state)
{
    if (unlinkat(state->dir_fd, MARKER_FILE, 0) < 0)
        return errno == ENOENT ? 0 : -errno;
    return fsync(state->dir_fd) < 0 ? -errno : 0;
}
