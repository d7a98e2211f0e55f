/*
 * slowfs: a filesystem (FUSE) whose reads and opens are slow, or hang until told.
 *
 * One thread. A request that has to wait is kept, with the time when it may be answered, so any
 * number of them wait side by side and none keeps the others, or a command, from being served.
 */
#define FUSE_USE_VERSION 35

#include "base/defs.h"

#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/queue.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define FILES       16u
#define FILE_SIZE   MIB
#define FIRST_INO   2u /* f0; 1 is the root */
#define ALL_FILES   ((1u << FILES) - 1)
#define CACHE_S     3600.0 /* the kernel need not ask for names and attributes again */
#define CONTROL_MAX 8

static const char usage[] =
    "Usage: slowfs [OPTION]... MOUNTPOINT\n"
    "Mounts a read-only filesystem with the files f0 to f15 of 1 MiB each, prints \"ready\", and\n"
    "stays in the foreground. Byte o of file n is (o + (o >> 8) + (o >> 16) + 17 * n) mod 256.\n"
    "Nothing is cached: each read(2) waits, one of 1 MiB twice if its buffer is not page-aligned.\n"
    "\n"
    "  --delay-ms MS     each read waits this long, all of them in parallel (default 0)\n"
    "  --opens           opens wait as well, not only reads\n"
    "  --hang            begin with every file hanging\n"
    "  --control PATH    listen on this unix socket for commands, one a line; each is answered\n"
    "                    by one line, \"ok\", \"error\" or the status\n"
    "  --with-parent     end when the parent process ends\n"
    "  --help            this text\n"
    "\n"
    "Commands:\n"
    "  hang on [fN]      requests to all files (or one) wait until told\n"
    "  hang off [fN]     ... they are answered, and later ones do not hang\n"
    "  opens on|off      whether opens wait too\n"
    "  delay MS          changes --delay-ms for later requests\n"
    "  status            \"hung=H delayed=D reads=R opens=O\": requests that wait for a command,\n"
    "                    that wait for their time, and all that ever came\n"
    "\n"
    "A reader that gets a signal while it waits is answered with EINTR, so that it can be killed.\n"
    "SIGTERM, SIGINT: requests that wait fail with EIO, the filesystem is unmounted.\n"
    "Exit status: 0, or 1 if it cannot be mounted.\n";

/* A request without an answer yet. */
struct waiting {
    TAILQ_ENTRY(waiting) link;
    fuse_req_t req;
    bool is_open, interrupted;
    unsigned file;
    struct fuse_file_info info;
    size_t size;
    off_t offset;
    uint64_t due_ns; /* UINT64_MAX: hangs until told */
};

struct slowfs {
    uint32_t hanging; /* a bit for each file */
    bool opens;
    uint64_t delay_ns, reads, opened;
    TAILQ_HEAD(, waiting) waiting;
    struct fuse_session *session;
    const char *control_path;
    int control_fd, signal_fd;
    int clients[CONTROL_MAX];
    bool ending;
};

static struct slowfs fs;
static char content[FILES][FILE_SIZE];

static uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

static void make_content(void)
{
    size_t n, o;

    for (n = 0; n < FILES; n++) {
        for (o = 0; o < FILE_SIZE; o++)
            content[n][o] = (char)(o + (o >> 8) + (o >> 16) + 17 * n);
    }
}

static struct stat attributes(fuse_ino_t ino)
{
    struct stat st = { .st_ino = ino, .st_nlink = 1, .st_mode = S_IFREG | 0444 };

    if (ino == FUSE_ROOT_ID)
        st.st_mode = S_IFDIR | 0555;
    else
        st.st_size = FILE_SIZE;
    return st;
}

/* 0..15, or -1. */
static int file_by_name(const char *name)
{
    char *end;
    unsigned long number;

    if (name[0] != 'f' || name[1] < '0' || name[1] > '9')
        return -1;
    number = strtoul(name + 1, &end, 10);
    return *end == '\0' && number < FILES ? (int)number : -1;
}

