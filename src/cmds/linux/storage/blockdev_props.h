/*
 * What a block device is called, and its serial number.
 *
 * Threads    any; nothing is kept.
 * Paths      are directories of block devices (cmds/linux/storage/blockdev.h).
 */
#pragma once

#include "cmds/linux/storage/blockdev_addr.h"

/* The device node's name. */
void blockdev_node(const struct sysroot *root, const char *path, char *ret_node, size_t size);

/* Sets dev and serial. The serial is udev's ID_SERIAL where udev has a database, else what the
 * kernel shows. */
void blockdev_identify(const struct sysroot *root, const char *path, struct disk_address *address);
