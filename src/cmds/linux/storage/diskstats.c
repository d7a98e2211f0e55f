/*
 * cmds/linux/storage/diskstats.c - guest-get-diskstats: /proc/diskstats, line by line.
 *
 * Kernels before 4.18 have no discard columns, before 5.5 no flush columns (kernel
 * Documentation/admin-guide/iostats): what a line has not is left out of its entry.
 */
#include "cmds/linux/linux.h"
#include "proto/reply.h"

#include <errno.h>
#include <inttypes.h>

/* Members in the order of the columns behind the name. */
static const char *const columns[] = {
    "read-ios",     "read-merges",   "read-sectors",   "read-ticks",      "write-ios",
    "write-merges", "write-sectors", "write-ticks",    "ios-pgr",         "total-ticks",
    "weight-ticks", "discard-ios",   "discard-merges", "discard-sectors", "discard-ticks",
    "flush-ios",    "flush-ticks",
};

/* The four columns that partitions had before kernel 2.6.25. */
static const char *const short_columns[] = { "read-ios", "read-sectors", "write-ios",
                                             "write-sectors" };

/* The decimal numbers of a line's rest: how many there are. */
static size_t parse_numbers(const char *text, uint64_t *numbers, size_t max)
{
    size_t count = 0;

    while (count < max) {
        int used = 0;

        if (sscanf(text, "%" SCNu64 "%n", &numbers[count], &used) != 1)
            break;
        text += used;
        count++;
    }
    return count;
}

static int add_stats(struct json_object *entry, const char *text)
{
    uint64_t numbers[ARRAY_LEN(columns)];
    size_t count = parse_numbers(text, numbers, ARRAY_LEN(columns));
    const char *const *names = count == ARRAY_LEN(short_columns) ? short_columns : columns;
    struct json_object *stats = json_object_new_object();
    int r = json_add(entry, "stats", stats);

    for (size_t i = 0; r == 0 && i < count; i++)
        r = json_add_int(stats, names[i], (int64_t)numbers[i]);
    return r;
}

/* A line that begins otherwise is skipped. */
static int add_line(const char *line, struct json_object *array)
{
    struct json_object *entry;
    unsigned major, minor;
    char name[128];
    int used = 0, r;

    if (sscanf(line, "%u %u %127s%n", &major, &minor, name, &used) != 3)
        return 0;
    entry = json_object_new_object();
    r = json_append(array, entry);
    if (r == 0)
        r = json_add_str(entry, "name", name);
    if (r == 0)
        r = json_add_int(entry, "major", major);
    if (r == 0)
        r = json_add_int(entry, "minor", minor);
    return r == 0 ? add_stats(entry, line + used) : r;
}

int cmd_get_diskstats(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    CLEANUP(json_putp) struct json_object *array = json_object_new_array();
    CLEANUP(buf_done) struct buf text = { 0 };
    char *rest = NULL;
    int r = sysroot_read(&env->root, "/proc/diskstats", &text);

    if (r < 0)
        return cmd_fail_errno(&reply->error, r, "failed to open file /proc/diskstats");
    r = array ? 0 : -ENOMEM;
    for (char *line = strtok_r(text.data, "\n", &rest); line && r == 0;
         line = strtok_r(NULL, "\n", &rest))
        r = add_line(line, array);
    if (r < 0)
        return cmd_fail_errno(&reply->error, r, "failed to build the reply");
    reply->value = TAKE_PTR(array);
    return 0;
}
