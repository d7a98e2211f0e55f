/*
 * cmds/linux/power/set_time.c - guest-set-time: the system's clock, and the RTC by ioctl (rtc(4)).
 *
 * The RTC is in UTC unless the third line of /etc/adjtime says LOCAL (hwclock(8)). It holds whole
 * seconds: the nearest one is written.
 *
 * Machines without an RTC (s390x, microvm, Firecracker) have their time set all the same; where the
 * host offers its clock as a PTP device (ptp_kvm, hyperv, vmclock) that one is read instead of an
 * RTC. A network card's PTP clock is passed by: nothing says that it shows UTC.
 */
#include "base/fdio.h"
#include "base/local_time.h"
#include "base/log.h"
#include "cmds/linux/linux.h"
#include "cmds/linux/power/clock_ops.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/rtc.h>
#include <sys/ioctl.h>
#include <time.h>

#define YEAR_2070   3155760000LL /* RTCs that count years in two digits from 1970 end before it */
#define PTP_DEVICES 16           /* looked at */

const struct arg_spec args_set_time[] = {
    ARG_OPT(ARG_INT, set_time_args, time, "time"),
    { 0 },
};

static int real_set_system(const struct timeval *now)
{
    return settimeofday(now, NULL) < 0 ? -errno : 0;
}

static int real_set_rtc(int fd, const struct rtc_time *now)
{
    return ioctl(fd, RTC_SET_TIME, now) < 0 ? -errno : 0;
}

static int real_read_rtc(int fd, struct rtc_time *ret_now)
{
    return ioctl(fd, RTC_RD_TIME, ret_now) < 0 ? -errno : 0;
}

/* The clock id of a clock's descriptor, as the kernel makes it (clock_gettime(2)). */
static int real_read_ptp(int fd, struct timespec *ret_now)
{
    return clock_gettime((clockid_t)((~(unsigned)fd << 3) | 3), ret_now) < 0 ? -errno : 0;
}

struct clock_ops clock_ops = {
    .set_system = real_set_system,
    .set_rtc = real_set_rtc,
    .read_rtc = real_read_rtc,
    .read_ptp = real_read_ptp,
};

static bool rtc_is_local(const struct sysroot *root)
{
    CLEANUP(buf_done) struct buf text = { 0 };
    char *line, *save = NULL;

    if (sysroot_read(root, "/etc/adjtime", &text) < 0)
        return false;
    line = strtok_r(text.data, "\n", &save);
    for (int i = 1; line && i < 3; i++)
        line = strtok_r(NULL, "\n", &save);
    return line && strncmp(line, "LOCAL", 5) == 0;
}

/* -ENOENT: there is none. A node without a driver is none. */
static int open_rtc(const struct sysroot *root)
{
    int fd = sysroot_open(root, "/dev/rtc0", O_RDONLY);

    if (fd == -ENOENT)
        fd = sysroot_open(root, "/dev/rtc", O_RDONLY);
    return fd == -ENXIO || fd == -ENODEV ? -ENOENT : fd;
}

static int write_rtc(const struct sysroot *root, time_t seconds)
{
    CLEANUP(fd_closep) int fd = open_rtc(root);
    struct tm tm;

    if (fd < 0)
        return fd;
    if (rtc_is_local(root) ? local_time(seconds, &tm, NULL) < 0 : !gmtime_r(&seconds, &tm))
        return -EOVERFLOW;
    return clock_ops.set_rtc(fd, &(struct rtc_time){
                                     .tm_sec = tm.tm_sec,
                                     .tm_min = tm.tm_min,
                                     .tm_hour = tm.tm_hour,
                                     .tm_mday = tm.tm_mday,
                                     .tm_mon = tm.tm_mon,
                                     .tm_year = tm.tm_year,
                                     .tm_wday = tm.tm_wday,
                                     .tm_yday = tm.tm_yday,
                                     .tm_isdst = tm.tm_isdst,
                                 });
}

