#include "file_model.h"

#define REPLY(...)                                                                                 \
    do {                                                                                           \
        char *reply_;                                                                              \
        assert_true(asprintf(&reply_, __VA_ARGS__) >= 0);                                          \
        return reply_;                                                                             \
    } while (0)

void model_open(struct model_handle *handle, struct model_file *file, const char *mode)
{
    *handle = (struct model_handle){
        .file = file,
        .reads = mode[0] == 'r' || strchr(mode, '+'),
        .writes = mode[0] != 'r' || strchr(mode, '+'),
        .appends = mode[0] == 'a',
    };
    if (mode[0] == 'w')
        file->size = 0;
}

static char *read_reply(const unsigned char *bytes, size_t len, bool eof, int id)
{
    char *encoded = base64_of(bytes, len), *reply;

    assert_true(asprintf(&reply,
                         "{\"return\": {\"buf-b64\": \"%s\", \"count\": %zu, \"eof\": %s}, "
                         "\"id\": %d}",
                         encoded, len, eof ? "true" : "false", id) >= 0);
    free(encoded);
    return reply;
}

char *model_read(struct model_handle *handle, size_t count, int id)
{
    struct model_file *file = handle->file;
    size_t left = file->size > handle->position ? file->size - handle->position : 0;
    size_t len = MIN_OF(count, left);
    const unsigned char *bytes = file->bytes + handle->position;

    if (!handle->reads)
        return NULL;
    if (len == 0)
        bytes = file->bytes;
    handle->position += len;
    return read_reply(bytes, len, len < count, id);
}

size_t model_room(const struct model_handle *handle)
{
    size_t start = handle->appends ? handle->file->size : handle->position;

    return start < MODEL_FILE_MAX ? MODEL_FILE_MAX - start : 0;
}

char *model_write(struct model_handle *handle, const void *data, size_t len, int id)
{
    struct model_file *file = handle->file;

    if (!handle->writes)
        return NULL;
    if (handle->appends)
        handle->position = file->size;
    if (handle->position > file->size) /* a hole */
        memset(file->bytes + file->size, 0, handle->position - file->size);
    memcpy(file->bytes + handle->position, data, len);
    handle->position += len;
    file->size = MAX_OF(file->size, handle->position);
    REPLY("{\"return\": {\"count\": %zu, \"eof\": false}, \"id\": %d}", len, id);
}

char *model_seek(struct model_handle *handle, int64_t offset, int whence, int id)
{
    size_t start[] = { 0, handle->position, handle->file->size };
    int64_t position = (int64_t)start[whence] + offset;

    if (position < 0)
        return NULL;
    handle->position = (size_t)position;
    REPLY("{\"return\": {\"position\": %zu, \"eof\": false}, \"id\": %d}", handle->position, id);
}
