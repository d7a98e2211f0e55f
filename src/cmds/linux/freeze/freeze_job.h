/*
 * What a freeze or thaw works on.
 */
#pragma once

#include "base/sysroot.h"

struct freeze_config {
    const char *hook;            /* NULL: no hook */
    unsigned hook_timeout_sec;   /* a hook that runs longer is ended and counts as failed */
    unsigned freeze_timeout_sec; /* thaw by itself after this long; 0: never */
    const char *const *exclude;  /* mountpoints never frozen; NULL-terminated, or NULL */
};

struct freeze_job {
    const struct sysroot *root;
    const struct freeze_config *config;
};

/* Limits that tests shorten. */
struct freeze_limits {
    int patience_ms;      /* how long a thaw waits for a freeze in progress, or for another thaw */
    int64_t second_in_ms; /* the unit of the configured times */
};
extern struct freeze_limits freeze_limits;

#define FREEZE_RETRY_SEC 10 /* between two attempts to thaw what resists */
