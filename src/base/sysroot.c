#include "base/sysroot.h"

#include "base/fdio.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <unistd.h>

#define FILE_MAX_BYTES (16 * MIB)

/* `path` becomes prefix + the formatted path; evaluates to 0 or -ENAMETOOLONG. */
#define FORMAT_PATH(root, path, format)                                                            \
    ({                                                                                             \
        va_list args_;                                                                             \
        int formatted_;                                                                            \
                                                                                                   \
        va_start(args_, format);                                                                   \
        formatted_ = format_path(root, path, format, args_);                                       \
        va_end(args_);                                                                             \
        formatted_;                                                                                \
    })

static PRINTF_LIKE(3, 0) int format_path(const struct sysroot *root, char path[SYSROOT_PATH_MAX],
                                         const char *format, va_list args)
{
    size_t len = strlen(root->prefix);
    int n;

    memcpy(path, root->prefix, len);
    n = vsnprintf(path + len, SYSROOT_PATH_MAX - len, format, args);
    return n < 0 || (size_t)n >= SYSROOT_PATH_MAX - len ? -ENAMETOOLONG : 0;
}

int sysroot_init(struct sysroot *root, const char *prefix)
{
    size_t len = prefix ? strlen(prefix) : 0;

    while (len > 0 && prefix[len - 1] == '/') /* "/" is the real root, too */
        len--;
    if (len >= sizeof(root->prefix))
        return -ENAMETOOLONG;
    memcpy(root->prefix, prefix ? prefix : "", len);
    root->prefix[len] = '\0';
    return 0;
}

int sysroot_path(const struct sysroot *root, const char *path, char ret_path[SYSROOT_PATH_MAX])
{
    int n = snprintf(ret_path, SYSROOT_PATH_MAX, "%s%s", root->prefix, path);

    return n < 0 || n >= SYSROOT_PATH_MAX ? -ENAMETOOLONG : 0;
}

