/*
 * cmds/linux/accounts/ssh_keys.c - guest-ssh-get-, -add- and -remove-authorized-keys.
 *
 * Lines stay in their order, comments and what we do not understand included; keys are compared
 * without blanks at their ends. A blank key is none: virsh sends one for the last newline of its
 * file, and qemu-ga takes it. Everything between looking the user up and the reply is done with
 * the user's own rights.
 */
#include "base/fdio.h"
#include "cmds/linux/accounts/account.h"
#include "cmds/linux/accounts/ssh_file.h"
#include "cmds/linux/keymap.h"
#include "cmds/linux/linux.h"
#include "proto/reply.h"

#include <errno.h>

const struct arg_spec args_ssh_get[] = {
    ARG_REQ(ARG_STR, ssh_keys_args, username, "username"),
    { 0 },
};

const struct arg_spec args_ssh_add[] = {
    ARG_REQ(ARG_STR, ssh_keys_args, username, "username"),
    ARG_REQ(ARG_STR_LIST, ssh_keys_args, keys, "keys"),
    ARG_OPT(ARG_BOOL, ssh_keys_args, reset, "reset"),
    { 0 },
};

const struct arg_spec args_ssh_remove[] = {
    ARG_REQ(ARG_STR, ssh_keys_args, username, "username"),
    ARG_REQ(ARG_STR_LIST, ssh_keys_args, keys, "keys"),
    { 0 },
};

/* Bytes somewhere in a text. */
struct slice {
    const char *text;
    size_t len;
};

static struct slice trim(const char *text, size_t len)
{
    while (len > 0 && strchr(" \t\r", text[len - 1]) && text[len - 1])
        len--;
    while (len > 0 && strchr(" \t", *text) && *text) {
        text++;
        len--;
    }
    return (struct slice){ text, len };
}

/* The next line of `text` from *off on, without its newline; false at the end. */
static bool next_line(const struct buf *text, size_t *off, struct slice *ret_line)
{
    const char *start = text->data + *off, *end;

    if (*off >= text->len)
        return false;
    end = memchr(start, '\n', text->len - *off);
    *ret_line = (struct slice){ start, end ? (size_t)(end - start) : text->len - *off };
    *off += ret_line->len + 1;
    return true;
}

static int check_keys(const struct arg_str_list *keys, struct cmd_error *reterr)
{
    for (size_t i = 0; i < keys->count; i++) {
        const struct arg_str *key = &keys->items[i];
        struct slice trimmed = trim(key->text, key->len);

        if ((trimmed.len > 0 && *trimmed.text == '#') || memchr(key->text, '\n', key->len))
            return cmd_fail(reterr, "invalid OpenSSH public key: '%s'", key->text);
    }
    return 0;
}

static int find_user(const struct sysroot *root, const struct arg_str *name,
                     struct account *ret_account, struct cmd_error *reterr)
{
    int r = account_find(root, name->text, ret_account);

    if (r == -ENOENT) /* errno is 0 then, and qemu-ga says so */
        return cmd_fail(reterr, "failed to lookup user '%s': Success", name->text);
    if (r < 0)
        return cmd_fail_errno(reterr, r, "failed to lookup user '%s'", name->text);
    return 0;
}

typedef int ssh_work_fn(const struct ssh_file *file, const struct ssh_keys_args *args,
                        struct cmd_reply *reply);

/* Work on a user's file. */
struct errand {
    const struct sysroot *root;
    const struct account *account;
    const struct ssh_keys_args *args;
    enum ssh_open how;
    ssh_work_fn *work;
    struct cmd_reply *reply;
    int r;
};

/* With the user's rights. */
static void run_errand(void *arg)
{
    struct errand *errand = arg;
    struct ssh_file file;

    errand->r =
        ssh_file_open(errand->root, errand->account, errand->how, &file, &errand->reply->error);
    if (errand->r < 0)
        return;
    errand->r = errand->work(&file, errand->args, errand->reply);
    ssh_file_close(&file);
}

static int with_user_file(struct cmd_env *env, const struct ssh_keys_args *args, enum ssh_open how,
                          ssh_work_fn *work, struct cmd_reply *reply)
{
    struct account account;
    struct errand errand = { .root = &env->root,
                             .account = &account,
                             .args = args,
                             .how = how,
                             .work = work,
                             .reply = reply };
    int r;

    if (check_keys(&args->keys, &reply->error) < 0 ||
        find_user(&env->root, &args->username, &account, &reply->error) < 0)
        return -1;
    r = account_run(&env->root, &account, run_errand, &errand);
    if (r < 0)
        return cmd_fail_errno(&reply->error, r, "failed to take the rights of user '%s'",
                              account.name);
    return errand.r;
}

static struct json_object *keys_json(const struct buf *text)
{
    CLEANUP(json_putp) struct json_object *object = json_object_new_object();
    struct json_object *array = json_object_new_array();
    int r = json_add(object, "keys", array);
    struct slice line;

