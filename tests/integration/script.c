/*
 * script.c - two memory streams, one for each direction.
 */
#include "script.h"

void script_begin(struct script *script)
{
    *script = (struct script){ 0 };
    script->to_send = open_memstream(&script->requests, &script->requests_len);
    script->to_expect = open_memstream(&script->replies, &script->replies_len);
    assert_non_null(script->to_send);
    assert_non_null(script->to_expect);
}

void script_run(struct script *script, struct client *client)
{
    char *reply, *rest;

    fclose(script->to_send);
    fclose(script->to_expect);
    client_send_bytes(client, script->requests, script->requests_len);
    rest = script->replies;
    while ((reply = strsep(&rest, "\n")) && *reply)
        assert_string_equal(client_line(client), reply);
    client_sync(client);
    free(script->requests);
    free(script->replies);
}

void add_reply(struct script *script, int id, const char *value)
{
    fprintf(script->to_expect, "{\"return\": %s, \"id\": %d}\n", value, id);
}

void add_error(struct script *script, int id, const char *text)
{
    fprintf(script->to_expect,
            "{\"id\": %d, \"error\": {\"class\": \"GenericError\", \"desc\": \"%s\"}}\n", id, text);
}

void add_open(struct script *script, int id, const char *path, const char *mode)
{
    fprintf(script->to_send,
            "{\"execute\":\"guest-file-open\",\"id\":%d,\"arguments\":{\"path\":\"%s\","
            "\"mode\":\"%s\"}}",
            id, path, mode);
}

void add_file(struct script *script, int id, const char *command, int64_t handle,
              const char *arguments)
{
    fprintf(script->to_send,
            "{\"execute\":\"guest-file-%s\",\"id\":%d,\"arguments\":{\"handle\":%" PRId64 "%s}}",
            command, id, handle, arguments);
}
