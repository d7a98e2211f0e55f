/*
 * cmds/linux/accounts/user_list.c
 */
#include "cmds/linux/accounts/user_list.h"

#include <errno.h>

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