    for (size_t off = 0; r == 0 && next_line(text, &off, &line);) {
        line = trim(line.text, line.len);
        if (line.len > 0 && *line.text != '#')
            r = json_append(array, json_object_new_string_len(line.text, (int)line.len));
    }
    return r == 0 ? TAKE_PTR(object) : NULL;
}

static int get_keys(const struct ssh_file *file, const struct ssh_keys_args *args,
                    struct cmd_reply *reply)
{
    CLEANUP(buf_done) struct buf text = { 0 };
    int r = ssh_file_read(file, &text);

    if (r < 0)
        return cmd_fail_errno(&reply->error, r, "failed to read '%s'", file->path);
    reply->value = keys_json(&text);
    if (!reply->value)
        return cmd_fail_errno(&reply->error, ENOMEM, "failed to build the reply");
    return 0;
}

static void put_line(struct buf *text, struct slice line)
{
    buf_append(text, line.text, line.len);
    buf_putc(text, '\n');
}

static int replace(const struct ssh_file *file, const struct buf *text, struct cmd_error *reterr)
{
    int r = buf_ok(text) ? 0 : -ENOMEM;

    if (r == 0 && text->len > SSH_FILE_MAX)
        r = -EFBIG;
    if (r == 0)
        r = ssh_file_replace(file, text);
    return r < 0 ? cmd_fail_errno(reterr, r, "failed to write '%s'", file->path) : 0;
}

static int map_key(struct keymap *map, struct slice key)
{
    if (key.len == 0 || keymap_get(map, key.text, key.len) != KEYMAP_NONE)
        return 0;
    return keymap_add(map, key.text, key.len, 0);
}

/* Lines of `old`, then the keys that are not among them. */
static int merge(const struct buf *old, const struct arg_str_list *keys, struct keymap *map,
                 struct buf *text)
{
    struct slice line;
    int r = 0;

    for (size_t off = 0; r == 0 && next_line(old, &off, &line);) {
        put_line(text, line);
        r = map_key(map, trim(line.text, line.len));
    }
    for (size_t i = 0; r == 0 && i < keys->count; i++) {
        struct slice key = trim(keys->items[i].text, keys->items[i].len);

        if (key.len == 0 || keymap_get(map, key.text, key.len) != KEYMAP_NONE)
            continue;
        put_line(text, key);
        r = keymap_add(map, key.text, key.len, 0);
    }
    return r;
}

static int add_keys(const struct ssh_file *file, const struct ssh_keys_args *args,
                    struct cmd_reply *reply)
{
    CLEANUP(buf_done) struct buf old = { 0 }, text = { 0 };
    CLEANUP(keymap_done) struct keymap map = { 0 };
    int r = args->has_reset && args->reset ? 0 : ssh_file_read(file, &old);

    if (r < 0 && r != -ENOENT)
        return cmd_fail_errno(&reply->error, r, "failed to read '%s'", file->path);
    r = merge(&old, &args->keys, &map, &text);
    if (r < 0)
        return cmd_fail_errno(&reply->error, r, "failed to write '%s'", file->path);
    return replace(file, &text, &reply->error);
}

/* Lines of `old` that are none of the keys. */
static int subtract(const struct buf *old, const struct arg_str_list *keys, struct buf *text,
                    bool *ret_changed)
{
    CLEANUP(keymap_done) struct keymap map = { 0 };
    bool changed = false;
    struct slice line;
    int r = 0;

    for (size_t i = 0; r == 0 && i < keys->count; i++)
        r = map_key(&map, trim(keys->items[i].text, keys->items[i].len));
    for (size_t off = 0; r == 0 && next_line(old, &off, &line);) {
        struct slice key = trim(line.text, line.len);

        if (keymap_get(&map, key.text, key.len) == KEYMAP_NONE)
            put_line(text, line);
        else
            changed = true;
    }
    if (r == 0)
        *ret_changed = changed;
    return r;
}

static int remove_keys(const struct ssh_file *file, const struct ssh_keys_args *args,
                       struct cmd_reply *reply)
{
    CLEANUP(buf_done) struct buf old = { 0 }, text = { 0 };
    int r = ssh_file_read(file, &old);
    bool changed = false;

    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return cmd_fail_errno(&reply->error, r, "failed to read '%s'", file->path);
    r = subtract(&old, &args->keys, &text, &changed);
    if (r < 0)
        return cmd_fail_errno(&reply->error, r, "failed to write '%s'", file->path);
    return changed ? replace(file, &text, &reply->error) : 0;
}

int cmd_ssh_get_authorized_keys(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    return with_user_file(env, args, SSH_OPEN_READ, get_keys, reply);
}

int cmd_ssh_add_authorized_keys(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    return with_user_file(env, args, SSH_OPEN_CREATE, add_keys, reply);
}

int cmd_ssh_remove_authorized_keys(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    return with_user_file(env, args, SSH_OPEN_CHANGE, remove_keys, reply);
}
