/*
 * base/local_time.c
 */
#include "base/local_time.h"

#include <errno.h>
#include <pthread.h>

/* Guards what glibc keeps of the zone. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

int local_time(time_t when, struct tm *ret_local, char ret_zone[ZONE_NAME_MAX])
{
    int r = 0;

    PTOK(pthread_mutex_lock(&lock));
    tzset();
    if (!localtime_r(&when, ret_local))
        r = -errno;
    else if (ret_zone)
        snprintf(ret_zone, ZONE_NAME_MAX, "%s", ret_local->tm_zone);
    PTOK(pthread_mutex_unlock(&lock));
    if (r == 0)
        ret_local->tm_zone = NULL;
    return r;
}
