/*
 * The SMART / health log page of an NVMe device.
 *
 * Threads    any. nvme_smart_read() asks the device and can take up to 5 s when it is sick.
 * Source     NVM Express base specification, log page 02h; linux/nvme_ioctl.h.
 */
#pragma once

#include "base/buf.h"
#include "base/sysroot.h"

#define NVME_SMART_PAGE_BYTES 512

/* The log page of the device node (such as "/dev/nvme0n1"): 0 or -errno. */
int nvme_smart_read(const struct sysroot *root, const char *node,
                    uint8_t ret_page[NVME_SMART_PAGE_BYTES]);

/* Appends the QAPI object GuestNVMeSmart with its discriminator. */
void nvme_smart_text(struct buf *text, const uint8_t page[NVME_SMART_PAGE_BYTES]);
