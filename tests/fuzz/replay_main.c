/* Runs one fuzz target on files, without libFuzzer. */
#include "fuzz.h"

#include "base/buf.h"

static int replay(const char *path)
{
    struct buf input = { 0 };
    FILE *file = fopen(path, "re");
    char part[4096];
    size_t len;

    if (!file) {
        perror(path);
        return -1;
    }
    while ((len = fread(part, 1, sizeof(part), file)) > 0)
        buf_append(&input, part, len);
    fclose(file);
    LLVMFuzzerTestOneInput((const uint8_t *)buf_terminate(&input), input.len);
    buf_done(&input);
    return 0;
}

int main(int argc, char **argv)
{
    int i;

    if (argc < 2) {
        fprintf(stderr, "no inputs\n");
        return 1;
    }
    for (i = 1; i < argc; i++) {
        if (replay(argv[i]) < 0)
            return 1;
    }
    printf("%d inputs\n", argc - 1);
    return 0;
}
