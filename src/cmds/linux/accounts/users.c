/*
 * cmds/linux/accounts/users.c - guest-get-users; the list and the utmp reader.
 */
#include "cmds/linux/accounts/users.h"

#include "cmds/linux/linux.h"
#include "proto/reply.h"

#include <errno.h>
#include <utmpx.h>

#define UTMP_PATH "/var/run/utmp"

void user_list_done(struct user_list *list)
{
    free(list->items);
    *list = (struct user_list){ 0 };
}

int user_list_add(struct user_list *list, const char *name, int64_t login_usec)
{
    struct user_entry *items;

    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].name, name) == 0) {
            list->items[i].login_usec = MIN_OF(list->items[i].login_usec, login_usec);
            return 0;
        }
    }
    if (list->count == USER_LIST_MAX || strlen(name) >= sizeof(items->name))
        return 0;
    items = realloc(list->items, (list->count + 1) * sizeof(*items));
    if (!items)
        return -ENOMEM;
    list->items = items;
    items = &items[list->count++];
    memset(items, 0, sizeof(*items));
    memcpy(items->name, name, strlen(name));
    items->login_usec = login_usec;
    return 0;
}

/* A record cut short at the end is being written. The name need not be terminated. */
static int add_records(const struct buf *file, struct user_list *list)
{
    struct utmpx record;
    int r = 0;

    for (size_t off = 0; r == 0 && file->len - off >= sizeof(record); off += sizeof(record)) {
        char name[sizeof(record.ut_user) + 1] = { 0 };

        memcpy(&record, file->data + off, sizeof(record));
        if (record.ut_type != USER_PROCESS)
            continue;
        memcpy(name, record.ut_user, sizeof(record.ut_user));
        r = user_list_add(list, name,
                          (int64_t)record.ut_tv.tv_sec * 1000000 + record.ut_tv.tv_usec);
    }
    return r;
}

int users_from_utmp(const struct sysroot *root, struct user_list *ret_list)
{
    CLEANUP(buf_done) struct buf file = { 0 };
    struct user_list list = { 0 };
    int r = sysroot_read(root, UTMP_PATH, &file);

    if (r == -ENOENT)
        return 0;
    if (r == 0)
        r = add_records(&file, &list);
    if (r < 0)
        user_list_done(&list);
    else
        *ret_list = list;
    return r;
}

static int read_users(const struct sysroot *root, struct user_list *ret_list)
{
    /* logind knows the machine that it runs on and no captured tree. */
    if (!root->prefix[0] && users_from_logind(ret_list) == 0)
        return 0;
    return users_from_utmp(root, ret_list);
}

static struct json_object *users_json(const struct user_list *list)
{
    CLEANUP(json_putp) struct json_object *array = json_object_new_array();
    int r = array ? 0 : -ENOMEM;

    for (size_t i = 0; r == 0 && i < list->count; i++) {
        const struct user_entry *user = &list->items[i];
        struct json_object *object = json_object_new_object();

        r = json_append(array, object);
        if (r == 0)
            r = json_add_str(object, "user", user->name);
        if (r == 0)
            r = json_add(object, "login-time",
                         json_object_new_double((double)user->login_usec / 1e6));
    }
    return r == 0 ? TAKE_PTR(array) : NULL;
}

int cmd_get_users(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    CLEANUP(user_list_done) struct user_list list = { 0 };
    int r = read_users(&env->root, &list);

    if (r < 0)
        return cmd_fail_errno(&reply->error, r, "failed to read %s", UTMP_PATH);
    reply->value = users_json(&list);
    if (!reply->value)
        return cmd_fail_errno(&reply->error, ENOMEM, "failed to build the reply");
    return 0;
}