static void slow_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    struct fuse_entry_param entry = { .attr_timeout = CACHE_S, .entry_timeout = CACHE_S };
    int file = parent == FUSE_ROOT_ID ? file_by_name(name) : -1;

    if (file < 0) {
        fuse_reply_err(req, ENOENT);
        return;
    }
    entry.ino = FIRST_INO + (unsigned)file;
    entry.attr = attributes(entry.ino);
    fuse_reply_entry(req, &entry);
}

static void slow_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
    struct stat st = attributes(ino);

    fuse_reply_attr(req, &st, CACHE_S);
}

static void slow_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
                         struct fuse_file_info *info)
{
    char entries[2048];
    size_t len = 0;
    off_t i;

    size = MIN_OF(size, sizeof(entries));
    for (i = offset; i < (off_t)FILES; i++) {
        struct stat st = attributes(FIRST_INO + (fuse_ino_t)i);
        char name[16];
        size_t need;

        snprintf(name, sizeof(name), "f%d", (int)i);
        need = fuse_add_direntry(req, entries + len, size - len, name, &st, i + 1);
        if (need > size - len)
            break;
        len += need;
    }
    fuse_reply_buf(req, entries, len);
}

static void answer(struct waiting *wait)
{
    size_t offset = (size_t)wait->offset;
    size_t len = offset < FILE_SIZE ? MIN_OF(wait->size, FILE_SIZE - offset) : 0;

    if (wait->interrupted)
        fuse_reply_err(wait->req, EINTR);
    else if (fs.ending)
        fuse_reply_err(wait->req, EIO);
    else if (wait->is_open)
        fuse_reply_open(wait->req, &wait->info);
    else
        fuse_reply_buf(wait->req, content[wait->file] + (len ? offset : 0), len);
    free(wait);
}

/* libfuse holds a lock of the request here: it is answered by answer_due(). */
static void on_interrupt(fuse_req_t req, void *data)
{
    ((struct waiting *)data)->interrupted = true;
}

/* Answers at once, or keeps the request. */
static void wait_or_answer(struct waiting request)
{
    bool waits = !request.is_open || fs.opens;
    struct waiting *wait = malloc(sizeof(*wait));

    if (!wait) {
        fuse_reply_err(request.req, ENOMEM);
        return;
    }
    *wait = request;
    if (waits && (fs.hanging & 1u << wait->file)) {
        wait->due_ns = UINT64_MAX;
    } else if (waits && fs.delay_ns > 0) {
        wait->due_ns = now_ns() + fs.delay_ns;
    } else {
        answer(wait);
        return;
    }
    TAILQ_INSERT_TAIL(&fs.waiting, wait, link);
    fuse_req_interrupt_func(wait->req, on_interrupt, wait);
}

static void slow_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
    struct waiting request = { .req = req, .is_open = true, .info = *info };

    fs.opened++;
    if (ino < FIRST_INO) {
        fuse_reply_err(req, EISDIR);
    } else if ((info->flags & O_ACCMODE) != O_RDONLY) {
        fuse_reply_err(req, EROFS);
    } else {
        request.file = (unsigned)(ino - FIRST_INO);
        request.info.direct_io = 1;
        wait_or_answer(request);
    }
}

static void slow_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
                      struct fuse_file_info *info)
{
    fs.reads++;
    wait_or_answer((struct waiting){
        .req = req, .file = (unsigned)(ino - FIRST_INO), .size = size, .offset = offset });
}

static const struct fuse_lowlevel_ops operations = {
    .lookup = slow_lookup,
    .getattr = slow_getattr,
    .readdir = slow_readdir,
    .open = slow_open,
    .read = slow_read,
};

/* Answers what is due, told or interrupted; returns how long poll may sleep, in ms. */
static int answer_due(void)
{
    uint64_t now = now_ns(), next_ns = UINT64_MAX;
    struct waiting *wait, *following;

    for (wait = TAILQ_FIRST(&fs.waiting); wait; wait = following) {
        following = TAILQ_NEXT(wait, link);
        if (fs.ending || wait->interrupted || wait->due_ns <= now) {
            TAILQ_REMOVE(&fs.waiting, wait, link);
            answer(wait);
        } else {
            next_ns = MIN_OF(next_ns, wait->due_ns);
        }
    }
    if (next_ns == UINT64_MAX)
        return -1;
    return (int)MIN_OF((next_ns - now) / NSEC_PER_MSEC + 1, 3600000u);
}

