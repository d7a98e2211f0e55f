/*
 * A disk's address in full, and its text in replies (GuestDiskAddress): shared by guest-get-fsinfo
 * and guest-get-disks.
 *
 * Threads    any; nothing is kept.
 */
#pragma once

#include "base/buf.h"
#include "cmds/linux/storage/blockdev_addr.h"

/* Place, node and serial of the block device with the directory `path`. */
void disk_address_read(const struct sysroot *root, const char *path,
                       struct disk_address *ret_address);

/* Appends the JSON object. */
void disk_address_text(struct buf *text, const struct disk_address *address);
