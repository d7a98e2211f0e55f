/*
 * The event loop: what is called when, from which thread, and what is not called any more.
 */
#include "io/loop.h"

#include "base/fdio.h"
#include "base/now.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#define NOTICES 20000

struct fixture {
    struct loop loop;
    int fds[2]; /* eventfds, ready to be read */
    struct source sources[2];
    struct timer timers[3];
    struct task tasks[2];
    struct notice notice, last;
    int ready, fired[3], fire_count, ran[2], delivered;
    bool delivered_elsewhere;
    pthread_t io_thread;
    _Atomic int changes; /* what the notices are about */
    int seen;
};

static struct fixture *fixture; /* of the case that runs */

static int setup(void **state)
{
    static const uint64_t one = 1;

    (void)state;
    fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    assert_int_equal(loop_init(&fixture->loop, 0), 0);
    for (int i = 0; i < 2; i++) {
        fixture->fds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        assert_int_equal(fd_write_all(fixture->fds[i], &one, sizeof(one)), 0);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++)
        fd_close(fixture->fds[i]);
    loop_done(&fixture->loop);
    free(fixture);
    return 0;
}

static void end_by_timer(struct timer *timer)
{
    (void)timer;
    loop_end(&fixture->loop);
}

/* Two sources are ready at once, and whichever comes first takes the other away. */
static void remove_the_other(struct source *source, uint32_t events)
{
    int other = source == &fixture->sources[0] ? 1 : 0;

    assert_true(events & EPOLLIN);
    fixture->ready++;
    loop_remove(&fixture->loop, fixture->fds[other], &fixture->sources[other]);
    loop_end(&fixture->loop);
}

static void a_removed_source_is_not_called_in_this_turn_either(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        fixture->sources[i].ready = remove_the_other;
        assert_int_equal(loop_add(&fixture->loop, fixture->fds[i], EPOLLIN, &fixture->sources[i]),
                         0);
    }
    assert_int_equal(loop_run(&fixture->loop), 0);
    assert_int_equal(fixture->ready, 1);
}

static void note_fired(struct timer *timer)
{
    fixture->fired[fixture->fire_count++] = (int)(timer - fixture->timers);
    if (fixture->fire_count == 2)
        loop_end(&fixture->loop);
}

static void timers_fire_in_order_once_and_not_when_cleared(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        fixture->timers[i].fire = note_fired;
    loop_set_timer_in(&fixture->loop, &fixture->timers[0], 3 * NSEC_PER_MSEC);
    loop_set_timer_in(&fixture->loop, &fixture->timers[1], 2 * NSEC_PER_MSEC);
    loop_set_timer_in(&fixture->loop, &fixture->timers[2], NSEC_PER_MSEC);
    loop_clear_timer(&fixture->loop, &fixture->timers[2]);
    assert_int_equal(loop_run(&fixture->loop), 0);
    assert_int_equal(fixture->fire_count, 2);
    assert_int_equal(fixture->fired[0], 1);
    assert_int_equal(fixture->fired[1], 0);
    assert_null(fixture->loop.timers.first);
}

static void a_timer_that_is_set_again_moves(void **state)
{
    int64_t begin = now_ns();

    (void)state;
    fixture->timers[0].fire = end_by_timer;
    loop_set_timer_in(&fixture->loop, &fixture->timers[0], 3600 * NSEC_PER_SEC);
    loop_set_timer_in(&fixture->loop, &fixture->timers[0], 20 * NSEC_PER_MSEC);
    assert_int_equal(loop_run(&fixture->loop), 0);
    assert_true(now_ns() - begin >= 20 * NSEC_PER_MSEC);
}

static void run_again(struct task *task)
{
    int i = (int)(task - fixture->tasks);

    fixture->ran[i]++;
    if (i == 0)
        loop_cancel(&fixture->loop, &fixture->tasks[1]);
    if (fixture->ran[0] == 3)
        loop_end(&fixture->loop);
    else
        loop_run_soon(&fixture->loop, task);
}

static void a_task_runs_once_in_a_turn_and_not_when_cancelled(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        fixture->tasks[i].run = run_again;
        loop_run_soon(&fixture->loop, &fixture->tasks[i]);
        loop_run_soon(&fixture->loop, &fixture->tasks[i]);
    }
    assert_int_equal(loop_run(&fixture->loop), 0);
    assert_int_equal(fixture->ran[0], 3);
    assert_int_equal(fixture->ran[1], 0);
}

static void deliver(struct notice *notice)
{
    if (!pthread_equal(pthread_self(), fixture->io_thread))
        fixture->delivered_elsewhere = true;
    fixture->delivered++;
    fixture->seen = atomic_load(&fixture->changes);
    if (notice == &fixture->last)
        loop_end(&fixture->loop);
}

static void *notify_often(void *arg)
{
    (void)arg;
    for (int i = 0; i < NOTICES; i++) {
        atomic_fetch_add(&fixture->changes, 1);
        loop_notify(&fixture->loop, &fixture->notice);
    }
    loop_notify(&fixture->loop, &fixture->last);
    return NULL;
}

/* However many come together: the last change is seen. */
static void notices_come_on_the_io_thread_and_none_is_lost(void **state)
{
    pthread_t notifier;

    (void)state;
    fixture->io_thread = pthread_self();
    fixture->notice.deliver = fixture->last.deliver = deliver;
    assert_int_equal(pthread_create(&notifier, NULL, notify_often, NULL), 0);
    assert_int_equal(loop_run(&fixture->loop), 0);
    PTOK(pthread_join(notifier, NULL));
    assert_false(fixture->delivered_elsewhere);
    assert_true(fixture->delivered >= 2);
    assert_int_equal(fixture->seen, NOTICES);
}

static void a_notice_that_is_raised_twice_comes_once_also_behind_the_end(void **state)
{
    (void)state;
    fixture->io_thread = pthread_self();
    fixture->notice.deliver = deliver;
    assert_true(loop_notify(&fixture->loop, &fixture->notice));
    assert_false(loop_notify(&fixture->loop, &fixture->notice));
    loop_deliver(&fixture->loop);
    assert_int_equal(fixture->delivered, 1);
    assert_true(loop_notify(&fixture->loop, &fixture->notice));
    loop_deliver(&fixture->loop);
    assert_int_equal(fixture->delivered, 2);
}

static void who_answers_the_last_one_is_reported(void **state)
{
    (void)state;
    loop_asked(&fixture->loop);
    loop_asked(&fixture->loop);
    assert_false(loop_answered(&fixture->loop));
    assert_true(loop_answered(&fixture->loop));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_removed_source_is_not_called_in_this_turn_either),
        CASE(timers_fire_in_order_once_and_not_when_cleared),
        CASE(a_timer_that_is_set_again_moves),
        CASE(a_task_runs_once_in_a_turn_and_not_when_cancelled),
        CASE(notices_come_on_the_io_thread_and_none_is_lost),
        CASE(a_notice_that_is_raised_twice_comes_once_also_behind_the_end),
        CASE(who_answers_the_last_one_is_reported),
    };

    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
