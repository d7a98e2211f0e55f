/*
 * What files and handles hold when requests are served one after the other: a model to compare an
 * agent with. It knows the replies of guest-file-read, -write, -seek, -flush and -close to the byte.
 *
 * Threads    none of its own; each client of a test has its own files.
 * Ownership  replies are to be freed by the caller.
 */
#pragma once

#include "fixture.h"

#define MODEL_FILE_MAX (64 * KIB)

struct model_file {
    unsigned char bytes[MODEL_FILE_MAX];
    size_t size;
};

struct model_handle {
    struct model_file *file;
    bool reads, writes, appends;
    size_t position;
};

/* As the mode of fopen(3) says: "r", "r+", "w", "w+" or "a". Truncates the file for "w". */
void model_open(struct model_handle *handle, struct model_file *file, const char *mode);

/* The reply to each request with this id. NULL: an error, whose text is not the model's business. */
char *model_read(struct model_handle *handle, size_t count, int id);
/* `data` must fit into MODEL_FILE_MAX at the position; model_room() tells. */
char *model_write(struct model_handle *handle, const void *data, size_t len, int id);
size_t model_room(const struct model_handle *handle);
/* `whence` 0 set, 1 cur, 2 end. */
char *model_seek(struct model_handle *handle, int64_t offset, int whence, int id);
