/*
 * cmds/exec/exec.c - guest-exec, guest-exec-status.
 */
#include "cmds/exec/exec.h"

#include "base/fdio.h"
#include "base/log.h"
#include "base/spawn.h"
#include "cmds/exec/exec_follow.h"
#include "proto/base64.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

static const char *const capture_names[] = {
    "none", "stdout", "stderr", "separated", "merged", NULL
};

const struct arg_spec args_exec[] = {
    ARG_REQ(ARG_STR, exec_args, path, "path"),
    ARG_OPT(ARG_STR_LIST, exec_args, arg, "arg"),
    ARG_OPT(ARG_STR_LIST, exec_args, env, "env"),
    { .name = "input-data",
      .type = ARG_STR,
      .binary = true,
      .offset = offsetof(struct exec_args, input_data),
      .has_offset = offsetof(struct exec_args, has_input_data) },
    { .name = "capture-output",
      .type = ARG_BOOL_ENUM,
      .offset = offsetof(struct exec_args, capture_output),
      .has_offset = offsetof(struct exec_args, has_capture_output),
      .type_name = "GuestExecCaptureOutput",
      .names = capture_names,
      .on_true = CAPTURE_SEPARATED,
      .on_false = CAPTURE_NONE },
    { 0 },
};
const struct arg_spec args_exec_status[] = {
    ARG_REQ(ARG_INT, exec_status_args, pid, "pid"),
    { 0 },
};

/* --- start ---------------------------------------------------------------------------- */

/* A process about to be started. What is still here at the end is freed: on success nothing
 * but the child's ends of the pipes. */
struct launch {
    struct exec_table *table;
    struct exec_proc *proc;
    struct exec_feed *feed; /* NULL: no input, or all of it is in the pipe */
    int child_in, child_out, child_err;
    char **argv, **envp; /* the strings are the request's */
    bool admitted;
};

static void launch_done(struct launch *launch)
{
    fd_close(launch->child_in);
    fd_close(launch->child_out);
    fd_close(launch->child_err);
    free(launch->argv);
    free(launch->envp);
    exec_feed_free(launch->feed);
    exec_proc_free(launch->proc);
    if (launch->admitted)
        exec_table_unadmit(launch->table);
}

/* `first` (may be NULL), the items, NULL. */
static char **string_vector(char *first, const struct arg_str_list *items)
{
    char **vector = calloc(items->count + 2, sizeof(*vector));
    size_t n = 0;

    if (!vector)
        return NULL;
    if (first)
        vector[n++] = first;
    for (size_t i = 0; i < items->count; i++)
        vector[n++] = items->items[i].text;
    return vector;
}

static int make_vectors(struct launch *launch, const struct exec_args *args)
{
    launch->argv = string_vector(args->path.text, &args->arg);
    if (args->has_env)
        launch->envp = string_vector(NULL, &args->env);
    return launch->argv && (launch->envp || !args->has_env) ? 0 : -ENOMEM;
}

/* A pipe of which our end does not block. */
static int make_pipe(int *ret_ours, int *ret_childs, bool child_reads)
{
    int fds[2], r;

    if (pipe2(fds, O_CLOEXEC) < 0)
        return -errno;
    r = fd_set_nonblock(fds[child_reads], true);
    if (r < 0) {
        fd_close(fds[0]);
        fd_close(fds[1]);
        return r;
    }
    *ret_ours = fds[child_reads];
    *ret_childs = fds[!child_reads];
    return 0;
}

static int make_output_pipes(struct launch *launch, enum exec_capture capture)
{
    bool out =
        capture == CAPTURE_STDOUT || capture == CAPTURE_SEPARATED || capture == CAPTURE_MERGED;
    bool err = capture == CAPTURE_STDERR || capture == CAPTURE_SEPARATED;
    int r = 0;

    if (out)
        r = make_pipe(&launch->proc->out.source.fd, &launch->child_out, false);
    if (r == 0 && err)
        r = make_pipe(&launch->proc->err.source.fd, &launch->child_err, false);
    if (r == 0 && capture == CAPTURE_MERGED) {
        launch->child_err = fcntl(launch->child_out, F_DUPFD_CLOEXEC, 0);
        r = launch->child_err < 0 ? -errno : 0;
    }
    return r;
}

/* Takes the descriptor, even on failure. */
static int make_feed(struct launch *launch, int fd, const char *data, size_t len,
                     struct cmd_error *reterr)
{
    size_t granted = exec_table_charge(launch->table, len);

    if (granted == len)
        launch->feed = exec_feed_new(exec_table_feeds(launch->table), fd, data, len);
    if (launch->feed)
        return 0;
    exec_quota_give(exec_table_quota(launch->table), granted);
    fd_close(fd);
    if (granted < len)
        return cmd_fail(reterr, "too much input waits to be read by processes");
    return cmd_fail_errno(reterr, ENOMEM, "failed to keep the input of the process");
}

/* Input that fits goes into the pipe at once; the rest, if any, becomes a feed. */
static int make_input(struct launch *launch, const struct arg_str *input, struct cmd_error *reterr)
{
    size_t len;
    ssize_t n;
    int fd = -1, r;

    if (base64_decode(input->text, input->text, input->len, &len) < 0)
        return cmd_fail(reterr, "Base64 data contains invalid characters");
    r = make_pipe(&fd, &launch->child_in, true);
    if (r < 0)
        return cmd_fail_errno(reterr, r, "failed to make a pipe for the process");
    n = write(fd, input->text, len);
    if (n < 0)
        n = 0; /* no pipe memory to be had just now: all of it is left to feed */
    if ((size_t)n < len)
        return make_feed(launch, fd, input->text + n, len - (size_t)n, reterr);
    fd_close(fd);
    return 0;
}

