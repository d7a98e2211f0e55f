#include "io/busy_poll.h"

#include "base/now.h"

static void in_vain(struct busy_poll *poll)
{
    poll->pause = MIN_OF(MAX_OF(2 * poll->pause, 1U), (unsigned)BUSY_POLL_MAX_PAUSE);
    poll->rest = poll->pause;
}

/* What comes after the time was found by a thread that had lost its processor meanwhile, to the
 * host most likely: sleeping would have been quicker. */
static int poll_for(struct busy_poll *poll, int epoll_fd, struct epoll_event *ret_events,
                    int max_events)
{
    int64_t until_ns = now_ns() + poll->max_ns;

    for (;;) {
        int count = epoll_wait(epoll_fd, ret_events, max_events, 0);

        if (now_ns() >= until_ns) {
            in_vain(poll);
            return count;
        }
        if (count != 0) {
            poll->pause /= 2;
            return count;
        }
    }
}

int busy_poll(struct busy_poll *poll, int epoll_fd, struct epoll_event *ret_events, int max_events)
{
    int count;

    if (poll->max_ns == 0)
        return 0;
    if (poll->rest > 0) {
        poll->rest--;
        return 0;
    }
    /* What is there already proves nothing. */
    count = epoll_wait(epoll_fd, ret_events, max_events, 0);
    return count != 0 ? count : poll_for(poll, epoll_fd, ret_events, max_events);
}
