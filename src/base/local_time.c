/*
 * base/local_time.c - glibc takes a TZ that it does not know for a zone of that name with the offset
 * 0 ("Foo/Bar" is "Foo"): such a name is caught here. What it knows is a file below the zoneinfo
 * directory, or a POSIX zone, which has an offset and so a digit.
 */
#include "base/local_time.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#define ZONEINFO_DIR "/usr/share/zoneinfo"

/* Guards what glibc keeps of the zone. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static bool zone_is_unknown(void)
{
    const char *zone = getenv("TZ"), *dir = getenv("TZDIR");
    char path[4096];

    if (!zone)
        return false;
    zone += *zone == ':';
    if (*zone == '\0')
        return false;
    if (snprintf(path, sizeof(path), "%s/%s", dir && *dir ? dir : ZONEINFO_DIR, zone) >=
        (int)sizeof(path))
        return true;
    return access(*zone == '/' ? zone : path, R_OK) < 0 && !strpbrk(zone, "0123456789");
}

int local_time(time_t when, struct tm *ret_local, char ret_zone[ZONE_NAME_MAX])
{
    int r = 0;

    PTOK(pthread_mutex_lock(&lock));
    tzset();
    if (!localtime_r(&when, ret_local))
        r = -errno;
    else if (ret_zone)
        snprintf(ret_zone, ZONE_NAME_MAX, "%s",
                 ret_local->tm_gmtoff == 0 && zone_is_unknown() ? "UTC" : ret_local->tm_zone);
    PTOK(pthread_mutex_unlock(&lock));
    if (r == 0)
        ret_local->tm_zone = NULL;
    return r;
}
