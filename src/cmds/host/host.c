/*
 * cmds/host/host.c - what the guest says about itself: name, zone, load, system.
 *
 * os-release is read as the shell would read it (os-release(5)), but one line that cannot be
 * read only loses itself. qemu-ga's QGA_OS_RELEASE names another file.
 */
#include "cmds/host/host.h"

#include "base/local_time.h"
#include "proto/reply.h"

#include <errno.h>
#include <limits.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static int reply_failed(struct cmd_reply *reply)
{
    return cmd_fail(&reply->error, "failed to build the reply: %s", err_text(ENOMEM));
}

int cmd_get_host_name(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    CLEANUP(json_putp) struct json_object *value = json_object_new_object();
    char name[HOST_NAME_MAX + 1];

    (void)env;
    (void)args;
    if (gethostname(name, sizeof(name)) < 0)
        return cmd_fail_errno(&reply->error, errno, "failed to get the host name");
    name[sizeof(name) - 1] = '\0';
    if (json_add_str(value, "host-name", name) < 0)
        return reply_failed(reply);
    reply->value = TAKE_PTR(value);
    return 0;
}

int cmd_get_timezone(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    CLEANUP(json_putp) struct json_object *value = json_object_new_object();
    char zone[ZONE_NAME_MAX];
    struct tm local;
    int r;

    (void)env;
    (void)args;
    r = local_time(time(NULL), &local, zone);
    if (r < 0)
        return cmd_fail_errno(&reply->error, r, "failed to get the local time");
    if (json_add_int(value, "offset", local.tm_gmtoff) < 0 || json_add_str(value, "zone", zone) < 0)
        return reply_failed(reply);
    reply->value = TAKE_PTR(value);
    return 0;
}

int cmd_get_load(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    CLEANUP(json_putp) struct json_object *value = json_object_new_object();
    double load[3];
    char line[128];
    int r;

    (void)args;
    r = sysroot_read_line(&env->root, line, sizeof(line), "/proc/loadavg");
    if (r < 0)
        return cmd_fail_errno(&reply->error, r, "cannot query load average");
    if (sscanf(line, "%lf %lf %lf", &load[0], &load[1], &load[2]) != 3)
        return cmd_fail(&reply->error, "cannot query load average: /proc/loadavg says '%s'", line);
    if (json_add(value, "load1m", json_object_new_double(load[0])) < 0 ||
        json_add(value, "load5m", json_object_new_double(load[1])) < 0 ||
        json_add(value, "load15m", json_object_new_double(load[2])) < 0)
        return reply_failed(reply);
    reply->value = TAKE_PTR(value);
    return 0;
}

static const struct {
    const char *key, *member;
} os_release_members[] = {
    { "ID", "id" },
    { "NAME", "name" },
    { "PRETTY_NAME", "pretty-name" },
    { "VERSION", "version" },
    { "VERSION_ID", "version-id" },
    { "VARIANT", "variant" },
    { "VARIANT_ID", "variant-id" },
};

static const char *os_release_member(const char *key)
{
    for (size_t i = 0; i < ARRAY_LEN(os_release_members); i++) {
        if (strcmp(os_release_members[i].key, key) == 0)
            return os_release_members[i].member;
    }
    return NULL;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static char *trim(char *text)
{
    size_t len;

    while (is_blank(*text))
        text++;
    len = strlen(text);
    while (len > 0 && is_blank(text[len - 1]))
        len--;
    text[len] = '\0';
    return text;
}

/* What a backslash at `in` stands for, given the quote it is in: the character behind it, or NUL
 * when it stands for itself. */
static char escaped(const char *in, char quote)
{
    if (*in != '\\' || quote == '\'')
        return '\0';
    return quote == '\0' || (in[1] && strchr("\"'$`\\", in[1])) ? in[1] : '\0';
}

/* Takes quotes, backslashes and a comment behind the value out of it, in place: false if a quote is
 * left open. A blank between words is kept: os-release(5) forbids it and people write it. */
static bool unquote(char *value)
{
    const char *in = value;
    char *out = value, *end = value; /* end: behind the last byte that is no blank */
    char quote = '\0', next;
    bool after_blank = false;

    for (; *in && !(*in == '#' && after_blank); in++) {
        after_blank = quote == '\0' && is_blank(*in);
        if (after_blank) {
            if (out > value)
                *out++ = *in;
            continue;
        }
        next = escaped(in, quote);
        if (next)
            *out++ = *++in;
        else if (quote == '\0' && (*in == '"' || *in == '\''))
            quote = *in;
        else if (*in == quote && quote)
            quote = '\0';
        else
            *out++ = *in;
        end = out;
    }
    *end = '\0';
    return quote == '\0';
}

/* One line; what cannot be read is left out. 0 or -ENOMEM. */
static int os_release_line(char *line, struct json_object *value)
{
    char *equals;
    const char *member;

    line += strspn(line, " \t\r");
    equals = strchr(line, '=');
    if (*line == '#' || !equals)
        return 0;
    *equals = '\0';
    member = os_release_member(trim(line));
    if (!member || !unquote(equals + 1))
        return 0;
    return json_add_str(value, member, equals + 1); /* replaces an earlier one: the last wins */
}

static int os_release_read(const struct sysroot *root, struct buf *ret_text)
{
    static const struct sysroot real_root = { .prefix = "" };
    const char *other = getenv("QGA_OS_RELEASE");
    int r;

    if (other && *other)
        return sysroot_read(&real_root, other, ret_text);
    r = sysroot_read(root, "/etc/os-release", ret_text);
    if (r == -ENOENT)
        r = sysroot_read(root, "/usr/lib/os-release", ret_text);
    return r;
}

/* Without a readable file the members are left out: the kernel's are there at any rate. */
static int add_os_release(const struct sysroot *root, struct json_object *value)
{
    CLEANUP(buf_done) struct buf text = { 0 };
    char *line, *rest;

    if (os_release_read(root, &text) < 0)
        return 0;
    rest = buf_terminate(&text);
    if (!rest)
        return -ENOMEM;
    while ((line = strsep(&rest, "\n"))) {
        if (os_release_line(line, value) < 0)
            return -ENOMEM;
    }
    return 0;
}

int cmd_get_osinfo(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    CLEANUP(json_putp) struct json_object *value = json_object_new_object();
    struct utsname kernel;

    (void)args;
    if (uname(&kernel) < 0)
        return cmd_fail_errno(&reply->error, errno, "failed to get the kernel's name");
    if (json_add_str(value, "kernel-release", kernel.release) < 0 ||
        json_add_str(value, "kernel-version", kernel.version) < 0 ||
        json_add_str(value, "machine", kernel.machine) < 0 || add_os_release(&env->root, value) < 0)
        return reply_failed(reply);
    reply->value = TAKE_PTR(value);
    return 0;
}
