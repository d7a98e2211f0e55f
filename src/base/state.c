/*
 * base/state.c - the files of the state directory.
 *
 * next, limit and in_memory belong to `lock`: numbers in [next, limit) may be handed out, since the
 * file says limit (or more), or could not be written, which has been told. Everything else in the
 * struct is written before threads run.
 *
 * The marker is a file that is there from the start under another name, so that a full disk cannot
 * refuse it: its text is written over the bytes that it has, and it is renamed.
 */
#include "base/state.h"

#include "base/error.h"
#include "base/fdio.h"
#include "base/log.h"
#include "base/state_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define STATE_FILE     "qga.state"
#define STATE_NEW_FILE "qga.state.new"
#define MARKER_FILE    "qga.state.isfrozen"
#define ROOM_FILE      "qga.state.room"

#define FIRST_HANDLE     1000
#define HANDLES_RESERVED 256
#define STATE_MAX_BYTES  (64 * KIB)

struct state {
    struct state_dir dir;
    pthread_mutex_t lock;
    struct {
        int64_t next;
        int64_t limit;
        bool in_memory; /* the last write failed */
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

/* 0 or -errno (-ENOENT: there is no file yet; -EINVAL: it is none of ours, or no key file). */
static int read_counter(struct state_dir *dir, int64_t *ret_counter)
{
    CLEANUP(fd_closep) int fd = state_dir_open(dir, STATE_FILE, O_RDONLY);
    CLEANUP(buf_done) struct buf text = { 0 };
    int r;

    if (fd < 0)
        return fd;
    r = fd_read_all(fd, STATE_MAX_BYTES, &text);
    if (r < 0)
        return r == -EFBIG ? -EINVAL : r;
    return parse_state(&text, ret_counter);
}

static int write_counter(struct state_dir *dir, int64_t counter)
{
    char text[64];
    int len = snprintf(text, sizeof(text), "[global]\nfd_counter=%lld\n", (long long)counter);
    int r = state_dir_write(dir, STATE_NEW_FILE, text, (size_t)len);

    if (r == 0)
        r = state_dir_rename(dir, STATE_NEW_FILE, STATE_FILE);
    return r;
}

/* Writes the counter or says, once, that numbering goes on without. */
static void keep_counter(struct state *state, int64_t counter)
{
    int r = write_counter(&state->dir, counter);

    if (r < 0 && !state->handles.in_memory)
        log_warn("state: cannot write '%s/" STATE_FILE "': %s, handles are counted in memory",
                 state->dir.path, err_text(r));
    state->handles.in_memory = r < 0;
}

static int make_room(struct state_dir *dir)
{
    char room[STATE_MARKER_MAX];

    memset(room, '\n', sizeof(room));
    return state_dir_write(dir, ROOM_FILE, room, sizeof(room));
}

/* With a marker there nothing is written: the directory may be on a frozen filesystem. */
static void load(struct state *state)
{
    bool marked = state_marker_get(state, NULL, 0);
    int64_t next = FIRST_HANDLE;
    int r = read_counter(&state->dir, &next);

    if (r < 0 && r != -ENOENT)
        log_warn("state: cannot use '%s/" STATE_FILE "': %s, handles are numbered from %d",
                 state->dir.path, err_text(r), FIRST_HANDLE);
    state->handles.next = state->handles.limit = next;
    if (marked || atomic_load(&state->dir.fd) < 0)
        return;
    if (state_dir_look(&state->dir, MARKER_FILE) == -EINVAL)
        state_dir_set_aside(&state->dir, MARKER_FILE);
    if (r < 0 && r != -ENOENT)
        state_dir_set_aside(&state->dir, STATE_FILE);
    if (r < 0)
        keep_counter(state, next);
    r = make_room(&state->dir);
    if (r < 0)
        log_warn("state: no room for the frozen marker in '%s': %s", state->dir.path, err_text(r));
}

int state_open(const char *dir, struct state **ret_state)
{
    struct state *state = calloc(1, sizeof(*state));

    if (!state)
        return -ENOMEM;
    if (state_dir_init(&state->dir, dir) < 0) {
        free(state);
        return -ENOMEM;
    }
    PTOK(pthread_mutex_init(&state->lock, NULL));
    load(state);
    *ret_state = state;
    return 0;
}

static void sync_locked(struct state *state)
{
    if (atomic_load(&state->dir.fd) < 0 || state_marker_get(state, NULL, 0))
        return;
    /* A failure leaves the reserved number, which is right too, only larger. */
    if (state->handles.next != state->handles.limit &&
        write_counter(&state->dir, state->handles.next) == 0)
        state->handles.limit = state->handles.next;
    state_dir_remove(&state->dir, ROOM_FILE);
}

void state_sync(struct state *state)
{
    if (pthread_mutex_trylock(&state->lock) != 0)
        return; /* some thread is stuck in its write */
    sync_locked(state);
    PTOK(pthread_mutex_unlock(&state->lock));
}

void state_close(struct state *state)
{
    if (!state)
        return;
    state_sync(state);
    PTOK(pthread_mutex_destroy(&state->lock));
    state_dir_done(&state->dir);
    free(state);
}

static int reserve_locked(struct state *state)
{
    int64_t limit;

    if (state->handles.next < state->handles.limit)
        return 0;
    if (__builtin_add_overflow(state->handles.next, HANDLES_RESERVED, &limit))
        return -EOVERFLOW;
    keep_counter(state, limit);
    state->handles.limit = limit;
    return 0;
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

/* Writes over the bytes of a file that is there. A disk that refuses even that leaves it empty,
 * which marks as well. */
static int fill_marker(struct state_dir *dir, const char *name, const char *text)
{
    CLEANUP(fd_closep) int fd = state_dir_open(dir, name, O_WRONLY);
    size_t len = strlen(text);

    if (fd < 0)
        return fd;
    if (fd_write_all(fd, text, len) < 0)
        len = 0;
    return ftruncate(fd, (off_t)len) < 0 || fsync(fd) < 0 ? -errno : 0;
}

int state_marker_set(struct state *state, const char *text)
{
    struct state_dir *dir = &state->dir;
    int r;

    if (state_dir_look(dir, MARKER_FILE) == 0)
        return fill_marker(dir, MARKER_FILE, text);
    r = fill_marker(dir, ROOM_FILE, text);
    if (r < 0) /* no room was made at start, or it has been taken away */
        r = state_dir_write(dir, ROOM_FILE, text, strlen(text));
    if (r == -ENOSPC || r == -EDQUOT)
        r = state_dir_write(dir, ROOM_FILE, "", 0);
    return r < 0 ? r : state_dir_rename(dir, ROOM_FILE, MARKER_FILE);
}

bool state_marker_get(struct state *state, char *text, size_t size)
{
    CLEANUP(buf_done) struct buf bytes = { 0 };
    CLEANUP(fd_closep) int fd = -1;
    int r = state_dir_look(&state->dir, MARKER_FILE);

    /* What cannot be seen may be there: better frozen than not. */
    if (atomic_load(&state->dir.fd) < 0 || r == -ENOENT || r == -EINVAL)
        return false;
    if (!text)
        return true;
    fd = state_dir_open(&state->dir, MARKER_FILE, O_RDONLY);
    if (fd >= 0)
        fd_read_all(fd, size - 1, &bytes);
    if (bytes.len > 0)
        memcpy(text, bytes.data, bytes.len);
    text[bytes.len] = '\0';
    return true;
}

int state_marker_clear(struct state *state)
{
    int r = state_dir_look(&state->dir, MARKER_FILE);

    if (r < 0)
        return r == -ENOENT || r == -EINVAL || atomic_load(&state->dir.fd) < 0 ? 0 : r;
    r = state_dir_rename(&state->dir, MARKER_FILE, ROOM_FILE);
    return r < 0 ? state_dir_remove(&state->dir, MARKER_FILE) : 0;
}

bool state_is_on(struct state *state, unsigned major_number, unsigned minor_number)
{
    int fd = atomic_load(&state->dir.fd);
    struct stat st;

    return fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == makedev(major_number, minor_number);
}
