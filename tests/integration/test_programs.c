/*
 * Random programs of file commands, sent without waiting, against a model that serves one by one.
 */
#include "script.h"

#define MODEL_FILES   5
#define MODEL_HANDLES 24
#define FILE_MAX      65536

struct model_file {
    bool exists;
    size_t len;
    unsigned char data[FILE_MAX];
};

struct model_handle {
    bool open, reads, writes, appends;
    int file;
    size_t position;
};

struct model {
    struct model_file files[MODEL_FILES];
    struct model_handle handles[MODEL_HANDLES]; /* of the last that were opened */
    int64_t first, next;                        /* handle numbers */
    uint32_t seed;
    int id;
};

static struct model_handle *model_find(struct model *model, int64_t number)
{
    struct model_handle *handle = &model->handles[number % MODEL_HANDLES];
    bool known =
        number >= model->first && number < model->next && number + MODEL_HANDLES >= model->next;

    return known && handle->open ? handle : NULL;
}

/* One of the recent handles, open or not. */
static int64_t model_pick(struct model *model)
{
    return model->next - 1 - (int64_t)(random_next(&model->seed) % 10);
}

static void model_open(struct model *model, struct script *script,
                       const struct agent_process *agent)
{
    static const char *const modes[] = { "r", "r+", "w", "w+", "a", "a+" };
    const char *mode = modes[random_next(&model->seed) % ARRAY_LEN(modes)];
    int number = (int)(random_next(&model->seed) % MODEL_FILES);
    struct model_handle *handle = &model->handles[model->next % MODEL_HANDLES];
    struct model_file *file = &model->files[number];
    char name[16], text[300];

    if (handle->open) /* the program keeps few open */
        return;
    snprintf(name, sizeof(name), "m%d", number);
    add_open(script, model->id, agent_path(agent, name), mode);
    if (mode[0] == 'r' && !file->exists) {
        snprintf(text, sizeof(text),
                 "failed to open file '%s' (mode: '%s'): No such file or directory",
                 agent_path(agent, name), mode);
        add_error(script, model->id, text);
        return;
    }
    file->exists = true;
    if (mode[0] == 'w')
        file->len = 0;
    *handle = (struct model_handle){ .open = true,
                                     .reads = mode[0] == 'r' || mode[1] == '+',
                                     .writes = mode[0] != 'r' || mode[1] == '+',
                                     .appends = mode[0] == 'a',
                                     .file = number };
    fprintf(script->to_expect, "{\"return\": %" PRId64 ", \"id\": %d}\n", model->next, model->id);
    model->next++;
}

static void model_unknown(const struct model *model, struct script *script, int64_t number)
{
    char text[80];

    snprintf(text, sizeof(text), "handle '%" PRId64 "' has not been found", number);
    add_error(script, model->id, text);
}

static void model_read(struct model *model, struct script *script)
{
    size_t count = random_next(&model->seed) % 300, left = 0;
    int64_t number = model_pick(model);
    struct model_handle *handle = model_find(model, number);
    const struct model_file *file = handle ? &model->files[handle->file] : NULL;
    char arguments[40], *encoded, *text;

    snprintf(arguments, sizeof(arguments), ",\"count\":%zu", count);
    add_file(script, model->id, "read", number, arguments);
    if (!handle)
        return model_unknown(model, script, number);
    if (!handle->reads && count > 0)
        return add_error(script, model->id, "failed to read file: Bad file descriptor");
    if (file->len > handle->position)
        left = file->len - handle->position;
    left = MIN_OF(left, count);
    encoded = base64_of(file->data + handle->position, left);
    assert_true(asprintf(&text, "{\"buf-b64\": \"%s\", \"count\": %zu, \"eof\": %s}", encoded, left,
                         left < count ? "true" : "false") >= 0);
    add_reply(script, model->id, text);
    handle->position += left;
    free(encoded);
    free(text);
}

