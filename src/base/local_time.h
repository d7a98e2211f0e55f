/*
 * Local time, in any thread.
 *
 * tzset(3) notices that the zone was changed, which localtime_r(3) alone never does; but it frees
 * the names that an earlier struct tm points to, so the name is copied while nobody else can call
 * it.
 *
 * A zone that the machine does not know (TZ=Foo/Bar) is UTC, by its name too.
 *
 * Threads    any; one lock, held for the conversion.
 */
#pragma once

#include "base/defs.h"

#include <time.h>

#define ZONE_NAME_MAX 64

/* ret_zone: the abbreviation of the zone, cut to fit; NULL: not wanted. ret_local->tm_zone is NULL.
 * 0 or -errno (-EOVERFLOW: the year does not fit). */
int local_time(time_t when, struct tm *ret_local, char ret_zone[ZONE_NAME_MAX]);
