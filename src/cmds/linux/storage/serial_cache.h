/*
 * Serial numbers that cost a request to the device: virtio-blk asks the host for its serial each
 * time that the attribute is read, which takes longer than all the rest of guest-get-fsinfo.
 *
 * A device keeps its serial for life, and the kernel never gives a sequence number (diskseq, Linux
 * 5.15) to a second one: what was read once stays right.
 *
 * Threads    any; one lock, held to copy a string.
 */
#pragma once

#include "base/defs.h"

#define SERIAL_CACHE_BYTES 64 /* of a serial with its NUL; longer ones are not kept */

/* True if the serial of the disk with this sequence number is known; "" means that it has none. */
bool serial_cache_get(uint64_t diskseq, char *ret_serial, size_t size);
void serial_cache_put(uint64_t diskseq, const char *serial);
