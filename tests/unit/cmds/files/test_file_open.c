/* Ways around path rules. Each case: DIR/open is allowed, DIR/secret is not. */
#include "cmds/files/file_open.h"

#include "base/fdio.h"
#include "cmds/files/path_names.h"
#include "unit/cmds/fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

#define ENTRIES  "/proc/self/fd"
#define RACE_MS  500
#define WAIT_SEC 20

struct around {
    struct fixture *fixture;
    struct path_rules *deny;  /* DIR/secret and all in there */
    struct path_rules *allow; /* DIR/open and all in there, and nothing else */
};

static struct path_rules *rules_of(const char *allow, const char *deny)
{
    const char *const allows[] = { allow, NULL }, *const denies[] = { deny, NULL };
    struct cmd_error error = { 0 };
    struct path_rules *rules;

    assert_int_equal(path_rules_new(allow ? allows : NULL, deny ? denies : NULL, &rules, &error),
                     0);
    return rules;
}

static int setup(void **state)
{
    struct around *around = calloc(1, sizeof(*around));
    void *fixture;

    fixture_setup(&fixture);
    around->fixture = fixture;
    mkdir(path_in(fixture, "open"), 0755);
    mkdir(path_in(fixture, "secret"), 0755);
    write_file(path_in(fixture, "open/f"), "open", 4);
    write_file(path_in(fixture, "secret/f"), "secret", 6);
    around->deny = rules_of(NULL, path_in(fixture, "secret/**"));
    around->allow = rules_of(path_in(fixture, "open/**"), NULL);
    *state = around;
    return 0;
}

static int teardown(void **state)
{
    struct around *around = *state;
    void *fixture = around->fixture;

    path_rules_free(around->deny);
    path_rules_free(around->allow);
    free(around);
    return fixture_teardown(&fixture);
}

static int try_open(const struct path_rules *rules, const char *path, int flags)
{
    int fd = file_open_fd(rules, path, flags, 0600);

    fd_close(fd);
    return MIN_OF(fd, 0);
}

static void assert_refused(const struct around *around, const char *path)
{
    static const int flags[] = { O_RDONLY, O_WRONLY, O_RDWR, O_WRONLY | O_CREAT | O_TRUNC };

    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        if (try_open(around->deny, path, flags[i]) != FILE_REFUSED ||
            try_open(around->allow, path, flags[i]) != FILE_REFUSED)
            fail_msg("%s with 0x%x", path, (unsigned)flags[i]);
    }
}

static void assert_opened(const struct around *around, const char *path, int flags)
{
    assert_int_equal(try_open(around->deny, path, flags), 0);
    assert_int_equal(try_open(around->allow, path, flags), 0);
}