static void print_status(char *line, size_t size)
{
    unsigned hung = 0, delayed = 0;
    struct waiting *wait;

    TAILQ_FOREACH (wait, &fs.waiting, link) {
        hung += wait->due_ns == UINT64_MAX;
        delayed += wait->due_ns != UINT64_MAX;
    }
    snprintf(line, size, "hung=%u delayed=%u reads=%llu opens=%llu\n", hung, delayed,
             (unsigned long long)fs.reads, (unsigned long long)fs.opened);
}

static void set_hanging(bool on, uint32_t files)
{
    struct waiting *wait;

    fs.hanging = on ? fs.hanging | files : fs.hanging & ~files;
    TAILQ_FOREACH (wait, &fs.waiting, link) {
        if (!on && (files & 1u << wait->file))
            wait->due_ns = 0;
    }
}

/* The reply to a command. */
static void obey(const char *command, char *reply, size_t size)
{
    char word[16] = "", value[16] = "", name[16] = "";
    int words = sscanf(command, "%15s %15s %15s", word, value, name);
    bool on = strcmp(value, "on") == 0, off = strcmp(value, "off") == 0;
    int file = words == 3 ? file_by_name(name) : -1;

    snprintf(reply, size, "ok\n");
    if (strcmp(word, "hang") == 0 && (on || off) && (words == 2 || file >= 0))
        set_hanging(on, words == 3 ? 1u << file : ALL_FILES);
    else if (strcmp(word, "opens") == 0 && words == 2 && (on || off))
        fs.opens = on;
    else if (strcmp(word, "delay") == 0 && words == 2)
        fs.delay_ns = strtoull(value, NULL, 10) * NSEC_PER_MSEC;
    else if (strcmp(word, "status") == 0 && words == 1)
        print_status(reply, size);
    else
        snprintf(reply, size, "error\n");
}

/* Commands are short: each read holds whole lines. False: the client is gone. */
static bool serve_client(int fd)
{
    char text[512], reply[128], *line, *rest;
    ssize_t n = read(fd, text, sizeof(text) - 1);

    if (n <= 0)
        return false;
    text[n] = '\0';
    for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        obey(line, reply, sizeof(reply));
        answer_due();
        if (send(fd, reply, strlen(reply), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
            return false;
    }
    return true;
}

static void accept_client(void)
{
    int fd = accept4(fs.control_fd, NULL, NULL, SOCK_CLOEXEC);
    size_t i;

    for (i = 0; fd >= 0 && i < CONTROL_MAX; i++) {
        if (fs.clients[i] < 0) {
            fs.clients[i] = fd;
            return;
        }
    }
    if (fd >= 0)
        close(fd);
}

static int listen_control(void)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };

    if (!fs.control_path)
        return 0;
    if (strlen(fs.control_path) >= sizeof(addr.sun_path))
        return -ENAMETOOLONG;
    snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", fs.control_path);
    unlink(fs.control_path);
    fs.control_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fs.control_fd < 0 || bind(fs.control_fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
        listen(fs.control_fd, CONTROL_MAX) < 0)
        return -errno;
    return 0;
}

static void serve_kernel(struct fuse_buf *buf)
{
    int r = fuse_session_receive_buf(fs.session, buf);

    if (r > 0)
        fuse_session_process_buf(fs.session, buf);
    else if (r != -EAGAIN && r != -EINTR)
        fs.ending = true; /* unmounted by somebody else */
}

static void serve_control(const struct pollfd *polls)
{
    size_t i;

    if (polls[1].revents)
        fs.ending = true;
    if (polls[2].revents)
        accept_client();
    for (i = 0; i < CONTROL_MAX; i++) {
        if (polls[3 + i].revents && !serve_client(polls[3 + i].fd)) {
            close(fs.clients[i]);
            fs.clients[i] = -1;
        }
    }
}

