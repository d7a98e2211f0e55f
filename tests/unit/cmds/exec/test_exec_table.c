#include "unit/cmds/exec/exec_calls.h"

#include "cmds/exec/exec_table.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

/* --- records -------------------------------------------------------------------------- */

static struct exec_proc *insert(struct exec_table *table, pid_t pid, int status)
{
    struct cmd_error error = { 0 };
    struct exec_proc *proc;

    assert_int_equal(exec_table_admit(table, false, &error), 0);
    proc = exec_proc_new(exec_table_quota(table));
    proc->pid = pid;
    proc->status = status;
    exec_table_insert(table, proc);
    return proc;
}

static void assert_taken(struct exec_table *table, pid_t pid, int status)
{
    struct exec_proc *proc = NULL;

    assert_int_equal(exec_table_take(table, pid, &proc), 1);
    assert_int_equal(proc->status, status);
    exec_proc_free(proc);
}

static void a_record_is_there_until_its_end_is_taken(void **state)
{
    struct exec_table *table = ((struct fixture *)*state)->env.execs;
    struct exec_proc *taken = NULL, *proc = insert(table, 100, 3);

    assert_int_equal(exec_table_take(table, 100, &taken), 0);
    exec_table_finish(proc);
    assert_int_equal(exec_table_take(table, 100 + (1LL << 32), &taken), -ESRCH);
    assert_taken(table, 100, 3);
    assert_int_equal(exec_table_take(table, 100, &taken), -ESRCH);
}

static void a_record_that_was_put_back_can_be_taken_again(void **state)
{
    struct exec_table *table = ((struct fixture *)*state)->env.execs;
    struct exec_proc *proc = NULL;

    exec_table_finish(insert(table, 100, 3));
    assert_int_equal(exec_table_take(table, 100, &proc), 1);
    exec_table_put_back(table, proc);
    exec_table_put_back(table, NULL);
    assert_taken(table, 100, 3);
}

/* Of these pids nobody is a child: nothing is reaped. */
static void when_full_the_oldest_finished_record_goes(void **state)
{
    struct exec_table *table = exec_table_new(3, MIB);
    struct exec_proc *taken = NULL, *running;
    struct cmd_error error = { 0 };

    (void)state;
    running = insert(table, 100, 1);
    exec_table_finish(insert(table, 101, 2));
    exec_table_finish(insert(table, 102, 3));
    insert(table, 103, 4);
    assert_int_equal(exec_table_take(table, 101, &taken), -ESRCH);
    assert_int_equal(exec_table_take(table, 100, &taken), 0);
    insert(table, 104, 5); /* in the place of 102: the three others run */
    assert_int_equal(exec_table_admit(table, false, &error), -1);
    assert_string_equal(error.text, "too many processes run (limit 3)");
    cmd_error_done(&error);
    exec_table_finish(running);
    insert(table, 105, 6);
    assert_false(exec_table_forget_oldest(table));
    assert_null(exec_table_free(table));
}

static struct exec_proc *insert_with_output(struct exec_table *table, pid_t pid, size_t len)
{
    struct exec_proc *proc = insert(table, pid, 0);

    assert_int_equal(exec_table_charge(table, len), len);
    assert_non_null(buf_reserve(&proc->out.data, len));
    memset(proc->out.data.data, 'x', len);
    proc->out.data.len = len;
    return proc;
}

static void the_oldest_finished_output_makes_room_for_new_output(void **state)
{
    struct exec_table *table = exec_table_new(10, 1000);
    struct exec_proc *running = insert_with_output(table, 100, 300), *taken = NULL;

    (void)state;
    exec_table_finish(insert_with_output(table, 101, 300));
    exec_table_finish(insert_with_output(table, 102, 300));
    assert_int_equal(exec_table_charge(table, 200), 200); /* that of 101 had to go */
    assert_int_equal(exec_table_take(table, 101, &taken), 1);
    assert_int_equal(taken->out.data.len, 0);
    assert_true(taken->out.truncated);
    assert_false(taken->err.truncated);
    exec_proc_free(taken);
    assert_int_equal(exec_table_take(table, 102, &taken), 1);
    assert_int_equal(taken->out.data.len, 300);
    exec_table_put_back(table, taken);
    assert_int_equal(exec_table_charge(table, 1000), 500); /* what runs keeps its own */
    assert_int_equal(running->out.data.len, 300);
    assert_null(exec_table_free(table));
}

static void records_that_share_a_bucket_are_reported_apart(void **state)
{
    struct exec_table *table = ((struct fixture *)*state)->env.execs;

    for (int i = 0; i < 5; i++)
        exec_table_finish(insert(table, 7 + i * 1024, i));
    for (int i = 0; i < 5; i++)
        assert_taken(table, 7 + i * 1024, i);
}

static void bytes_are_granted_up_to_the_limit(void **state)
{
    struct exec_table *table = exec_table_new(1, 1000);

    (void)state;
    assert_int_equal(exec_table_charge(table, 600), 600);
    assert_int_equal(exec_table_charge(table, 600), 400);
    assert_int_equal(exec_table_charge(table, 600), 0);
    exec_quota_give(exec_table_quota(table), 500);
    assert_int_equal(exec_table_charge(table, 600), 500);
    assert_null(exec_table_free(table));
    assert_null(exec_table_free(NULL));
}

