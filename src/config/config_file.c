/*
 * config/config_file.c - one pass over the lines; each is a comment, a group or a key.
 *
 * Lines are C strings, so a NUL ends its line, as in GLib. What GLib accepts in names of groups
 * and keys is accepted here; the parts of a locale ("key[de]") stay part of the name, which then
 * is no key that anybody asks for.
 */
#include "config/config_file.h"

#include "base/fdio.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

struct reader {
    config_file_fn *fn;
    void *ctx;
    unsigned line;
    const char *group; /* NULL before the first one */
    const char *first_group;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

static char *skip_blanks(char *text)
{
    while (is_blank(*text))
        text++;
    return text;
}

static bool group_name_ok(const char *name)
{
    if (*name == '\0')
        return false;
    for (; *name != '\0'; name++) {
        if (*name == '[' || iscntrl((unsigned char)*name))
            return false;
    }
    return true;
}

/* "[name]", blanks behind it. False: the line is no group at all. */
static bool group_split(char *line, char **ret_name)
{
    char *end;

    if (*line != '[')
        return false;
    end = strchr(line, ']');
    if (end == NULL || end[1 + strspn(end + 1, " \t")] != '\0')
        return false;
    *end = '\0';
    *ret_name = line + 1;
    return true;
}

/* Letters, digits and a few marks, and all that is not ASCII: GLib asks Unicode what a letter
 * is, but a name in another script is unknown in any case. */
static bool locale_char(char c)
{
    return isalnum((unsigned char)c) || strchr("-_.@", c) != NULL || (unsigned char)c >= 0x80;
}

/* "name" or "name[locale]", without blanks at its ends. */
static bool key_name_ok(const char *name)
{
    size_t len = strcspn(name, "=[]");

    if (len == 0 || name[0] == ' ' || name[len - 1] == ' ')
        return false;
    name += len;
    if (*name == '[') {
        name++;
        while (*name != '\0' && locale_char(*name))
            name++;
        if (*name != ']')
            return false;
        name++;
    }
    return *name == '\0';
}

/* "key = value". False: the line is no such pair at all. */
static bool pair_split(char *line, char **ret_key, char **ret_raw)
{
    char *equals = strchr(line, '=');
    char *end = equals;

    if (equals == NULL || equals == line)
        return false;
    while (end > line && is_blank(end[-1]))
        end--;
    *ret_raw = skip_blanks(equals + 1);
    *end = '\0';
    *ret_key = line;
    return true;
}

static int take_pair(struct reader *reader, const char *key, const char *raw,
                     struct cmd_error *reterr)
{
    if (reader->group == NULL)
        return cmd_fail(reterr, "Key file does not start with a group");
    if (!key_name_ok(key))
        return cmd_fail(reterr, "Invalid key name: %s", key);
    if (strcmp(key, "Encoding") == 0 && strcmp(reader->group, reader->first_group) == 0 &&
        strcasecmp(raw, "UTF-8") != 0)
        return cmd_fail(reterr, "Key file contains unsupported encoding '%s'", raw);
    return reader->fn(reader->ctx, reader->line, reader->group, key, raw, reterr);
}

static int take_group(struct reader *reader, const char *name, struct cmd_error *reterr)
{
    if (!group_name_ok(name))
        return cmd_fail(reterr, "Invalid group name: %s", name);
    reader->group = name;
    if (reader->first_group == NULL)
        reader->first_group = name;
    return 0;
}

static int take_line(struct reader *reader, char *line, struct cmd_error *reterr)
{
    char *start = skip_blanks(line);
    char *name, *key, *raw;

    if (*start == '#' || *start == '\0')
        return 0;
    if (group_split(start, &name))
        return take_group(reader, name, reterr);
    if (pair_split(start, &key, &raw))
        return take_pair(reader, key, raw, reterr);
    return cmd_fail(reterr,
                    "Key file contains line '%s' which is not a key-value pair, group, or comment",
                    line);
}

int config_file_parse(char *text, size_t len, config_file_fn *fn, void *ctx,
                      struct cmd_error *reterr)
{
    struct reader reader = { .fn = fn, .ctx = ctx };
    char *end = text + len;

