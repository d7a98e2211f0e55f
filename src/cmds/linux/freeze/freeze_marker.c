/*
 * cmds/linux/freeze/freeze_marker.c - see the header.
 *
 * A process that was killed in a FIFREEZE cannot go before it returns, and then leaves the
 * filesystem frozen. Its first thread is a zombie by then, so that threads beside it tell.
 */
#include "cmds/linux/freeze/freeze_marker.h"

#include <inttypes.h>
#include <time.h>
#include <unistd.h>

struct marker {
    int64_t thaw_at_ms;
    char boot[64];
    int pid;
    unsigned long long start;
};

static int64_t boot_clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return now.tv_sec * 1000 + now.tv_nsec / NSEC_PER_MSEC;
}

static void boot_id(const struct sysroot *root, char text[64])
{
    if (sysroot_read_line(root, text, 64, "/proc/sys/kernel/random/boot_id") < 0)
        snprintf(text, 64, "unknown");
}

/* State and start time, from behind the name, which may hold anything. False: no such process. */
static bool process_stat(const struct sysroot *root, int pid, char *ret_state,
                         unsigned long long *ret_start)
{
    char line[1024];
    const char *behind;

    if (sysroot_read_line(root, line, sizeof(line), "/proc/%d/stat", pid) < 0)
        return false;
    behind = strrchr(line, ')');
    return behind && sscanf(behind,
                            ") %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
                            "%*s %*s %llu",
                            ret_state, ret_start) == 2;
}

static bool has_other_threads(const struct sysroot *root, int pid)
{
    DIR *dir = sysroot_opendir(root, "/proc/%d/task", pid);
    struct dirent *entry;
    size_t count = 0;

    if (!dir)
        return false;
    while ((entry = readdir(dir)))
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count > 1;
}

/* How many fields there are. */
static int parse(const char *text, struct marker *ret_marker)
{
    *ret_marker = (struct marker){ 0 };
    return sscanf(text, "thaw-at-ms=%" SCNd64 " boot=%63s pid=%d start=%llu",
                  &ret_marker->thaw_at_ms, ret_marker->boot, &ret_marker->pid, &ret_marker->start);
}

void freeze_marker_format(const struct freeze_job *job, int64_t timeout_ms,
                          char ret_text[STATE_MARKER_MAX])
{
    int64_t thaw_at_ms = timeout_ms >= 0 ? boot_clock_ms() + timeout_ms : -1;
    unsigned long long start = 0;
    char id[64], state;

    boot_id(job->root, id);
    process_stat(job->root, getpid(), &state, &start);
    snprintf(ret_text, STATE_MARKER_MAX, "thaw-at-ms=%" PRId64 " boot=%s pid=%d start=%llu\n",
             thaw_at_ms, id, (int)getpid(), start);
}

int64_t freeze_marker_left_ms(const struct freeze_job *job, const char *text)
{
    int64_t configured_ms = job->config->freeze_timeout_sec * freeze_limits.second_in_ms;
    struct marker marker;
    char id[64];

    /* qemu-ga's own marker is empty: the freeze gets the time of a new one. */
    if (parse(text, &marker) < 2)
        return configured_ms > 0 ? configured_ms : -1;
    boot_id(job->root, id);
    if (strcmp(id, marker.boot) != 0)
        return 0; /* booted since: no filesystem can be frozen from then */
    if (marker.thaw_at_ms < 0)
        return -1;
    return MAX_OF(marker.thaw_at_ms - boot_clock_ms(), (int64_t)0);
}

int freeze_marker_lingers(const struct freeze_job *job, const char *text)
{
    unsigned long long start;
    struct marker marker;
    char id[64], state;

    if (parse(text, &marker) < 4 || marker.pid <= 0 || marker.pid == getpid())
        return 0;
    boot_id(job->root, id);
    if (strcmp(id, marker.boot) != 0 || !process_stat(job->root, marker.pid, &state, &start))
        return 0;
    if (start != marker.start || state != 'Z' || !has_other_threads(job->root, marker.pid))
        return 0;
    return marker.pid;
}
