#include "base/wake.h"

#include "base/fdio.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#define LONG_MS 30000

/* What a thread's function returns: NULL is fine, else what went wrong. */
static char lost_wake_up[] = "lost wake-up", wrong_value[] = "wrong value";

static void wait_returns_at_once_after_a_wake_since_the_key(void **state)
{
    struct event_count event = { 0 };
    uint32_t key = event_prepare(&event);

    event_wake_one(&event);
    event_wait(&event, key);
    key = event_prepare(&event);
    event_wake_all(&event);
    assert_true(event_wait_for(&event, key, LONG_MS));
    assert_int_equal(event.sleepers, 0);
}

static void wake_before_the_key_was_taken_does_not_count(void **state)
{
    struct event_count event = { 0 };
    uint32_t key;

    event_wake_one(&event);
    key = event_prepare(&event);
    assert_false(event_wait_for(&event, key, 1));
    assert_int_equal(event.sleepers, 0);
}

static void cancelled_sleeper_is_no_longer_counted(void **state)
{
    struct event_count event = { 0 };

    event_prepare(&event);
    assert_int_equal(event.sleepers, 1);
    event_cancel(&event);
    assert_int_equal(event.sleepers, 0);
}

/* A queue of numbers, one cell wide per round: plain data whose visibility the event carries. */
static struct {
    struct event_count event;
    _Atomic uint32_t published;
    uint32_t cells[20000];
} line;

static void *consume_all(void *arg)
{
    for (uint32_t seen = 0; seen < ARRAY_LEN(line.cells);) {
        uint32_t key = event_prepare(&line.event);
        uint32_t published = atomic_load_explicit(&line.published, memory_order_acquire);

        if (published == seen) {
            if (!event_wait_for(&line.event, key, LONG_MS))
                return lost_wake_up;
            continue;
        }
        event_cancel(&line.event);
        for (; seen < published; seen++) {
            if (line.cells[seen] != seen * 3)
                return wrong_value;
        }
    }
    return NULL;
}

static void no_wake_up_is_lost_between_two_threads(void **state)
{
    pthread_t consumer;
    void *complaint;

    PTOK(pthread_create(&consumer, NULL, consume_all, NULL));
    for (uint32_t i = 0; i < ARRAY_LEN(line.cells); i++) {
        line.cells[i] = i * 3;
        atomic_store_explicit(&line.published, i + 1, memory_order_release);
        event_wake_one(&line.event);
    }
    PTOK(pthread_join(consumer, &complaint));
    assert_null(complaint);
    assert_int_equal(line.event.sleepers, 0);
}

static struct {
    struct event_count event;
    _Atomic int go;
} gate;

static void *wait_for_gate(void *arg)
{
    for (;;) {
        uint32_t key = event_prepare(&gate.event);

        if (atomic_load(&gate.go)) {
            event_cancel(&gate.event);
            return NULL;
        }
        if (!event_wait_for(&gate.event, key, LONG_MS))
            return lost_wake_up;
    }
}

static void wake_all_wakes_every_sleeper(void **state)
{
    pthread_t threads[8];
    void *complaint;

    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        PTOK(pthread_create(&threads[i], NULL, wait_for_gate, NULL));
    while (atomic_load(&gate.event.sleepers) < ARRAY_LEN(threads))
        sched_yield();
    atomic_store(&gate.go, 1);
    event_wake_all(&gate.event);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        PTOK(pthread_join(threads[i], &complaint));
        assert_null(complaint);
    }
}

static struct {
    struct event_count event;
    _Atomic int tid;
} idle;

static void *sleep_until_woken(void *arg)
{
    uint32_t key = event_prepare(&idle.event);

    atomic_store(&idle.tid, (int)gettid());
    event_wait(&idle.event, key);
    return NULL;
}

/* The letter that /proc has for the thread: R while it runs, S while it sleeps. */
static char thread_state(int tid)
{
    char path[64], text[512] = "";
    FILE *file;

    snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
    file = fopen(path, "re");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof(text), file));
    fclose(file);
    return strrchr(text, ')')[2];
}

static void sleeper_takes_no_processor_time(void **state)
{
    pthread_t sleeper;
    int asleep = 0;

    PTOK(pthread_create(&sleeper, NULL, sleep_until_woken, NULL));
    while (atomic_load(&idle.tid) == 0)
        sched_yield();
    /* Now and then a thread that spins is seen waiting, too: it would not be 20 times running. */
    for (int i = 0; i < 2000 && asleep < 20; i++) {
        poll(NULL, 0, 1);
        asleep = thread_state(idle.tid) == 'S' ? asleep + 1 : 0;
    }
    assert_int_equal(asleep, 20);
    event_wake_one(&idle.event);
    PTOK(pthread_join(sleeper, NULL));
}

static bool is_readable(int fd, int timeout_ms)
{
    struct pollfd polled = { .fd = fd, .events = POLLIN };

    return poll(&polled, 1, timeout_ms) == 1;
}

static void many_kicks_write_once_until_cleared(void **state)
{
    struct wake_fd wake;
    uint64_t count;

    assert_int_equal(wake_fd_init(&wake), 0);
    assert_false(is_readable(wake.fd, 0));
    for (int i = 0; i < 5; i++)
        wake_fd_kick(&wake);
    assert_int_equal(read(wake.fd, &count, sizeof(count)), sizeof(count));
    assert_int_equal(count, 1);
    wake_fd_kick(&wake);
    assert_false(is_readable(wake.fd, 0));
    wake_fd_clear(&wake);
    wake_fd_kick(&wake);
    assert_true(is_readable(wake.fd, 0));
    wake_fd_clear(&wake);
    assert_false(is_readable(wake.fd, 0));
    wake_fd_done(&wake);
    assert_int_equal(wake.fd, -1);
}

static struct {
    struct wake_fd wake;
    _Atomic uint32_t published;
} poked;

static void *poll_until_all_seen(void *arg)
{
    while (atomic_load_explicit(&poked.published, memory_order_relaxed) < 20000) {
        if (!is_readable(poked.wake.fd, LONG_MS))
            return lost_wake_up;
        wake_fd_clear(&poked.wake);
    }
    return NULL;
}

static void no_kick_is_lost_between_two_threads(void **state)
{
    pthread_t owner;
    void *complaint;

    assert_int_equal(wake_fd_init(&poked.wake), 0);
    PTOK(pthread_create(&owner, NULL, poll_until_all_seen, NULL));
    for (uint32_t i = 0; i < 20000; i++) {
        atomic_fetch_add_explicit(&poked.published, 1, memory_order_relaxed);
        wake_fd_kick(&poked.wake);
    }
    PTOK(pthread_join(owner, &complaint));
    assert_null(complaint);
    wake_fd_done(&poked.wake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wait_returns_at_once_after_a_wake_since_the_key),
        cmocka_unit_test(wake_before_the_key_was_taken_does_not_count),
        cmocka_unit_test(cancelled_sleeper_is_no_longer_counted),
        cmocka_unit_test(no_wake_up_is_lost_between_two_threads),
        cmocka_unit_test(wake_all_wakes_every_sleeper),
        cmocka_unit_test(sleeper_takes_no_processor_time),
        cmocka_unit_test(many_kicks_write_once_until_cleared),
        cmocka_unit_test(no_kick_is_lost_between_two_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
