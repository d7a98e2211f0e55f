/*
 * exec_calls.c
 */
#include "exec_calls.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int64_t exec_run(struct client *client, const char *script, const char *capture)
{
    client_ask(client,
               "{\"execute\":\"guest-exec\",\"arguments\":{\"path\":\"/bin/sh\","
               "\"arg\":[\"-c\",\"%s\"],\"capture-output\":%s}}",
               script, capture);
    return reply_int(client->line, "pid");
}

const char *exec_status(struct client *client, int64_t pid)
{
    return client_ask(
        client, "{\"execute\":\"guest-exec-status\",\"arguments\":{\"pid\":%" PRId64 "}}", pid);
}

const char *exec_wait(struct client *client, int64_t pid)
{
    int64_t deadline = monotonic_ms() + PATIENCE_MS;

    while (reply_has(exec_status(client, pid), "\"exited\": false")) {
        assert_true(monotonic_ms() < deadline);
        nap_ms(2);
    }
    return client->line;
}

char *exec_output(const char *line, const char *key, size_t *ret_len)
{
    char *text = reply_str(line, key), *bytes;
    size_t len;

    if (!text)
        return NULL;
    bytes = base64_bytes(text, &len);
    free(text);
    if (ret_len)
        *ret_len = len;
    return bytes;
}

void assert_output(const char *line, const char *key, const char *expected)
{
    char *text = exec_output(line, key, NULL);

    if (!expected)
        assert_null(text);
    else
        assert_string_equal(text ? text : "(none)", expected);
    free(text);
}

const char *gate_make(const struct agent_process *agent)
{
    const char *path = agent_path(agent, "gate");

    assert_int_equal(mkfifo(path, 0600), 0);
    return path;
}

void gate_open(const char *path)
{
    int64_t deadline = monotonic_ms() + PATIENCE_MS;
    int fd = -1;

    while (fd < 0 && monotonic_ms() < deadline) {
        fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0)
            nap_ms(2);
    }
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "\n", 1), 1);
    close(fd);
}