static void what_is_allowed_opens_as_ever(void **state)
{
    struct around *around = *state;
    struct fixture *fixture = around->fixture;
    struct stat st;

    assert_opened(around, path_in(fixture, "open/f"), O_RDONLY);
    assert_opened(around, path_in(fixture, "open/f"), O_RDWR);
    assert_opened(around, path_in(fixture, "open/../open/f"), O_WRONLY);
    assert_opened(around, path_in(fixture, "open"), O_RDONLY);
    assert_opened(around, path_in(fixture, "open/new"), O_WRONLY | O_CREAT | O_TRUNC);
    assert_int_equal(stat(path_in(fixture, "open/new"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(try_open(around->allow, path_in(fixture, "open/none"), O_RDONLY), -ENOENT);
    assert_int_equal(try_open(around->allow, path_in(fixture, "no/ne"), O_RDWR | O_CREAT), -ENOENT);
    assert_int_equal(try_open(around->allow, path_in(fixture, "open/d/"), O_RDWR | O_CREAT),
                     -EISDIR);
    assert_int_equal(try_open(NULL, path_in(fixture, "secret/f"), O_RDONLY), 0);
}

static void paths_that_lead_there_are_refused(void **state)
{
    static const char *const paths[] = {
        "secret/f",      "open/../secret/f", "open/link",  "open/dir/f", "open/dir/../secret/f",
        "open/relative", "open//link",       "secret/./f", "open/chain",
    };
    struct around *around = *state;
    struct fixture *fixture = around->fixture;

    assert_int_equal(symlink(path_in(fixture, "secret/f"), path_in(fixture, "open/link")), 0);
    assert_int_equal(symlink(path_in(fixture, "secret"), path_in(fixture, "open/dir")), 0);
    assert_int_equal(symlink("../secret/f", path_in(fixture, "open/relative")), 0);
    assert_int_equal(symlink("dir/f", path_in(fixture, "open/chain")), 0);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        assert_refused(around, path_in(fixture, paths[i]));
    assert_int_equal(link(path_in(fixture, "secret/f"), path_in(fixture, "open/hard")), 0);
    assert_refused(around, path_in(fixture, "open/hard"));
}

static void magic_links_are_refused(void **state)
{
    struct around *around = *state;
    int file = open(path_in(around->fixture, "secret/f"), O_RDONLY | O_CLOEXEC);
    int dir = open(path_in(around->fixture, "secret"), O_RDONLY | O_CLOEXEC);
    char path[512];

    snprintf(path, sizeof(path), ENTRIES "/%d", file);
    assert_refused(around, path);
    snprintf(path, sizeof(path), "/proc/thread-self/fd/%d", file);
    assert_refused(around, path);
    snprintf(path, sizeof(path), ENTRIES "/%d/f", dir);
    assert_refused(around, path);
    snprintf(path, sizeof(path), "/proc/self/root%s", path_in(around->fixture, "secret/f"));
    assert_refused(around, path);
    snprintf(path, sizeof(path), "/proc/%d/task/%d/root%s", getpid(), getpid(),
             path_in(around->fixture, "secret/f"));
    assert_refused(around, path);
    assert_refused(around, "/proc/self/mem");
    assert_refused(around, "/proc/thread-self/mem");
    fd_close(file);
    fd_close(dir);
}

static void what_has_no_name_is_refused(void **state)
{
    struct around *around = *state;
    int file = open(path_in(around->fixture, "open/f"), O_RDONLY | O_CLOEXEC);
    char path[64];
    int pipes[2];

    assert_int_equal(unlink(path_in(around->fixture, "open/f")), 0);
    snprintf(path, sizeof(path), ENTRIES "/%d", file);
    assert_refused(around, path);
    /* A file that has such a name, and one in the place of the removed one, do not help. */
    write_file(path_in(around->fixture, "open/f"), "", 0);
    write_file(path_in(around->fixture, "open/f (deleted)"), "", 0);
    assert_refused(around, path);
    assert_refused(around, path_in(around->fixture, "open/f (deleted)"));
    /* Nor does the file itself under that name, which it gets only now. */
    assert_int_equal(unlink(path_in(around->fixture, "open/f (deleted)")), 0);
    assert_int_equal(linkat(AT_FDCWD, path_in(around->fixture, "secret/f"), AT_FDCWD,
                            path_in(around->fixture, "open/h"), 0),
                     0);
    int secret = open(path_in(around->fixture, "open/h"), O_PATH | O_CLOEXEC);
    assert_int_equal(unlink(path_in(around->fixture, "open/h")), 0);
    assert_int_equal(
        rename(path_in(around->fixture, "secret/f"), path_in(around->fixture, "open/h (deleted)")),
        0);
    snprintf(path, sizeof(path), ENTRIES "/%d", secret);
    assert_refused(around, path);
    fd_close(secret);
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    snprintf(path, sizeof(path), ENTRIES "/%d", pipes[0]);
    assert_refused(around, path);
    fd_close(pipes[0]);
    fd_close(pipes[1]);
    fd_close(file);
}

static void new_files_are_made_where_it_is_allowed_only(void **state)
{
    static const char *const paths[] = { "secret/new", "open/../secret/new", "open/dir/new" };
    struct around *around = *state;
    struct fixture *fixture = around->fixture;

    assert_int_equal(symlink("../secret", path_in(fixture, "open/dir")), 0);
    assert_int_equal(symlink("../secret/new", path_in(fixture, "open/dangling")), 0);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        assert_int_equal(try_open(around->deny, path_in(fixture, paths[i]), O_WRONLY | O_CREAT),
                         FILE_REFUSED);
        assert_int_equal(try_open(around->allow, path_in(fixture, paths[i]), O_WRONLY | O_CREAT),
                         FILE_REFUSED);
    }
    assert_int_equal(try_open(around->deny, path_in(fixture, "open/dangling"), O_WRONLY | O_CREAT),
                     -ENOENT);
    assert_int_equal(access(path_in(fixture, "secret/new"), F_OK), -1);
}

static void a_literal_allow_takes_devices_and_hard_links(void **state)
{
    struct around *around = *state;
    struct path_rules *null = rules_of("/dev/null", NULL), *wild = rules_of("/dev/nul*", NULL);

    assert_int_equal(try_open(around->deny, "/dev/null", O_RDWR), FILE_REFUSED);
    assert_int_equal(try_open(wild, "/dev/null", O_RDWR), FILE_REFUSED);
    assert_int_equal(try_open(null, "/dev/null", O_RDWR), 0);
    path_rules_free(null);
    path_rules_free(wild);
}

/* Where "SECRET" leads to "secret", the kernel's name says nothing. */
static void filesystems_with_several_spellings_are_known(void **state)
{
    static const long folded[] = { 0x4D44, 0x2011BAB0, 0x7366746E, (long)0xFF534D42,
                                   (int)0xFF534D42 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(folded); i++)
        assert_true(path_names_are_folded(folded[i]));
    assert_false(path_names_are_folded(0xEF53));     /* ext4 */
    assert_false(path_names_are_folded(0x01021994)); /* tmpfs */
}

/* In a child with mounts of its own: 0 if each try went as it has to, else the number of the line. */
static int try_bind_mounts(const struct around *around)
{
    CLEANUP(free_ptr) char *secret = strdup(path_in(around->fixture, "secret"));
    CLEANUP(free_ptr) char *b = strdup(path_in(around->fixture, "open/b"));
    char file[512], root[512];

    snprintf(file, sizeof(file), "%s/f", b);
    snprintf(root, sizeof(root), "%s%s", b, path_in(around->fixture, "secret/f"));
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mkdir(b, 0755) < 0 || mount(secret, b, NULL, MS_BIND, NULL) < 0)
        return 255; /* may not */
    if (try_open(around->deny, file, O_RDONLY) != FILE_REFUSED)
        return 1;
    if (try_open(around->deny, path_in(around->fixture, "open/b/new"), O_RDWR | O_CREAT) !=
        FILE_REFUSED)
        return 2;
    if (try_open(around->allow, file, O_RDONLY) !=
        0) /* the owner of the guest has mounted it there */
        return 3;
    if (umount(b) < 0 || mount("/", b, NULL, MS_BIND, NULL) < 0)
        return 255;
    if (access(root, F_OK) == 0 && try_open(around->deny, root, O_RDONLY) != FILE_REFUSED)
        return 4;
    /* Hidden by another mount, and still held. */
    int fd = open(path_in(around->fixture, "open/f"), O_RDONLY | O_CLOEXEC);
    snprintf(file, sizeof(file), ENTRIES "/%d", fd);
    if (mount(secret, path_in(around->fixture, "open"), NULL, MS_BIND, NULL) < 0)
        return 255;
    return try_open(around->allow, file, O_RDONLY) == FILE_REFUSED ? 0 : 5;
}

static void bind_mounts_are_refused(void **state)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        alarm(WAIT_SEC);
        _exit(try_bind_mounts(*state));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 255)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* --- a user who renames while it is opened -------------------------------------------- */