/* --- watcher -------------------------------------------------------------------------- */

struct counted_source {
    struct exec_source source;
    struct exec_watch *watch;
    _Atomic int calls;
};

static void count_and_end(struct exec_source *source)
{
    struct counted_source *counted = CONTAINER_OF(source, struct counted_source, source);

    exec_watch_end(counted->watch, source);
    counted->calls++;
}

static void wait_for_call(struct counted_source *counted)
{
    for (int i = 0; i < WAIT_LIMIT_NAPS && counted->calls == 0; i++)
        nap();
    assert_int_equal(counted->calls, 1);
}

static void a_source_calls_back_when_ready_and_not_after_its_end(void **state)
{
    struct counted_source counted = { .source = { .events = EPOLLIN, .ready = count_and_end } };
    int fds[2];

    (void)state;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(exec_watch_new(&counted.watch), 0);
    assert_int_equal(exec_watch_start(counted.watch), 0);
    assert_int_equal(exec_watch_start(counted.watch), 0);
    counted.source.fd = dup(fds[0]); /* another holder, as a child that is being started */
    exec_watch_add(counted.watch, &counted.source);
    assert_int_equal(write(fds[1], "x", 1), 1);
    wait_for_call(&counted);
    assert_int_equal(write(fds[1], "x", 1), 1);
    assert_null(exec_watch_free(counted.watch));
    assert_int_equal(counted.calls, 1);
    close(fds[0]);
    close(fds[1]);
}

static void a_source_the_kernel_does_not_take_is_tried_again(void **state)
{
    struct counted_source counted = { .source = { .events = EPOLLIN, .ready = count_and_end } };
    int fds[2];

    (void)state;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(exec_watch_new(&counted.watch), 0);
    assert_int_equal(exec_watch_start(counted.watch), 0);
    counted.source.fd = 900; /* not open yet: epoll refuses it */
    exec_watch_add(counted.watch, &counted.source);
    close(fds[1]);
    /* A bare call: for TSan the watcher would have no business with a descriptor opened here. */
    assert_int_equal(syscall(SYS_dup3, fds[0], 900, O_CLOEXEC), 900);
    wait_for_call(&counted);
    assert_null(exec_watch_free(counted.watch));
    close(fds[0]);
}

static void a_watch_that_never_started_is_freed(void **state)
{
    struct exec_watch *watch;

    (void)state;
    assert_int_equal(exec_watch_new(&watch), 0);
    assert_null(exec_watch_free(watch));
    assert_null(exec_watch_free(NULL));
}

/* --- threads -------------------------------------------------------------------------- */

static void *exec_many(void *arg)
{
    struct fixture *fixture = arg;

    for (int i = 0; i < 40; i++) {
        struct json_object *reply =
            status_at_end(fixture, shell(fixture, CAPTURE_SEPARATED, "echo out; echo err >&2"));
        size_t len;
        char *out = data_member(reply, "out-data", &len);
        char *err = data_member(reply, "err-data", &len);

        if (strcmp(out, "out\n") != 0 || strcmp(err, "err\n") != 0)
            abort();
        free(out);
        free(err);
        json_object_put(reply);
    }
    return NULL;
}

static void threads_start_and_ask_side_by_side(void **state)
{
    pthread_t threads[4];

    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        PTOK(pthread_create(&threads[i], NULL, exec_many, *state));
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        PTOK(pthread_join(threads[i], NULL));
}

struct one_process {
    struct fixture *fixture;
    int64_t pid;
    _Atomic int told;
};

static void *ask_until_gone(void *arg)
{
    struct one_process *one = arg;
    struct exec_status_args args = { .pid = one->pid };

    for (;;) {
        char *text = call(one->fixture, cmd_exec_status, &args);
        bool gone = strncmp(text, "error", 5) == 0;

        if (strstr(text, "\"exitcode\": 0"))
            one->told++;
        free(text);
        if (gone)
            return NULL;
        nap();
    }
}

static void only_one_of_many_askers_is_reported_the_end(void **state)
{
    for (int round = 0; round < 20; round++) {
        struct one_process one = { .fixture = *state };
        pthread_t threads[3];

        one.pid = shell(one.fixture, CAPTURE_STDOUT, "echo out");
        for (size_t i = 0; i < ARRAY_LEN(threads); i++)
            PTOK(pthread_create(&threads[i], NULL, ask_until_gone, &one));
        for (size_t i = 0; i < ARRAY_LEN(threads); i++)
            PTOK(pthread_join(threads[i], NULL));
        assert_int_equal(one.told, 1);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(a_record_is_there_until_its_end_is_taken),
        TEST(a_record_that_was_put_back_can_be_taken_again),
        TEST(when_full_the_oldest_finished_record_goes),
        TEST(the_oldest_finished_output_makes_room_for_new_output),
        TEST(records_that_share_a_bucket_are_reported_apart),
        TEST(bytes_are_granted_up_to_the_limit),
        TEST(a_source_calls_back_when_ready_and_not_after_its_end),
        TEST(a_source_the_kernel_does_not_take_is_tried_again),
        TEST(a_watch_that_never_started_is_freed),
        TEST(threads_start_and_ask_side_by_side),
        TEST(only_one_of_many_askers_is_reported_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
