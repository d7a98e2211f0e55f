/*
 * cmds/linux/processors/vcpus.c - /sys/devices/system/cpu/cpuN/online (kernel: cputopology, cpu hot-plug).
 *
 * A processor without that file is online and cannot go offline.
 */
#include "cmds/linux/linux.h"
#include "cmds/linux/sysfs_list.h"
#include "proto/reply.h"

#include <errno.h>
#include <inttypes.h>

#define CPU_DIR "/sys/devices/system/cpu"

const struct arg_spec args_set_vcpus[] = {
    {
        .name = "vcpus",
        .type = ARG_STRUCT_LIST,
        .required = true,
        .offset = offsetof(struct set_vcpus_args, vcpus),
        .sub =
            (const struct arg_spec[]){
                ARG_REQ(ARG_INT, vcpu_arg, logical_id, "logical-id"),
                ARG_REQ(ARG_BOOL, vcpu_arg, online, "online"),
                ARG_OPT(ARG_BOOL, vcpu_arg, can_offline, "can-offline"),
                { 0 },
            },
        .sub_size = sizeof(struct vcpu_arg),
    },
    { 0 },
};

/* 0, or -1: the processor is not there, or its file cannot be read. */
static int read_vcpu(const struct sysroot *root, int64_t id, bool *ret_online,
                     bool *ret_can_offline, struct cmd_error *reterr)
{
    char line[16];
    int r;

    if (!sysroot_exists(root, CPU_DIR "/cpu%" PRId64, id))
        return cmd_fail_errno(reterr, ENOENT, "open(\"" CPU_DIR "/cpu%" PRId64 "/\")", id);
    r = sysroot_read_line(root, line, sizeof(line), CPU_DIR "/cpu%" PRId64 "/online", id);
    if (r < 0 && r != -ENOENT)
        return cmd_fail_errno(reterr, r, "pread(\"" CPU_DIR "/cpu%" PRId64 "/online\")", id);
    if (r == 0 && line[0] == '\0')
        return cmd_fail(reterr, "pread(\"" CPU_DIR "/cpu%" PRId64 "/online\"): unexpected EOF", id);
    *ret_can_offline = r == 0;
    *ret_online = r < 0 || line[0] != '0';
    return 0;
}

static int append_vcpu(struct json_object *list, int64_t id, bool online, bool can_offline)
{
    CLEANUP(json_putp) struct json_object *vcpu = json_object_new_object();
    int r;

    if (!vcpu)
        return -ENOMEM;
    r = json_add_int(vcpu, "logical-id", id);
    if (r == 0)
        r = json_add_bool(vcpu, "online", online);
    if (r == 0)
        r = json_add_bool(vcpu, "can-offline", can_offline);
    if (r == 0)
        r = json_append(list, TAKE_PTR(vcpu));
    return r;
}

static int list_vcpus(const struct sysroot *root, const struct sysfs_list *ids,
                      struct json_object *list, struct cmd_error *reterr)
{
    for (size_t i = 0; i < ids->count; i++) {
        bool online = false, can_offline = false;
        int r;

        if (read_vcpu(root, ids->ids[i], &online, &can_offline, reterr) < 0)
            return -1;
        r = append_vcpu(list, ids->ids[i], online, can_offline);
        if (r < 0)
            return cmd_fail_errno(reterr, r, "failed to build the reply");
    }
    return 0;
}

int cmd_get_vcpus(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    CLEANUP(json_putp) struct json_object *list = json_object_new_array();
    CLEANUP(sysfs_list_done) struct sysfs_list ids = { 0 };
    int r;

    r = sysfs_list_read(&env->root, CPU_DIR, "cpu", &ids);
    if (r < 0)
        return cmd_fail_errno(&reply->error, r, "failed to list entries: %s", CPU_DIR);
    if (!list)
        return cmd_fail_errno(&reply->error, ENOMEM, "failed to build the reply");
    if (list_vcpus(&env->root, &ids, list, &reply->error) < 0)
        return -1;
    reply->value = TAKE_PTR(list);
    return 0;
}

static int set_vcpu(const struct sysroot *root, const struct vcpu_arg *vcpu,
                    struct cmd_error *reterr)
{
    bool online = false, can_offline = false;
    int r;

    if (read_vcpu(root, vcpu->logical_id, &online, &can_offline, reterr) < 0)
        return -1;
    if (online == vcpu->online)
        return 0;
    if (!can_offline)
        return cmd_fail(reterr, "logical processor #%" PRId64 " can't be offlined",
                        vcpu->logical_id);
    r = sysroot_write(root, vcpu->online ? "1" : "0", CPU_DIR "/cpu%" PRId64 "/online",
                      vcpu->logical_id);
    if (r < 0)
        return cmd_fail_errno(reterr, r, "pwrite(\"" CPU_DIR "/cpu%" PRId64 "/online\")",
                              vcpu->logical_id);
    return 0;
}

/* The host sends the rest again: the first one that fails is then the first of its list. */
int cmd_set_vcpus(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    const struct set_vcpus_args *set = args;
    const struct vcpu_arg *vcpus = set->vcpus.items;
    struct cmd_error error = { 0 };
    size_t done = 0;

    while (done < set->vcpus.count && set_vcpu(&env->root, &vcpus[done], &error) == 0)
        done++;
    if (error.text && done == 0) {
        reply->error = error;
        return -1;
    }
    cmd_error_done(&error);
    reply->value = json_object_new_int64((int64_t)done);
    if (!reply->value)
        return cmd_fail_errno(&reply->error, ENOMEM, "failed to build the reply");
    return 0;
}
