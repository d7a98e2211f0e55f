/*
 * guest-network-get-interfaces: the reply from the lists of links and addresses.
 *
 * Threads    none. Cost: linear in interfaces and addresses together. The reply is written as
 *            text, since a document of 16,000 addresses costs several times what the kernel
 *            needs to list them.
 * Rules      as qemu-ga answers: interfaces in the kernel's order, then address labels that are no
 *            interface's name ("lo:one") as entries of their own, with the device's hardware
 *            address and without statistics; an interface without an address has neither
 *            ip-addresses nor statistics.
 */
#pragma once

#include "base/buf.h"
#include "cmds/linux/network/links.h"

/* Appends the array's JSON text: 0 or -ENOMEM. `ret_probes` (may be NULL): how many table slots
 * were looked at, the measure of its cost. */
int interfaces_text(const struct links *links, struct buf *text, uint64_t *ret_probes);
