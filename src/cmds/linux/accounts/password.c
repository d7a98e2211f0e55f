/*
 * cmds/linux/accounts/password.c - guest-set-user-password by chpasswd(8).
 *
 * The password goes through the program's standard input, never its arguments. The copies that
 * this command makes are wiped; the request is by whoever frees it (CMD_SECRET).
 */
#include "cmds/linux/linux.h"
#include "cmds/linux/program.h"
#include "proto/base64.h"

#include <errno.h>

#define WORDS_MAX_BYTES     KIB   /* of chpasswd's output in the error */
#define CHPASSWD_TIMEOUT_MS 60000 /* it waits for the lock on the password file */

const struct arg_spec args_set_user_password[] = {
    ARG_REQ(ARG_STR, password_args, username, "username"),
    { .name = "password",
      .type = ARG_STR,
      .required = true,
      .binary = true,
      .offset = offsetof(struct password_args, password) },
    ARG_REQ(ARG_BOOL, password_args, crypted, "crypted"),
    { 0 },
};

static void wipe_buf(struct buf *buf)
{
    if (buf->data)
        explicit_bzero(buf->data, buf->cap);
    buf_done(buf);
}

/* Clients wrap base64 in lines or put a newline behind it. */
static size_t drop_blanks(char *text, size_t len)
{
    size_t kept = 0;

    for (size_t i = 0; i < len; i++) {
        if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r' && text[i] != '\n')
            text[kept++] = text[i];
    }
    return kept;
}

/* What chpasswd said, or the last of it. */
static int fail_with_output(struct cmd_error *reterr, const struct spawn_result *result)
{
    size_t end = result->output.len, start;
    char text[64];

    spawn_result_text(result, text, sizeof(text));
    while (end > 0 && result->output.data[end - 1] == '\n')
        end--;
    start = end > WORDS_MAX_BYTES ? end - WORDS_MAX_BYTES : 0;
    if (start == end)
        return cmd_fail(reterr, "chpasswd failed to set user password: %s", text);
    return cmd_fail(reterr, "chpasswd failed to set user password: %s: %.*s", text,
                    (int)(end - start), result->output.data + start);
}

static int run_chpasswd(const struct sysroot *root, bool crypted, const struct buf *line,
                        struct cmd_error *reterr)
{
    struct spawn_result result = { 0 };
    char path[SYSROOT_PATH_MAX];
    const char *const argv[] = { path, crypted ? "-e" : NULL, NULL };
    int r = program_find(root, "chpasswd", path);

    if (r < 0)
        return cmd_fail(reterr, "cannot set user password: chpasswd is not installed");
    r = spawn_run(argv, line, CHPASSWD_TIMEOUT_MS, &result);
    if (r < 0)
        return cmd_fail_errno(reterr, r, "failed to run %s", path);
    r = result.exited && result.exit_code == 0 ? 0 : fail_with_output(reterr, &result);
    spawn_result_done(&result);
    return r;
}

/* Nothing may end the line or the user's name early, or start another line. */
static int check(const struct arg_str *username, const char *password, size_t len,
                 struct cmd_error *reterr)
{
    if (memchr(password, '\n', len) || memchr(password, '\0', len))
        return cmd_fail(reterr, "forbidden characters in raw password");
    if (memchr(username->text, '\n', username->len) || memchr(username->text, ':', username->len))
        return cmd_fail(reterr, "forbidden characters in username");
    return 0;
}

static int set_password(const struct sysroot *root, const struct password_args *args,
                        struct cmd_error *reterr)
{
    char *password = args->password.text; /* decoded in place */
    size_t len = drop_blanks(password, args->password.len);
    CLEANUP(wipe_buf) struct buf line = { 0 };
    size_t line_len;

    if (base64_decode(password, password, len, &len) < 0)
        return cmd_fail(reterr, "Base64 data contains invalid characters");
    if (check(&args->username, password, len, reterr) < 0)
        return -1;
    /* Room for all of it at once: growing would leave a copy behind. */
    line_len = args->username.len + 1 + len + 1;
    if (!buf_reserve(&line, line_len))
        return cmd_fail_errno(reterr, ENOMEM, "failed to set user password");
    buf_append(&line, args->username.text, args->username.len);
    buf_putc(&line, ':');
    buf_append(&line, password, len);
    buf_putc(&line, '\n');
    return run_chpasswd(root, args->crypted, &line, reterr);
}

int cmd_set_user_password(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    struct password_args *password = args;
    int r = set_password(&env->root, password, &reply->error);

    explicit_bzero(password->password.text, password->password.len);
    return r;
}