static void serve(void)
{
    struct fuse_buf buf = { .mem = NULL };

    while (!fs.ending) {
        struct pollfd polls[3 + CONTROL_MAX] = {
            { .fd = fuse_session_fd(fs.session), .events = POLLIN },
            { .fd = fs.signal_fd, .events = POLLIN },
            { .fd = fs.control_fd, .events = POLLIN },
        };
        size_t i;

        for (i = 0; i < CONTROL_MAX; i++)
            polls[3 + i] = (struct pollfd){ .fd = fs.clients[i], .events = POLLIN };
        if (poll(polls, ARRAY_LEN(polls), answer_due()) <= 0)
            continue;
        if (polls[0].revents)
            serve_kernel(&buf);
        serve_control(polls);
    }
    answer_due();
    free(buf.mem);
}

static void end_with_parent(void)
{
    pid_t parent = getppid();

    prctl(PR_SET_PDEATHSIG, SIGTERM);
    fs.ending = getppid() != parent; /* it had ended before */
}

static void parse_options(int argc, char **argv)
{
    static const struct option names[] = {
        { "delay-ms", required_argument, NULL, 'd' },
        { "opens", no_argument, NULL, 'o' },
        { "hang", no_argument, NULL, 'H' },
        { "control", required_argument, NULL, 'c' },
        { "with-parent", no_argument, NULL, 'p' },
        { "help", no_argument, NULL, 'h' },
        { 0 },
    };
    int c;

    while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (c == 'd') {
            fs.delay_ns = strtoull(optarg, NULL, 10) * NSEC_PER_MSEC;
        } else if (c == 'o') {
            fs.opens = true;
        } else if (c == 'H') {
            fs.hanging = ALL_FILES;
        } else if (c == 'c') {
            fs.control_path = optarg;
        } else if (c == 'p') {
            end_with_parent();
        } else {
            fputs(usage, c == 'h' ? stdout : stderr);
            exit(c == 'h' ? 0 : 1);
        }
    }
    if (argc - optind != 1) {
        fputs(usage, stderr);
        exit(1);
    }
}

/* Signals come by descriptor; blocked before libfuse could start a thread. */
static int open_signals(void)
{
    sigset_t mask;

    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGINT);
    sigaddset(&mask, SIGHUP);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    return signalfd(-1, &mask, SFD_CLOEXEC);
}

static bool mount_at(const char *mountpoint)
{
    char name[] = "slowfs", option[] = "-ofsname=slowfs,subtype=slowfs";
    char *words[] = { name, option, NULL };
    struct fuse_args args = FUSE_ARGS_INIT(2, words);
    int fd;

    fs.session = fuse_session_new(&args, &operations, sizeof(operations), NULL);
    fuse_opt_free_args(&args);
    if (!fs.session)
        return false;
    if (fuse_session_mount(fs.session, mountpoint) < 0) {
        fuse_session_destroy(fs.session);
        return false;
    }
    fd = fuse_session_fd(fs.session);
    return fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0;
}

int main(int argc, char **argv)
{
    size_t i;

    fs.control_fd = -1;
    for (i = 0; i < CONTROL_MAX; i++)
        fs.clients[i] = -1;
    TAILQ_INIT(&fs.waiting);
    fs.signal_fd = open_signals();
    parse_options(argc, argv);
    make_content();
    if (listen_control() < 0) {
        fprintf(stderr, "slowfs: cannot listen on '%s'\n", fs.control_path);
        return 1;
    }
    if (!mount_at(argv[optind])) {
        fprintf(stderr, "slowfs: cannot mount on '%s'\n", argv[optind]);
        return 1;
    }
    puts("ready");
    fflush(stdout);
    serve();
    fuse_session_unmount(fs.session);
    fuse_session_destroy(fs.session);
    if (fs.control_path)
        unlink(fs.control_path);
    return 0;
}
