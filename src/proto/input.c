#include "proto/input.h"

#include "base/block.h"

#include <errno.h>

#define IDLE_MAX  (16 * KIB) /* what an empty buffer keeps */
#define SHORT_MAX 16         /* short reads in a row until less room is offered */

void input_done(struct input *input)
{
    block_free(input->data, input->cap);
    input->data = NULL;
    input->len = input->cap = 0;
}

size_t input_wants(const struct input *input, size_t most)
{
    size_t need = input->len + input->read_size;

    if (need <= input->cap || input->len < INPUT_READ_MAX)
        return need;
    return MAX_OF(need, MIN_OF(input->len * 2, most + INPUT_READ_MAX)); /* so growing is linear */
}

int input_grow(struct input *input, size_t want)
{
    char *data;

    if (want <= input->cap)
        return 0;
    if (input->len == 0)
        input_done(input); /* nothing to copy */
    data = block_grow(input->data, input->len, &input->cap, want, SIZE_MAX);
    if (!data)
        return -ENOMEM;
    input->data = data;
    return 0;
}

void input_fed(struct input *input, size_t len)
{
    if (len == input->cap - input->len) {
        input->read_size = MIN_OF(input->read_size * 4, INPUT_READ_MAX);
        input->short_reads = 0;
    } else if (len > input->read_size / 4) {
        input->short_reads = 0;
    } else if (++input->short_reads >= SHORT_MAX) {
        input->read_size = MAX_OF(input->read_size / 4, INPUT_READ_MIN);
        input->short_reads = 0;
    }
    input->len += len;
}

void input_cut(struct input *input, size_t from, size_t to)
{
    if (input->len > to)
        memmove(input->data + from, input->data + to, input->len - to);
    input->len -= to - from;
}

void input_clear(struct input *input)
{
    input->len = 0;
    if (input->cap > IDLE_MAX)
        input_done(input);
}

int input_leave(struct input *input, size_t pos)
{
    size_t cap = 0, tail = input->len - pos;
    char *data = NULL;

    if (tail > 0) {
        data = block_grow(NULL, 0, &cap, tail + input->read_size, SIZE_MAX);
        if (!data)
            return -ENOMEM;
        memcpy(data, input->data + pos, tail);
    }
    input->data = data;
    input->cap = cap;
    input->len = tail;
    return 0;
}
