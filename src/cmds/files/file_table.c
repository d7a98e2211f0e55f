/*
 * cmds/files/file_table.c - handles in a hash, scratch buffers in a short stack.
 *
 *   field           written by        read by            order, and what it buys
 *   handles.*       any worker        any worker, I/O    handles.lock
 *   scratch.*       any worker        any worker         scratch.lock
 *   file.io.*       its user          its user           file.io.lock
 *   file.refs       any: relaxed +    any: acq_rel -     the last user sees what all others did
 *   the rest of struct file is set before the file is in the hash and never changes
 *
 * Handles count up, so that the low bits spread them over the buckets evenly.
 */
#include "cmds/files/file_table.h"

#include "base/fdio.h"
#include "base/uninitialized.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define BUCKETS      1024u
#define SCRATCH_KEPT 4 /* beyond that many reads at once, buffers come from malloc and go back */

LIST_HEAD(file_list, file);

struct file_table {
    struct state *state;
    size_t max_handles;
    mode_t new_mode;
    struct {
        pthread_mutex_t lock;
        size_t count; /* open, or room reserved */
        struct file_list buckets[BUCKETS];
    } handles;
    struct {
        pthread_mutex_t lock;
        size_t count;
        char *kept[SCRATCH_KEPT];
    } scratch;
};

/* --- one file ------------------------------------------------------------------------- */

/* Ordinary files and disks have positions; so have some files of /proc that only look ordinary
 * not, which is why lseek(2) is asked. */
static bool has_positions(int fd, const struct stat *info)
{
    bool may = S_ISREG(info->st_mode) || S_ISBLK(info->st_mode) || S_ISDIR(info->st_mode);

    return may && lseek(fd, 0, SEEK_CUR) >= 0;
}

static bool is_in_memory(int fd, const struct stat *info)
{
    UNINITIALIZED struct statfs fs;

    return S_ISREG(info->st_mode) && fstatfs(fd, &fs) == 0 && (unsigned)fs.f_type == TMPFS_MAGIC;
}

int file_new(int fd, bool append, struct file **ret_file)
{
    CLEANUP(fd_closep) int owned_fd = fd;
    UNINITIALIZED struct stat info;
    struct file *file;

    if (fstat(fd, &info) < 0)
        return -errno;
    file = calloc(1, sizeof(*file));
    if (!file)
        return -ENOMEM;
    file->key = (struct file_key){ .dev = info.st_dev, .ino = info.st_ino };
    file->positioned = has_positions(fd, &info);
    file->append = append;
    file->in_memory = file->positioned && is_in_memory(fd, &info);
    atomic_init(&file->refs, 1);
    PTOK(pthread_mutex_init(&file->io.lock, NULL));
    file->io.fd = TAKE_FD(owned_fd);
    *ret_file = file;
    return 0;
}

static void file_ref(struct file *file)
{
    atomic_fetch_add_explicit(&file->refs, 1, memory_order_relaxed);
}

struct file *file_unref(struct file *file)
{
    if (file && atomic_fetch_sub_explicit(&file->refs, 1, memory_order_acq_rel) == 1) {
        fd_close(file->io.fd);
        PTOK(pthread_mutex_destroy(&file->io.lock));
        free(file);
    }
    return NULL;
}

void file_unrefp(struct file **file)
{
    *file = file_unref(*file);
}

/* --- the table ------------------------------------------------------------------------ */

struct file_table *file_table_new(struct state *state, size_t max_handles, mode_t new_mode)
{
    struct file_table *table = calloc(1, sizeof(*table));

    if (!table)
        return NULL;
    table->state = state;
    table->max_handles = max_handles;
    table->new_mode = new_mode;
    PTOK(pthread_mutex_init(&table->handles.lock, NULL));
    PTOK(pthread_mutex_init(&table->scratch.lock, NULL));
    for (size_t i = 0; i < BUCKETS; i++)
        LIST_INIT(&table->handles.buckets[i]);
    return table;
}

struct file_table *file_table_free(struct file_table *table)
{
    if (!table)
        return NULL;
    for (size_t i = 0; i < BUCKETS; i++) {
        struct file *file;

        while ((file = LIST_FIRST(&table->handles.buckets[i]))) {
            LIST_REMOVE(file, link);
            file_unref(file);
        }
    }
    while (table->scratch.count > 0)
        free(table->scratch.kept[--table->scratch.count]);
    PTOK(pthread_mutex_destroy(&table->scratch.lock));
    PTOK(pthread_mutex_destroy(&table->handles.lock));
    free(table);
    return NULL;
}

size_t file_table_limit(const struct file_table *table)
{
    return table->max_handles;
}

mode_t file_table_new_mode(const struct file_table *table)
{
    return table->new_mode;
}