static void model_write(struct model *model, struct script *script)
{
    size_t count = random_next(&model->seed) % 200;
    int64_t number = model_pick(model);
    struct model_handle *handle = model_find(model, number);
    struct model_file *file = handle ? &model->files[handle->file] : NULL;
    unsigned char data[200];
    char *encoded, *text;

    for (size_t i = 0; i < count; i++)
        data[i] = (unsigned char)random_next(&model->seed);
    encoded = base64_of(data, count);
    assert_true(asprintf(&text, ",\"buf-b64\":\"%s\"", encoded) >= 0);
    add_file(script, model->id, "write", number, text);
    free(encoded);
    free(text);
    if (!handle)
        return model_unknown(model, script, number);
    if (!handle->writes && count > 0)
        return add_error(script, model->id, "failed to write to file: Bad file descriptor");
    if (count > 0) {
        if (handle->appends)
            handle->position = file->len;
        assert_true(handle->position + count <= FILE_MAX);
        if (handle->position > file->len)
            memset(file->data + file->len, 0, handle->position - file->len);
        memcpy(file->data + handle->position, data, count);
        handle->position += count;
        file->len = MAX_OF(file->len, handle->position);
    }
    fprintf(script->to_expect, "{\"return\": {\"count\": %zu, \"eof\": false}, \"id\": %d}\n",
            count, model->id);
}

static void model_seek(struct model *model, struct script *script)
{
    static const char *const whences[] = { "\"set\"", "\"cur\"", "2" };
    uint32_t whence = random_next(&model->seed) % 3;
    int64_t offset = (int64_t)(random_next(&model->seed) % 300) - 60;
    int64_t number = model_pick(model);
    struct model_handle *handle = model_find(model, number);
    char arguments[80];

    snprintf(arguments, sizeof(arguments), ",\"offset\":%" PRId64 ",\"whence\":%s", offset,
             whences[whence]);
    add_file(script, model->id, "seek", number, arguments);
    if (!handle)
        return model_unknown(model, script, number);
    if (whence == 1)
        offset += (int64_t)handle->position;
    else if (whence == 2)
        offset += (int64_t)model->files[handle->file].len;
    if (offset < 0)
        return add_error(script, model->id, "failed to seek file: Invalid argument");
    handle->position = (size_t)offset;
    fprintf(script->to_expect,
            "{\"return\": {\"position\": %" PRId64 ", \"eof\": false}, \"id\": %d}\n", offset,
            model->id);
}

static void model_end(struct model *model, struct script *script, const char *command)
{
    int64_t number = model_pick(model);
    struct model_handle *handle = model_find(model, number);

    add_file(script, model->id, command, number, "");
    if (!handle)
        return model_unknown(model, script, number);
    if (strcmp(command, "close") == 0)
        handle->open = false;
    add_reply(script, model->id, "{}");
}

static void model_step(struct model *model, struct script *script,
                       const struct agent_process *agent)
{
    uint32_t choice = random_next(&model->seed) % 100;

    model->id++;
    if (choice < 12)
        model_open(model, script, agent);
    else if (choice < 20)
        model_end(model, script, "close");
    else if (choice < 24)
        model_end(model, script, "flush");
    else if (choice < 50)
        model_read(model, script);
    else if (choice < 80)
        model_write(model, script);
    else
        model_seek(model, script);
}

static void model_check_files(const struct model *model, const struct agent_process *agent)
{
    for (int i = 0; i < MODEL_FILES; i++) {
        char name[16], *text;
        size_t len;

        snprintf(name, sizeof(name), "m%d", i);
        text = read_file(agent_path(agent, name), &len);
        assert_int_equal(text != NULL, model->files[i].exists);
        if (!text)
            continue;
        assert_int_equal(len, model->files[i].len);
        assert_memory_equal(text, model->files[i].data, len);
        free(text);
    }
}

static void random_programs_give_what_a_serial_agent_gives(void **state)
{
    struct model *model = calloc(1, sizeof(*model));
    struct client client;

    assert_non_null(model);
    client_open(&client, *state);
    model->first = model->next = 1000;
    for (uint32_t seed = 1; seed <= 12; seed++) {
        struct script script;

        model->seed = seed;
        script_begin(&script);
        for (int i = 0; i < 500; i++)
            model_step(model, &script, *state);
        script_run(&script, &client);
        model_check_files(model, *state);
    }
    client_close(&client);
    free(model);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup_agent, teardown_agent)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(random_programs_give_what_a_serial_agent_gives),
    };

    return cmocka_run_group_tests_name("programs", tests, NULL, NULL);
}
