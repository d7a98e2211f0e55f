/*
 * cmds/linux/storage/nvme_smart.c - fields of the log page by their offsets; numbers are little-endian.
 */
#include "cmds/linux/storage/nvme_smart.h"

#include "base/fdio.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/nvme_ioctl.h>
#include <sys/ioctl.h>

#define NVME_ADMIN_GET_LOG_PAGE 0x02
#define NVME_LOG_SMART          0x02
#define NVME_NSID_ALL           0xffffffffU
#define NVME_TIMEOUT_MS         5000

int nvme_smart_read(const struct sysroot *root, const char *node,
                    uint8_t ret_page[NVME_SMART_PAGE_BYTES])
{
    CLEANUP(fd_closep) int fd = sysroot_open(root, node, O_RDONLY | O_NONBLOCK);
    struct nvme_admin_cmd cmd = {
        .opcode = NVME_ADMIN_GET_LOG_PAGE,
        .nsid = NVME_NSID_ALL,
        .addr = (uintptr_t)ret_page,
        .data_len = NVME_SMART_PAGE_BYTES,
        .cdw10 = NVME_LOG_SMART | (NVME_SMART_PAGE_BYTES / 4 - 1) << 16, /* length in words - 1 */
        .timeout_ms = NVME_TIMEOUT_MS,
    };
    int r;

    if (fd < 0)
        return fd;
    memset(ret_page, 0, NVME_SMART_PAGE_BYTES);
    r = ioctl(fd, NVME_IOCTL_ADMIN_CMD, &cmd);
    if (r < 0)
        return -errno;
    return r == 0 ? 0 : -EIO; /* positive: a status of the device */
}

static uint64_t le_bytes(const uint8_t *bytes, unsigned count)
{
    uint64_t value = 0;

    while (count-- > 0)
        value = value << 8 | bytes[count];
    return value;
}

static const struct field {
    const char *name;
    unsigned offset, bytes;
} fields[] = {
    { "critical-warning", 0, 1 },
    { "temperature", 1, 2 },
    { "available-spare", 3, 1 },
    { "available-spare-threshold", 4, 1 },
    { "percentage-used", 5, 1 },
    { "data-units-read-lo", 32, 8 },
    { "data-units-read-hi", 40, 8 },
    { "data-units-written-lo", 48, 8 },
    { "data-units-written-hi", 56, 8 },
    { "host-read-commands-lo", 64, 8 },
    { "host-read-commands-hi", 72, 8 },
    { "host-write-commands-lo", 80, 8 },
    { "host-write-commands-hi", 88, 8 },
    { "controller-busy-time-lo", 96, 8 },
    { "controller-busy-time-hi", 104, 8 },
    { "power-cycles-lo", 112, 8 },
    { "power-cycles-hi", 120, 8 },
    { "power-on-hours-lo", 128, 8 },
    { "power-on-hours-hi", 136, 8 },
    { "unsafe-shutdowns-lo", 144, 8 },
    { "unsafe-shutdowns-hi", 152, 8 },
    { "media-errors-lo", 160, 8 },
    { "media-errors-hi", 168, 8 },
    { "number-of-error-log-entries-lo", 176, 8 },
    { "number-of-error-log-entries-hi", 184, 8 },
};

void nvme_smart_text(struct buf *text, const uint8_t page[NVME_SMART_PAGE_BYTES])
{
    buf_puts(text, "{\"type\": \"nvme\"");
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        buf_printf(text, ", \"%s\": %" PRIu64, fields[i].name,
                   le_bytes(page + fields[i].offset, fields[i].bytes));
    buf_putc(text, '}');
}
