/*
 * cmds/linux/processors/cpustats.c - the cpuN lines of /proc/stat (proc(5)), from clock ticks to milliseconds.
 */
#include "cmds/linux/linux.h"
#include "proto/reply.h"

#include <errno.h>
#include <unistd.h>

#define STAT "/proc/stat"

/* In the order of the columns. Kernels before 2.6.33 have fewer; the first four are always there.
 */
static const char *const columns[] = {
    "user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guestnice",
};
#define COLUMNS_MIN 4

/* A number at *text, which moves behind it. */
static bool take_number(char **text, uint64_t *ret_value)
{
    char *end;

    while (**text == ' ')
        (*text)++;
    if (**text < '0' || **text > '9')
        return false;
    errno = 0;
    *ret_value = strtoull(*text, &end, 10);
    *text = end;
    return errno == 0;
}

static uint64_t ticks_to_ms(uint64_t ticks)
{
    uint64_t per_second = (uint64_t)sysconf(_SC_CLK_TCK);

    return ticks / per_second * 1000 + ticks % per_second * 1000 / per_second;
}

/* -EINVAL: this is no line of a processor. */
static int append_cpu(struct json_object *list, char *line)
{
    CLEANUP(json_putp) struct json_object *stats = json_object_new_object();
    uint64_t cpu, ticks;
    size_t column = 0;
    int r;

    if (!stats)
        return -ENOMEM;
    if (!take_number(&line, &cpu))
        return -EINVAL;
    r = json_add_str(stats, "type", "linux");
    if (r == 0)
        r = json_add_int(stats, "cpu", (int64_t)cpu);
    while (r == 0 && column < ARRAY_LEN(columns) && take_number(&line, &ticks))
        r = json_add_int(stats, columns[column++], (int64_t)ticks_to_ms(ticks));
    if (r == 0 && column < COLUMNS_MIN)
        r = -EINVAL;
    if (r == 0)
        r = json_append(list, TAKE_PTR(stats));
    return r;
}

int cmd_get_cpustats(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    CLEANUP(json_putp) struct json_object *list = json_object_new_array();
    CLEANUP(buf_done) struct buf text = { 0 };
    char *line, *save = NULL;
    int r;

    r = sysroot_read(&env->root, STAT, &text);
    if (r < 0)
        return cmd_fail_errno(&reply->error, r, "failed to read '%s'", STAT);
    r = list ? 0 : -ENOMEM;
    for (line = strtok_r(text.data, "\n", &save); line && r == 0;
         line = strtok_r(NULL, "\n", &save))
        if (strncmp(line, "cpu", 3) == 0 && line[3] != ' ')
            r = append_cpu(list, line + 3);
    if (r == -EINVAL)
        return cmd_fail(&reply->error, "Parsing cpu stat from %s failed, see \"man proc\"", STAT);
    if (r < 0)
        return cmd_fail_errno(&reply->error, r, "failed to build the reply");
    reply->value = TAKE_PTR(list);
    return 0;
}
