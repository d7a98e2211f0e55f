/*
 * The name that a mistyped one was probably meant to be.
 *
 *     struct nearest nearest = { .word = "guest_exe" };
 *     nearest_offer(&nearest, ...) for each name there is
 *     nearest_name(&nearest) is "guest-exec"
 *
 * Threads    none: one owner. Names are borrowed.
 */
#pragma once

#include "base/defs.h"

struct nearest {
    const char *word;
    const char *best; /* NULL: none offered */
    size_t distance;  /* of `best`: letters to change, add or take away */
};

void nearest_offer(struct nearest *nearest, const char *name);

/* NULL: nothing is near. */
const char *nearest_name(const struct nearest *nearest);
