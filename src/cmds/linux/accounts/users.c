/*
 * cmds/linux/accounts/users.c - guest-get-users: who is known to logind or stands in utmp, since
 * either has logins that the other has not.
 */
#include "cmds/linux/accounts/users_logind.h"
#include "cmds/linux/accounts/users_utmp.h"
#include "cmds/linux/linux.h"
#include "proto/reply.h"

#include <errno.h>

static int read_users(const struct sysroot *root, struct user_list *ret_list)
{
    struct user_list list = { 0 };
    /* logind knows the machine that it runs on and no captured tree. */
    bool has_logind = !root->prefix[0] && users_from_logind(&list) == 0;
    int r = users_add_utmp(root, &list);

    if (r < 0 && (!has_logind || r == -ENOMEM)) {
        user_list_done(&list);
        return r;
    }
    *ret_list = list;
    return 0;
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
