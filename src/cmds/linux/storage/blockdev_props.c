/*
 * cmds/linux/storage/blockdev_props.c - name of the device node and serial number.
 *
 * The node's name is the kernel's (uevent), since devtmpfs has it without udev. The serial is
 * udev's ID_SERIAL where udev has one, for that is what hosts have seen so far; else the one
 * that the device reports.
 */
#include "cmds/linux/storage/blockdev.h"

#include "base/fdio.h"

#include <ctype.h>
#include <fcntl.h>
#include <libudev.h>
#include <unistd.h>

/* The value of KEY= in a uevent text, up to the end of its line. */
static bool uevent_value(const char *text, const char *key, char *ret_value, size_t size)
{
    size_t key_len = strlen(key);

    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, key_len) == 0) {
            snprintf(ret_value, size, "%.*s", (int)strcspn(line + key_len, "\n"), line + key_len);
            return ret_value[0] != '\0';
        }
    }
    return false;
}

void blockdev_node(const struct sysroot *root, const char *path, char *ret_node, size_t size)
{
    CLEANUP(buf_done) struct buf text = { 0 };
    char file[SYSROOT_PATH_MAX], name[200];

    if (snprintf(file, sizeof(file), "%s/uevent", path) >= SYSROOT_PATH_MAX ||
        sysroot_read(root, file, &text) < 0 ||
        !uevent_value(text.data, "DEVNAME=", name, sizeof(name))) {
        snprintf(name, sizeof(name), "%s", blockdev_name(path));
        for (char *p = name; *p; p++) {
            if (*p == '!') /* sysfs's spelling of '/' in names such as cciss/c0d0 */
                *p = '/';
        }
    }
    snprintf(ret_node, size, "/dev/%s", name);
}

/* udev knows the machine that it runs on and no captured tree. */
static bool udev_serial(const struct sysroot *root, const char *path, char *ret_serial, size_t size)
{
    struct udev_device *device;
    struct udev *udev;
    const char *value = NULL;

    if (root->prefix[0])
        return false;
    udev = udev_new();
    device = udev ? udev_device_new_from_syspath(udev, path) : NULL;
    if (device)
        value = udev_device_get_property_value(device, "ID_SERIAL");
    if (value)
        snprintf(ret_serial, size, "%s", value);
    udev_device_unref(device);
    udev_unref(udev);
    return ret_serial[0] != '\0';
}

/* Drops blanks at both ends; false if nothing printable is left or the text is no text. */
static bool tidy_serial(char *serial)
{
    size_t start = strspn(serial, " \t"), len;

    memmove(serial, serial + start, strlen(serial + start) + 1);
    len = strlen(serial);
    while (len > 0 && isspace((unsigned char)serial[len - 1]))
        serial[--len] = '\0';
    for (size_t i = 0; i < len; i++) {
        if (!isprint((unsigned char)serial[i]))
            return false;
    }
    return len > 0;
}

/* SCSI vital product data, page 0x80 (SPC-4, 7.8.13): 4 bytes header, then the serial. */
static bool vpd_serial(const struct sysroot *root, const char *disk, char *ret_serial, size_t size)
{
    CLEANUP(buf_done) struct buf page = { 0 };
    char file[SYSROOT_PATH_MAX];
    const unsigned char *bytes;
    size_t len;

    if (snprintf(file, sizeof(file), "%s/device/vpd_pg80", disk) >= SYSROOT_PATH_MAX ||
        sysroot_read(root, file, &page) < 0 || page.len <= 4)
        return false;
    bytes = (const unsigned char *)page.data;
    len = (size_t)bytes[2] << 8 | bytes[3];
    if (bytes[1] != 0x80)
        return false;
    len = MIN_OF(MIN_OF(len, page.len - 4), size - 1);
    snprintf(ret_serial, size, "%.*s", (int)len, page.data + 4);
    return tidy_serial(ret_serial);
}

/* The nearest `serial` at or above the disk: virtio-blk's is the disk's own, NVMe's the
 * controller's, USB's and MMC's the device's. A USB root hub's names the host controller. */
static bool sysfs_serial(const struct sysroot *root, const char *disk, char *ret_serial,
                         size_t size)
{
    char dir[SYSROOT_PATH_MAX];
    char *slash;

    snprintf(dir, sizeof(dir), "%s", disk);
    while ((slash = strrchr(dir, '/')) != NULL && slash != dir) {
        if (strncmp(slash, "/usb", 4) == 0 || strcmp(dir, "/sys/devices") == 0)
            return false;
        if (sysroot_read_line(root, ret_serial, size, "%s/serial", dir) == 0 &&
            tidy_serial(ret_serial))
            return true;
        *slash = '\0';
    }
    return false;
}

void blockdev_serial(const struct sysroot *root, const char *path, char *ret_serial, size_t size)
{
    char disk[SYSROOT_PATH_MAX];

    ret_serial[0] = '\0';
    if (udev_serial(root, path, ret_serial, size))
        return;
    snprintf(disk, sizeof(disk), "%s", path);
    if (blockdev_is_partition(root, path))
        *strrchr(disk, '/') = '\0';
    if (!vpd_serial(root, disk, ret_serial, size) && !sysfs_serial(root, disk, ret_serial, size))
        ret_serial[0] = '\0';
}