static int prepare(struct launch *launch, const struct exec_args *args, struct cmd_error *reterr)
{
    enum exec_capture capture =
        args->has_capture_output ? (enum exec_capture)args->capture_output : CAPTURE_NONE;
    int r;

    if (exec_table_admit(launch->table, capture != CAPTURE_NONE, reterr) < 0)
        return -1;
    launch->admitted = true;
    launch->proc = exec_proc_new(exec_table_quota(launch->table));
    r = launch->proc ? make_vectors(launch, args) : -ENOMEM;
    if (r < 0)
        return cmd_fail_errno(reterr, r, "failed to keep a record of the process");
    r = make_output_pipes(launch, capture);
    if (r < 0)
        return cmd_fail_errno(reterr, r, "failed to make a pipe for the process");
    return args->has_input_data ? make_input(launch, &args->input_data, reterr) : 0;
}

/* The process runs: table and watcher take over. Its pid, since the record may be gone. */
static pid_t hand_over(struct launch *launch, const struct spawn_child *child)
{
    struct exec_proc *proc = TAKE_PTR(launch->proc);
    struct exec_feed *feed = TAKE_PTR(launch->feed);

    proc->pid = child->pid;
    proc->end.fd = child->pidfd;
    launch->admitted = false;
    exec_table_insert(launch->table, proc);
    exec_follow(proc);
    if (feed)
        exec_feed_start(feed);
    return child->pid;
}

/* Processes that have ended and were not asked for count against the limits of the kernel and of
 * the unit: they go before one that is asked for is refused. */
static int start(struct launch *launch, const char *path, struct spawn_child *ret_child)
{
    const struct spawn_options options = { .path = path,
                                           .argv = launch->argv,
                                           .envp = launch->envp,
                                           .fd_in = launch->child_in,
                                           .fd_out = launch->child_out,
                                           .fd_err = launch->child_err,
                                           .shell_fallback = true };
    int r;

    do {
        r = spawn_start(&options, ret_child);
    } while (r == -EAGAIN && exec_table_forget_oldest(launch->table));
    return r;
}

int cmd_exec(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    const struct exec_args *exec = args;
    CLEANUP(launch_done)
    struct launch launch = {
        .table = env->execs,
        .child_in = SPAWN_NULL,
        .child_out = SPAWN_NULL,
        .child_err = SPAWN_NULL,
    };
    struct spawn_child child;
    int r;

    log_debug("guest-exec called: \"%s\"", exec->path.text);
    if (prepare(&launch, exec, &reply->error) < 0)
        return -1;
    r = start(&launch, exec->path.text, &child);
    if (r < 0)
        return cmd_fail(&reply->error, "Failed to execute child process “%s” (%s)", exec->path.text,
                        err_text(r));
    buf_printf(&reply->text, "{\"pid\": %d}", (int)hand_over(&launch, &child));
    reply->is_text = true;
    return 0;
}

/* --- status --------------------------------------------------------------------------- */

/* For a process that still runs this is what it has written until now: a guess, and what it
 * writes beyond is within the limit of held output at any rate. */
size_t exec_status_reply_max(struct exec_table *table, const struct exec_status_args *args)
{
    return base64_encoded_len(exec_table_kept(table, args->pid)) + 512;
}

/* , "out-data": "...", "out-truncated": false - left out if nothing was written. */
static void append_output(struct buf *text, const char *name, const struct exec_output *output)
{
    size_t encoded = base64_encoded_len(output->data.len);
    char *room;

    if (output->data.len == 0 && !output->truncated)
        return;
    buf_printf(text, ", \"%s-data\": \"", name);
    room = buf_reserve(text, encoded);
    if (room) {
        base64_encode(room, output->data.data, output->data.len);
        text->len += encoded;
    }
    buf_printf(text, "\", \"%s-truncated\": %s", name, output->truncated ? "true" : "false");
}

static void append_status(struct buf *text, const struct exec_proc *proc)
{
    /* At once what all of it takes: growing would copy megabytes. */
    buf_reserve(text, base64_encoded_len(proc->out.data.len + proc->err.data.len) + 512);
    buf_printf(text, "{\"exited\": true, \"%s\": %d", proc->signaled ? "signal" : "exitcode",
               proc->status);
    append_output(text, "out", &proc->out);
    append_output(text, "err", &proc->err);
    buf_putc(text, '}');
}

int cmd_exec_status(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    const struct exec_status_args *status_args = args;
    CLEANUP(exec_proc_freep) struct exec_proc *proc = NULL;
    int r;

    r = exec_table_take(env->execs, status_args->pid, &proc);
    if (r < 0)
        return cmd_fail(&reply->error, "PID %" PRId64 " does not exist", status_args->pid);
    if (r == 1 && proc->lost)
        return cmd_fail(&reply->error, "how PID %" PRId64 " has ended is not known",
                        status_args->pid);
    if (r == 0)
        buf_puts(&reply->text, "{\"exited\": false}");
    else
        append_status(&reply->text, proc);
    if (!buf_ok(&reply->text)) { /* the host may ask again when there is memory */
        exec_table_put_back(env->execs, TAKE_PTR(proc));
        return cmd_fail_errno(&reply->error, ENOMEM, "failed to build the reply");
    }
    reply->is_text = true;
    return 0;
}

/* A status looks into memory only; a large output is left to a worker, since encoding takes time. */
int cmd_exec_status_inline(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    if (exec_status_reply_max(env->execs, args) > EXEC_INLINE_MAX_BYTES)
        return 1;
    return cmd_exec_status(env, args, reply);
}
