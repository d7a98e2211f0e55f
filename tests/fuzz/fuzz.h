/* What every fuzz target offers, and what they all need. A broken invariant is a CHECK() that fails:
 * libFuzzer keeps the input, the replay fails. */
#pragma once

#include "base/defs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