int file_table_reserve(struct file_table *table)
{
    int r = -EMFILE;

    PTOK(pthread_mutex_lock(&table->handles.lock));
    if (table->handles.count < table->max_handles) {
        table->handles.count++;
        r = 0;
    }
    PTOK(pthread_mutex_unlock(&table->handles.lock));
    return r;
}

void file_table_unreserve(struct file_table *table)
{
    PTOK(pthread_mutex_lock(&table->handles.lock));
    table->handles.count--;
    PTOK(pthread_mutex_unlock(&table->handles.lock));
}

static struct file_list *bucket_of(struct file_table *table, int64_t handle)
{
    return &table->handles.buckets[(uint64_t)handle % BUCKETS];
}

static struct file *find_locked(struct file_table *table, int64_t handle)
{
    struct file *file;

    LIST_FOREACH (file, bucket_of(table, handle), link) {
        if (file->handle == handle)
            return file;
    }
    return NULL;
}

int file_table_number(struct file_table *table, struct file *file)
{
    return state_handle_next(table->state, &file->handle);
}

int64_t file_table_add(struct file_table *table, struct file *file)
{
    int64_t handle = file->handle; /* from now on another request may close it */

    file_ref(file);
    PTOK(pthread_mutex_lock(&table->handles.lock));
    LIST_INSERT_HEAD(bucket_of(table, handle), file, link);
    PTOK(pthread_mutex_unlock(&table->handles.lock));
    return handle;
}

static struct file *not_found(int64_t handle, struct cmd_error *reterr)
{
    cmd_fail(reterr, "handle '%" PRId64 "' has not been found", handle);
    return NULL;
}

/* The file with a reference, or NULL. */
static struct file *look_up(struct file_table *table, int64_t handle)
{
    struct file *file;

    PTOK(pthread_mutex_lock(&table->handles.lock));
    file = find_locked(table, handle);
    if (file)
        file_ref(file);
    PTOK(pthread_mutex_unlock(&table->handles.lock));
    return file;
}

struct file *file_table_lock(struct file_table *table, int64_t handle, struct cmd_error *reterr)
{
    struct file *file = look_up(table, handle);

    if (!file)
        return not_found(handle, reterr);
    PTOK(pthread_mutex_lock(&file->io.lock));
    if (file->io.fd >= 0)
        return file;
    file_unlockp(&file); /* closed while this waited */
    return not_found(handle, reterr);
}

struct file *file_table_trylock(struct file_table *table, int64_t handle)
{
    struct file *file = look_up(table, handle);

    if (!file || pthread_mutex_trylock(&file->io.lock) != 0)
        return file_unref(file);
    if (file->io.fd < 0)
        file_unlockp(&file);
    return file;
}

void file_unlockp(struct file **file)
{
    if (*file)
        PTOK(pthread_mutex_unlock(&(*file)->io.lock));
    *file = file_unref(*file);
}

struct file *file_table_remove(struct file_table *table, int64_t handle, struct cmd_error *reterr)
{
    struct file *file;

    PTOK(pthread_mutex_lock(&table->handles.lock));
    file = find_locked(table, handle);
    if (file) {
        LIST_REMOVE(file, link);
        table->handles.count--;
    }
    PTOK(pthread_mutex_unlock(&table->handles.lock));
    if (!file)
        return not_found(handle, reterr);
    PTOK(pthread_mutex_lock(&file->io.lock)); /* until requests that run have ended */
    return file;
}

int file_table_key(struct file_table *table, int64_t handle, struct file_key *ret_key)
{
    struct file *file;

    PTOK(pthread_mutex_lock(&table->handles.lock));
    file = find_locked(table, handle);
    if (file)
        *ret_key = file->key;
    PTOK(pthread_mutex_unlock(&table->handles.lock));
    return file ? 0 : -ENOENT;
}

/* --- scratch -------------------------------------------------------------------------- */

char *file_scratch_get(struct file_table *table)
{
    char *scratch = NULL;

    PTOK(pthread_mutex_lock(&table->scratch.lock));
    if (table->scratch.count > 0)
        scratch = table->scratch.kept[--table->scratch.count];
    PTOK(pthread_mutex_unlock(&table->scratch.lock));
    return scratch ? scratch : malloc(FILE_PIECE_BYTES);
}

void file_scratch_put(struct file_table *table, char *scratch)
{
    PTOK(pthread_mutex_lock(&table->scratch.lock));
    if (table->scratch.count < SCRATCH_KEPT)
        table->scratch.kept[table->scratch.count++] = TAKE_PTR(scratch);
    PTOK(pthread_mutex_unlock(&table->scratch.lock));
    free(scratch);
}
