/*
 * Busy polling: when it polls, and what makes it stop and begin again.
 */
#include "io/busy_poll.h"

#include "base/fdio.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cmocka.h>

#define SOON_NS NSEC_PER_MSEC
#define LONG_NS (10 * NSEC_PER_SEC)

struct fixture {
    int epoll_fd, timer_fd;
    struct busy_poll poll;
    struct epoll_event event;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    struct epoll_event event = { .events = EPOLLIN };

    assert_non_null(fixture);
    fixture->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    fixture->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    assert_int_equal(epoll_ctl(fixture->epoll_fd, EPOLL_CTL_ADD, fixture->timer_fd, &event), 0);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    fd_close(fixture->timer_fd);
    fd_close(fixture->epoll_fd);
    free(fixture);
    return 0;
}

/* An event comes after `ns`; 0: none does. */
static void event_in(struct fixture *fixture, int64_t ns)
{
    struct itimerspec when = { .it_value.tv_nsec = ns };

    assert_int_equal(timerfd_settime(fixture->timer_fd, 0, &when, NULL), 0);
}

static void event_is_there(struct fixture *fixture)
{
    event_in(fixture, 1);
    usleep(SOON_NS / NSEC_PER_USEC);
}

static int look(struct fixture *fixture)
{
    return busy_poll(&fixture->poll, fixture->epoll_fd, &fixture->event, 1);
}

/* Looks until it does not rest. */
static int look_for_real(struct fixture *fixture)
{
    while (fixture->poll.rest > 0)
        assert_int_equal(look(fixture), 0);
    return look(fixture);
}

/* Finds an event that was not there already, which it was if this thread was slow. */
static void find_one(struct fixture *fixture)
{
    unsigned pause = fixture->poll.pause;

    for (int i = 0; i < 100 && fixture->poll.pause == pause; i++) {
        event_in(fixture, SOON_NS);
        assert_int_equal(look(fixture), 1);
    }
}

static void never_when_it_is_off(void **state)
{
    struct fixture *fixture = *state;

    event_is_there(fixture);
    assert_int_equal(look(fixture), 0);
    fixture->poll.max_ns = LONG_NS;
    assert_int_equal(look(fixture), 1);
}

static void what_is_there_already_proves_nothing(void **state)
{
    struct fixture *fixture = *state;

    fixture->poll = (struct busy_poll){ .max_ns = LONG_NS, .pause = 8 };
    event_is_there(fixture);
    assert_int_equal(look(fixture), 1);
    assert_int_equal(fixture->poll.pause, 8);
}

static void each_one_in_vain_doubles_the_pause(void **state)
{
    struct fixture *fixture = *state;

    fixture->poll.max_ns = 1;
    for (unsigned pause = 1; pause <= BUSY_POLL_MAX_PAUSE; pause *= 2) {
        assert_int_equal(look_for_real(fixture), 0);
        assert_int_equal(fixture->poll.pause, pause);
        assert_int_equal(fixture->poll.rest, pause);
    }
    assert_int_equal(look_for_real(fixture), 0);
    assert_int_equal(fixture->poll.pause, BUSY_POLL_MAX_PAUSE);
}

static void one_that_finds_halves_the_pause(void **state)
{
    struct fixture *fixture = *state;

    fixture->poll = (struct busy_poll){ .max_ns = LONG_NS, .pause = 2 };
    find_one(fixture);
    assert_int_equal(fixture->poll.pause, 1);
    find_one(fixture);
    assert_int_equal(fixture->poll.pause, 0);
    assert_int_equal(fixture->poll.rest, 0);
}

static void a_rest_asks_the_kernel_nothing(void **state)
{
    struct fixture *fixture = *state;

    fixture->poll = (struct busy_poll){ .max_ns = LONG_NS, .rest = 2 };
    event_is_there(fixture);
    assert_int_equal(look(fixture), 0);
    assert_int_equal(look(fixture), 0);
    assert_int_equal(look(fixture), 1);
}

static void an_error_is_reported(void **state)
{
    struct fixture *fixture = *state;
    struct epoll_event event;

    fixture->poll.max_ns = LONG_NS;
    assert_int_equal(busy_poll(&fixture->poll, -1, &event, 1), -1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(never_when_it_is_off),
        CASE(what_is_there_already_proves_nothing),
        CASE(each_one_in_vain_doubles_the_pause),
        CASE(one_that_finds_halves_the_pause),
        CASE(a_rest_asks_the_kernel_nothing),
        CASE(an_error_is_reported),
    };

    return cmocka_run_group_tests_name("busy_poll", tests, NULL, NULL);
}