struct racer {
    const char *at, *file, *link; /* `at` is now the one, now the other */
    _Atomic bool over;
};

static void *exchange(void *arg)
{
    struct racer *racer = arg;

    while (!racer->over)
        renameat2(AT_FDCWD, racer->at, AT_FDCWD, racer->link, RENAME_EXCHANGE);
    return NULL;
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Opens again and again; what was opened is never a secret. How often it was opened. */
static unsigned race(const struct path_rules *rules, const char *path, int flags)
{
    int64_t end = now_ms() + RACE_MS;
    unsigned opened = 0;

    while (now_ms() < end || opened == 0) {
        CLEANUP(fd_closep) int fd = file_open_fd(rules, path, flags, 0600);
        char data[16] = "";

        if (fd < 0)
            continue;
        opened++;
        if (pread(fd, data, sizeof(data) - 1, 0) > 0)
            assert_string_equal(data, "open");
    }
    return opened;
}

static void renames_while_it_is_opened_win_nothing(void **state)
{
    struct around *around = *state;
    struct fixture *fixture = around->fixture;
    char at[128], path[160];
    struct racer racer = { .at = at, .link = path_in(fixture, "open/other") };
    pthread_t thread;

    alarm(WAIT_SEC);
    /* A directory and a link to the other one change places, and so do a file and a link. */
    for (int dirs = 0; dirs < 2; dirs++) {
        snprintf(at, sizeof(at), "%s/open/%s", fixture->dir, dirs ? "d" : "g");
        snprintf(path, sizeof(path), dirs ? "%s/f" : "%s", at);
        if (dirs)
            assert_int_equal(mkdir(at, 0755), 0);
        write_file(path, "open", 4);
        assert_int_equal(symlink(dirs ? "../secret" : "../secret/f", racer.link), 0);
        racer.over = false;
        pthread_create(&thread, NULL, exchange, &racer);
        assert_true(race(around->deny, path, O_RDWR | O_CREAT) > 0);
        assert_true(race(around->allow, path, O_RDONLY) > 0);
        racer.over = true;
        pthread_join(thread, NULL);
        nftw(at, remove_entry, 4, FTW_DEPTH | FTW_PHYS);
        nftw(racer.link, remove_entry, 4, FTW_DEPTH | FTW_PHYS);
    }
    alarm(0);
}

/* A hard link is there, or its name is gone, or is that which the kernel has for a removed file. */
static void *link_and_unlink(void *arg)
{
    struct racer *racer = arg;

    while (!racer->over) {
        if (link(racer->file, racer->at) < 0)
            continue;
        unlink(racer->at);
        if (link(racer->file, racer->link) < 0)
            continue;
        unlink(racer->link);
    }
    return NULL;
}

static void hard_links_that_come_and_go_win_nothing(void **state)
{
    struct around *around = *state;
    char secret[128], at[128], removed[160];
    struct racer racer = { .at = at, .file = secret, .link = removed };
    int64_t end = now_ms() + RACE_MS;
    unsigned refused = 0;
    pthread_t thread;

    alarm(WAIT_SEC);
    snprintf(secret, sizeof(secret), "%s/secret/f", around->fixture->dir);
    snprintf(at, sizeof(at), "%s/open/hard", around->fixture->dir);
    snprintf(removed, sizeof(removed), "%s (deleted)", at);
    pthread_create(&thread, NULL, link_and_unlink, &racer);
    while (now_ms() < end || refused == 0) {
        int deny = try_open(around->deny, at, O_RDONLY);
        int allow = try_open(around->allow, at, O_RDONLY);

        if (deny == 0 || allow == 0)
            fail_msg("after %u refused ones", refused);
        refused += deny == FILE_REFUSED || allow == FILE_REFUSED;
    }
    racer.over = true;
    pthread_join(thread, NULL);
    alarm(0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CASE(what_is_allowed_opens_as_ever),
        CASE(paths_that_lead_there_are_refused),
        CASE(magic_links_are_refused),
        CASE(what_has_no_name_is_refused),
        CASE(new_files_are_made_where_it_is_allowed_only),
        CASE(a_literal_allow_takes_devices_and_hard_links),
        CASE(filesystems_with_several_spellings_are_known),
        CASE(bind_mounts_are_refused),
        CASE(renames_while_it_is_opened_win_nothing),
        CASE(hard_links_that_come_and_go_win_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