    while (text < end) {
        char *line = text;
        char *newline = memchr(line, '\n', (size_t)(end - line));

        if (newline == NULL)
            newline = end; /* a last line without one keeps its '\r', if any, as in GLib */
        else if (newline > line && newline[-1] == '\r')
            newline[-1] = '\0';
        *newline = '\0';
        text = newline + 1;
        reader.line++;
        if (take_line(&reader, line, reterr) < 0)
            return -1;
    }
    return 0;
}

static int read_text(const char *path, struct buf *ret_text, struct cmd_error *reterr)
{
    CLEANUP(fd_closep) int fd = -1;
    struct stat st;
    int r;

    /* Non-blocking, since it may turn out to be a FIFO. */
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT)
        return -ENOENT;
    if (fd < 0 || fstat(fd, &st) < 0)
        return cmd_fail(reterr, "%s", err_text(errno));
    if (!S_ISREG(st.st_mode))
        return cmd_fail(reterr, "Not a regular file");
    r = fd_read_all(fd, CONFIG_FILE_MAX, ret_text);
    if (r < 0)
        return cmd_fail(reterr, "%s", err_text(r));
    if (buf_terminate(ret_text) == NULL)
        return cmd_fail(reterr, "%s", err_text(ENOMEM));
    return 0;
}

int config_file_read(const char *path, config_file_fn *fn, void *ctx, struct cmd_error *reterr)
{
    CLEANUP(buf_done) struct buf text = { 0 };
    int r;

    r = read_text(path, &text, reterr);
    if (r < 0)
        return r;
    return config_file_parse(text.data, text.len, fn, ctx, reterr);
}

/* Bytes of the UTF-8 sequence at `text`, 0 if it is none (overlong forms and surrogates are
 * none). */
static size_t utf8_len(const unsigned char *text)
{
    uint32_t code;
    size_t len, i;

    if (text[0] < 0x80)
        return 1;
    if (text[0] < 0xC2 || text[0] > 0xF4)
        return 0;
    len = text[0] < 0xE0 ? 2 : text[0] < 0xF0 ? 3 : 4;
    code = text[0] & (0xFFu >> (len + 1));
    for (i = 1; i < len; i++) {
        if ((text[i] & 0xC0) != 0x80)
            return 0;
        code = code << 6 | (text[i] & 0x3Fu);
    }
    if (len == 3 && (code < 0x800 || (code >= 0xD800 && code <= 0xDFFF)))
        return 0;
    if (len == 4 && (code < 0x10000 || code > 0x10FFFF))
        return 0;
    return len;
}

static bool utf8_ok(const char *text)
{
    while (*text != '\0') {
        size_t len = utf8_len((const unsigned char *)text);

        if (len == 0)
            return false;
        text += len;
    }
    return true;
}

/* What backslash and `c` stand for; '\0' if nothing. */
static char unescape(char c, const char *also)
{
    static const char from[] = "sntr\\", to[] = " \n\t\r\\";
    const char *found;

    if (c == '\0')
        return '\0';
    found = strchr(from, c);
    if (found != NULL)
        return to[found - from];
    return strchr(also, c) != NULL ? c : '\0';
}

char *config_file_string(const char *key, const char *raw, const char *also,
                         struct cmd_error *reterr)
{
    CLEANUP(free_ptr) char *text = NULL;
    char *out;

    if (!utf8_ok(raw)) {
        cmd_fail(reterr, "Key file contains key '%s' with value '%s' which is not UTF-8", key, raw);
        return NULL;
    }
    text = malloc(strlen(raw) + 1);
    if (text == NULL) {
        cmd_fail(reterr, "%s", err_text(ENOMEM));
        return NULL;
    }
    for (out = text; *raw != '\0'; raw++) {
        *out = *raw;
        if (*raw == '\\') {
            raw++;
            *out = unescape(*raw, also);
            if (*out == '\0') {
                cmd_fail(reterr,
                         "Key file contains key '%s' which has a value that cannot be "
                         "interpreted.",
                         key);
                return NULL;
            }
        }
        out++;
    }
    *out = '\0';
    return TAKE_PTR(text);
}