static int open_path(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

int sysroot_open(const struct sysroot *root, const char *path, int flags)
{
    char full[SYSROOT_PATH_MAX];
    int r = sysroot_path(root, path, full);

    return r < 0 ? r : open_path(full, flags);
}

int sysroot_read(const struct sysroot *root, const char *path, struct buf *ret_text)
{
    CLEANUP(fd_closep) int fd = sysroot_open(root, path, O_RDONLY);
    CLEANUP(buf_done) struct buf text = { 0 };
    int r;

    if (fd < 0)
        return fd;
    r = fd_read_all(fd, FILE_MAX_BYTES, &text);
    if (r < 0)
        return r;
    if (!buf_terminate(&text))
        return -ENOMEM;
    *ret_text = buf_take(&text);
    return 0;
}

/* Ends `line` before its newline and the blanks in front of that. */
static void cut_line(char *line)
{
    size_t len = strcspn(line, "\n");

    while (len > 0 && (line[len - 1] == ' ' || line[len - 1] == '\t' || line[len - 1] == '\r'))
        len--;
    line[len] = '\0';
}

/* The file's first bytes, up to its end or the read that holds a newline: one is enough for what sysfs gives
 * out, since an attribute comes whole. */
static int read_text_at(const char *path, char *ret_text, size_t size)
{
    CLEANUP(fd_closep) int fd = open_path(path, O_RDONLY);
    size_t len = 0;

    CHECK(size > 0);
    if (fd < 0)
        return fd;
    while (len < size - 1) {
        ssize_t n = read(fd, ret_text + len, size - 1 - len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0 || memchr(ret_text + len, '\n', (size_t)n)) {
            len += (size_t)n;
            break;
        }
        len += (size_t)n;
    }
    ret_text[len] = '\0';
    return 0;
}

static int read_line_at(const char *path, char *ret_line, size_t size)
{
    int r = read_text_at(path, ret_line, size);

    if (r == 0)
        cut_line(ret_line);
    return r;
}

int sysroot_read_text(const struct sysroot *root, char *ret_text, size_t size, const char *format,
                      ...)
{
    char path[SYSROOT_PATH_MAX];
    int r = FORMAT_PATH(root, path, format);

    return r < 0 ? r : read_text_at(path, ret_text, size);
}

int sysroot_read_line(const struct sysroot *root, char *ret_line, size_t size, const char *format,
                      ...)
{
    char path[SYSROOT_PATH_MAX];
    int r = FORMAT_PATH(root, path, format);

    return r < 0 ? r : read_line_at(path, ret_line, size);
}

int sysroot_read_u64(const struct sysroot *root, uint64_t *ret_value, const char *format, ...)
{
    char path[SYSROOT_PATH_MAX], line[64], *end;
    unsigned long long value;
    bool hex;
    int r;

    r = FORMAT_PATH(root, path, format);
    if (r < 0)
        return r;
    r = read_line_at(path, line, sizeof(line));
    if (r < 0)
        return r;
    hex = line[0] == '0' && (line[1] == 'x' || line[1] == 'X');
    if (line[0] < '0' || line[0] > '9') /* strtoull would take a sign and blanks */
        return -EINVAL;
    errno = 0;
    value = strtoull(line, &end, hex ? 16 : 10);
    if (*end != '\0' || errno != 0)
        return -EINVAL;
    *ret_value = value;
    return 0;
}

int sysroot_write(const struct sysroot *root, const char *text, const char *format, ...)
{
    char path[SYSROOT_PATH_MAX];
    CLEANUP(fd_closep) int fd = -1;
    ssize_t n;
    int r;

    r = FORMAT_PATH(root, path, format);
    if (r < 0)
        return r;
    fd = open_path(path, O_WRONLY | O_TRUNC);
    if (fd < 0)
        return fd;
    do
        n = write(fd, text, strlen(text));
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    return (size_t)n == strlen(text) ? 0 : -EIO;
}

int sysroot_readlink(const struct sysroot *root, char *ret_target, size_t size, const char *format,
                     ...)
{
    char path[SYSROOT_PATH_MAX];
    ssize_t n;
    int r;

    r = FORMAT_PATH(root, path, format);
    if (r < 0)
        return r;
    n = readlink(path, ret_target, size);
    if (n < 0)
        return -errno;
    if ((size_t)n >= size)
        return -ENAMETOOLONG;
    ret_target[n] = '\0';
    return 0;
}

/* `full` without the resolved prefix; -EXDEV if a link led out of the tree. */
static int strip_prefix(const struct sysroot *root, const char *full,
                        char ret_path[SYSROOT_PATH_MAX])
{
    char prefix[PATH_MAX] = "";
    size_t len;

    if (root->prefix[0] && !realpath(root->prefix, prefix))
        return -errno;
    len = strlen(prefix);
    if (strncmp(full, prefix, len) != 0 || (full[len] != '/' && full[len] != '\0'))
        return -EXDEV;
    strcpy(ret_path, full[len] ? full + len : "/"); /* no longer than PATH_MAX */
    return 0;
}

int sysroot_realpath(const struct sysroot *root, char ret_path[SYSROOT_PATH_MAX],
                     const char *format, ...)
{
    char path[SYSROOT_PATH_MAX], full[PATH_MAX];
    int r;

    static_assert(SYSROOT_PATH_MAX >= PATH_MAX, "realpath(3) fills PATH_MAX bytes");
    r = FORMAT_PATH(root, path, format);
    if (r < 0)
        return r;
    if (!realpath(path, full))
        return -errno;
    return strip_prefix(root, full, ret_path);
}

int sysroot_follow(const struct sysroot *root, char ret_path[SYSROOT_PATH_MAX], const char *dir,
                   const char *name)
{
    char target[SYSROOT_PATH_MAX];
    const char *rest = target;
    size_t len = strlen(dir);
    int r = sysroot_readlink(root, target, sizeof(target), "%s/%s", dir, name);

    if (r < 0)
        return r;
    if (target[0] == '/')
        return sysroot_realpath(root, ret_path, "%s/%s", dir, name);
    while (strncmp(rest, "../", 3) == 0) {
        rest += 3;
        while (len > 0 && dir[--len] != '/')
            ;
    }
    return snprintf(ret_path, SYSROOT_PATH_MAX, "%.*s/%s", (int)len, dir, rest) < SYSROOT_PATH_MAX
               ? 0
               : -ENAMETOOLONG;
}

bool sysroot_exists(const struct sysroot *root, const char *format, ...)
{
    char path[SYSROOT_PATH_MAX];

    return FORMAT_PATH(root, path, format) == 0 && access(path, F_OK) == 0;
}

DIR *sysroot_opendir(const struct sysroot *root, const char *format, ...)
{
    char path[SYSROOT_PATH_MAX];
    int r = FORMAT_PATH(root, path, format);

    if (r < 0) {
        errno = -r;
        return NULL;
    }
    return opendir(path);
}
