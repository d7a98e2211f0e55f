#include "agent/signals.h"

#include "base/fdio.h"
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void signals_ready(struct source *source, uint32_t events)
{
    struct signals *signals = CONTAINER_OF(source, struct signals, source);
    struct signalfd_siginfo info;

    (void)events;
    while (read(signals->fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGHUP) {
            log_reopen();
            signals->reload(signals->arg);
        } else {
            log_debug("received signal num %u, quitting", info.ssi_signo);
            signals->stop(signals->arg);
        }
    }
}

static void served_signals(sigset_t *ret_set)
{
    sigemptyset(ret_set);
    sigaddset(ret_set, SIGTERM);
    sigaddset(ret_set, SIGINT);
    sigaddset(ret_set, SIGHUP);
}

/* Before the channel is there, so that whoever has reached the agent can end it in order. SIGCHLD
 * stays pending, which nobody notices: delivered, the end of each child would wake a thread to
 * ignore it. */
void signals_block(void)
{
    sigset_t set;

    served_signals(&set);
    sigaddset(&set, SIGCHLD);
    PTOK(pthread_sigmask(SIG_BLOCK, &set, NULL));
}

int signals_start(struct signals *signals, struct loop *loop, void (*stop)(void *arg),
                  void (*reload)(void *arg), void *arg)
{
    sigset_t set;

    served_signals(&set);
    *signals = (struct signals){
        .source.ready = signals_ready, .stop = stop, .reload = reload, .arg = arg
    };
    signals->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals->fd < 0)
        return -errno;
    return loop_add(loop, signals->fd, EPOLLIN, &signals->source);
}

void signals_done(struct signals *signals)
{
    signals->fd = fd_close(signals->fd);
}