static int read_rtc(const struct sysroot *root, time_t *ret_seconds)
{
    CLEANUP(fd_closep) int fd = open_rtc(root);
    struct rtc_time rtc = { 0 };
    struct tm tm = { 0 };
    int r;

    if (fd < 0)
        return fd;
    r = clock_ops.read_rtc(fd, &rtc);
    if (r < 0)
        return r;
    tm.tm_sec = rtc.tm_sec;
    tm.tm_min = rtc.tm_min;
    tm.tm_hour = rtc.tm_hour;
    tm.tm_mday = rtc.tm_mday;
    tm.tm_mon = rtc.tm_mon;
    tm.tm_year = rtc.tm_year;
    tm.tm_isdst = -1;
    *ret_seconds = rtc_is_local(root) ? mktime(&tm) : timegm(&tm);
    return *ret_seconds == -1 ? -EINVAL : 0;
}

/* True if the device shows the host's clock, or if sysfs does not say what it shows. */
static bool ptp_is_hosts(const struct sysroot *root, unsigned index)
{
    static const char *const hosts[] = { "KVM virtual PTP", "hyperv", "vmclock" };
    char name[64];

    if (sysroot_read_line(root, name, sizeof(name), "/sys/class/ptp/ptp%u/clock_name", index) < 0)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        if (strcmp(name, hosts[i]) == 0)
            return true;
    }
    return false;
}

/* -ENOENT: no device shows the host's clock. */
static int read_ptp(const struct sysroot *root, struct timeval *ret_now)
{
    for (unsigned i = 0; i < PTP_DEVICES; i++) {
        CLEANUP(fd_closep) int fd = -1;
        struct timespec now;
        char path[32];
        int r;

        snprintf(path, sizeof(path), "/dev/ptp%u", i);
        if (!sysroot_exists(root, "%s", path) || !ptp_is_hosts(root, i))
            continue;
        fd = sysroot_open(root, path, O_RDONLY);
        if (fd < 0)
            return fd;
        r = clock_ops.read_ptp(fd, &now);
        if (r < 0)
            return r;
        ret_now->tv_sec = now.tv_sec;
        ret_now->tv_usec = (suseconds_t)(now.tv_nsec / NSEC_PER_USEC);
        return 0;
    }
    return -ENOENT;
}

static int set_from_hardware(const struct sysroot *root, struct cmd_error *reterr)
{
    struct timeval now = { 0 };
    int r;

    r = read_rtc(root, &now.tv_sec);
    if (r == -ENOENT)
        r = read_ptp(root, &now);
    if (r < 0)
        return cmd_fail_errno(reterr, r, "failed to read the hardware clock");
    r = clock_ops.set_system(&now);
    if (r < 0)
        return cmd_fail_errno(reterr, r, "Failed to set time to guest");
    return 0;
}

int cmd_set_time(struct cmd_env *env, void *args, struct cmd_reply *reply)
{
    const struct set_time_args *set = args;
    struct timeval now;
    int r;

    if (!set->has_time)
        return set_from_hardware(&env->root, &reply->error);
    if (set->time < 0 || set->time / NSEC_PER_SEC >= YEAR_2070)
        return cmd_fail(&reply->error, "Invalid time");
    now.tv_sec = set->time / NSEC_PER_SEC;
    now.tv_usec = set->time % NSEC_PER_SEC / 1000;
    r = clock_ops.set_system(&now);
    if (r < 0)
        return cmd_fail_errno(&reply->error, r, "Failed to set time to guest");
    r = write_rtc(&env->root, now.tv_sec + (now.tv_usec >= 500000));
    if (r == -ENOENT)
        log_warn("time: no hardware clock, only the system's clock is set");
    else if (r < 0)
        return cmd_fail_errno(&reply->error, r, "failed to set hardware clock to system time");
    return 0;
}
