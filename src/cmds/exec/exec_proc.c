/*
 * cmds/exec/exec_proc.c - shared fields: see the header.
 */
#include "cmds/exec/exec_proc.h"

#include "base/fdio.h"

#include <sys/wait.h>

static void output_init(struct exec_output *output, struct exec_proc *proc)
{
    output->proc = proc;
    output->source.fd = -1;
}

struct exec_proc *exec_proc_new(struct exec_quota *quota)
{
    struct exec_proc *proc = calloc(1, sizeof(*proc));

    if (!proc)
        return NULL;
    proc->quota = quota;
    proc->end.fd = -1;
    output_init(&proc->out, proc);
    output_init(&proc->err, proc);
    return proc;
}

static void output_drop(struct exec_output *output)
{
    size_t len = output->data.len;

    buf_done(&output->data);
    exec_quota_give(output->proc->quota, len);
    if (len > 0)
        output->truncated = true;
}

void exec_proc_drop_output(struct exec_proc *proc)
{
    output_drop(&proc->out);
    output_drop(&proc->err);
    atomic_store_explicit(&proc->kept_bytes, 0, memory_order_relaxed);
}

void exec_proc_free(struct exec_proc *proc)
{
    if (!proc)
        return;
    exec_proc_drop_output(proc);
    fd_close(proc->end.fd);
    fd_close(proc->out.source.fd);
    fd_close(proc->err.source.fd);
    if (proc->ended)
        waitpid(proc->pid, NULL, WNOHANG);
    free(proc);
}

void exec_proc_freep(struct exec_proc **proc)
{
    exec_proc_free(*proc);
    *proc = NULL;
}
