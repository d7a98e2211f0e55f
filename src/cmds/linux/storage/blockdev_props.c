/*
 * cmds/linux/storage/blockdev_props.c - name of the device node and serial number.
 *
 * The node's name is the kernel's (uevent), since devtmpfs has it without udev. The serial is
 * udev's ID_SERIAL where udev has one, for that is what hosts have seen so far; else the one
 * that the device reports.
 *
 * udev keeps a device's properties in /run/udev/data/bMAJOR:MINOR, as lines "E:KEY=value" (systemd
 * and eudev alike). That file is read without libudev, which opens each directory on the way to
 * the device first: most of the time of guest-get-fsinfo.
 */
#include "cmds/linux/storage/blockdev_props.h"

#include "base/fdio.h"
#include "cmds/linux/storage/blockdev.h"
#include "cmds/linux/storage/serial_cache.h"

#include <ctype.h>
#include <fcntl.h>

struct uevent {
    char name[200]; /* of the node below /dev */
    unsigned major, minor;
    bool has_number, is_partition;
    uint64_t diskseq; /* 0: not known */
};

/* The value of the line that begins with `key`, up to the line's end. */
static bool line_value(const char *text, const char *key, char *ret_value, size_t size)
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

/* sysfs spells '/' as '!', in names such as cciss/c0d0. */
static void name_of_path(const char *path, char *ret_name, size_t size)
{
    snprintf(ret_name, size, "%s", blockdev_name(path));
    for (char *p = ret_name; *p; p++) {
        if (*p == '!')
            *p = '/';
    }
}

/* What the file does not say is taken from the path, and from other files. */
static void read_uevent(const struct sysroot *root, const char *path, struct uevent *ret_uevent)
{
    struct uevent uevent = { .has_number = false };
    char text[1024], word[32];

    if (sysroot_read_text(root, text, sizeof(text), "%s/uevent", path) < 0)
        text[0] = '\0';
    if (!line_value(text, "DEVNAME=", uevent.name, sizeof(uevent.name)))
        name_of_path(path, uevent.name, sizeof(uevent.name));
    uevent.has_number =
        line_value(text, "MAJOR=", word, sizeof(word)) && sscanf(word, "%u", &uevent.major) == 1 &&
        line_value(text, "MINOR=", word, sizeof(word)) && sscanf(word, "%u", &uevent.minor) == 1;
    if (line_value(text, "DISKSEQ=", word, sizeof(word)))
        uevent.diskseq = strtoull(word, NULL, 10);
    uevent.is_partition = line_value(text, "DEVTYPE=", word, sizeof(word))
                              ? strcmp(word, "partition") == 0
                              : blockdev_is_partition(root, path);
    *ret_uevent = uevent;
}

static bool udev_serial(const struct sysroot *root, const struct uevent *uevent, char *ret_serial,
                        size_t size)
{
    CLEANUP(buf_done) struct buf text = { 0 };
    char file[64];

    if (!uevent->has_number)
        return false;
    snprintf(file, sizeof(file), "/run/udev/data/b%u:%u", uevent->major, uevent->minor);
    return sysroot_read(root, file, &text) == 0 &&
           line_value(text.data, "E:ID_SERIAL=", ret_serial, size);
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

    if (!strstr(disk, "/target") || /* on no SCSI bus */
        snprintf(file, sizeof(file), "%s/device/vpd_pg80", disk) >= SYSROOT_PATH_MAX ||
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

void blockdev_node(const struct sysroot *root, const char *path, char *ret_node, size_t size)
{
    struct uevent uevent;

    read_uevent(root, path, &uevent);
    snprintf(ret_node, size, "/dev/%s", uevent.name);
}

/* From the disk itself. */
static void device_serial(const struct sysroot *root, const char *path, const struct uevent *uevent,
                          char *ret_serial, size_t size)
{
    uint64_t diskseq = uevent->diskseq;
    char disk[SYSROOT_PATH_MAX];

    snprintf(disk, sizeof(disk), "%s", path);
    if (uevent->is_partition)
        *strrchr(disk, '/') = '\0';
    if (uevent->is_partition && diskseq == 0 &&
        sysroot_read_u64(root, &diskseq, "%s/diskseq", disk) < 0)
        diskseq = 0;
    if (!root->prefix[0] && serial_cache_get(diskseq, ret_serial, size))
        return;
    if (!vpd_serial(root, disk, ret_serial, size) && !sysfs_serial(root, disk, ret_serial, size))
        ret_serial[0] = '\0';
    if (!root->prefix[0])
        serial_cache_put(diskseq, ret_serial);
}

void blockdev_identify(const struct sysroot *root, const char *path, struct disk_address *address)
{
    struct uevent uevent;

    read_uevent(root, path, &uevent);
    snprintf(address->dev, sizeof(address->dev), "/dev/%s", uevent.name);
    address->serial[0] = '\0';
    if (!udev_serial(root, &uevent, address->serial, sizeof(address->serial)))
        device_serial(root, path, &uevent, address->serial, sizeof(address->serial));
}
