/*
 * cmds/linux/storage/blockdev_addr.c - the hardware a disk hangs on, read off its sysfs path.
 *
 *   .../0000:00:01.1/ata1/host0/target0:0:1/0:0:1:0/block/sda       IDE: bus by port, unit 0-1
 *   .../0000:00:1f.2/ata3/host2/target2:0:0/2:0:0:0/block/sda       AHCI: unit by port
 *   .../0000:00:05.0/virtio2/host0/target0:0:3/0:0:3:7/block/sda    virtio-scsi: target 3, unit 7
 *   .../0000:00:02.0/virtio1/block/vda                              virtio-blk: one disk a device
 *   .../css0/0.0.0003/0.0.1000/virtio1/block/vda                    channel I/O (s390x)
 *
 * The driver of the PCI function decides; where its link is missing, the names on the path do.
 */
#include "cmds/linux/storage/blockdev_addr.h"

#include "cmds/linux/storage/blockdev.h"

/* What the components of a path say. */
struct path_facts {
    bool has_pci, has_host, is_ata, has_scsi, is_virtio, is_nvme, is_usb, is_mmc, is_xen;
    unsigned pci[4];  /* the last PCI function on the path: the one the disk hangs on */
    size_t pci_len;   /* of the path up to and with that function */
    unsigned host;    /* number of the ata port, or else of the SCSI host */
    unsigned scsi[3]; /* channel, target, unit */
    bool has_ccw;
    unsigned css[3], devno; /* subchannel cssid.ssid.subchno; device number */
};

static void judge_component(struct path_facts *facts, const char *name, size_t end)
{
    unsigned v[4];
    int used = 0;

    if (sscanf(name, "%x:%x:%x.%x%n", &v[0], &v[1], &v[2], &v[3], &used) == 4 && !name[used]) {
        memcpy(facts->pci, v, sizeof(v));
        facts->pci_len = end;
        facts->has_pci = true;
    } else if (sscanf(name, "ata%u%n", &v[0], &used) == 1 && !name[used]) {
        facts->host = v[0];
        facts->has_host = facts->is_ata = true;
    } else if (sscanf(name, "host%u%n", &v[0], &used) == 1 && !name[used]) {
        if (!facts->is_ata)
            facts->host = v[0];
        facts->has_host = true;
    } else if (sscanf(name, "%*u:%u:%u:%u%n", &v[0], &v[1], &v[2], &used) == 3 && !name[used]) {
        memcpy(facts->scsi, v, sizeof(facts->scsi));
        facts->has_scsi = true;
    } else if (sscanf(name, "virtio%u%n", &v[0], &used) == 1 && !name[used]) {
        facts->is_virtio = true;
    } else if (sscanf(name, "usb%u%n", &v[0], &used) == 1 && !name[used]) {
        facts->is_usb = true;
    } else if (strncmp(name, "mmc", 3) == 0) {
        facts->is_mmc = true;
    } else if (strncmp(name, "vbd-", 4) == 0) {
        facts->is_xen = true;
    } else if (strncmp(name, "nvme", 4) == 0) {
        facts->is_nvme = true;
    }
}

static void judge_path(const char *path, struct path_facts *ret_facts)
{
    char name[256];

    *ret_facts = (struct path_facts){ 0 };
    for (const char *p = path; *p;) {
        size_t len = strcspn(p, "/");

        if (len > 0 && len < sizeof(name)) {
            memcpy(name, p, len);
            name[len] = '\0';
            judge_component(ret_facts, name, (size_t)(p - path) + len);
        }
        p += len + (p[len] == '/');
    }
}

static void judge_ccw(const char *path, struct path_facts *facts)
{
    const char *css = strstr(path, "/devices/css");
    unsigned v[4];

    if (css &&
        sscanf(css, "/devices/css%*x/%x.%x.%x/%*x.%*x.%x/", &v[0], &v[1], &v[2], &v[3]) == 4) {
        memcpy(facts->css, v, sizeof(facts->css));
        facts->devno = v[3];
        facts->has_ccw = true;
    }
}

static bool port_number(const char *name, bool is_ata, unsigned *ret_number)
{
    unsigned number;
    int used = 0;
    int n =
        is_ata ? sscanf(name, "ata%u%n", &number, &used) : sscanf(name, "host%u%n", &number, &used);

    if (n != 1 || name[used])
        return false;
    *ret_number = number;
    return true;
}

/* Several ports hang on one PCI function; a host counts them from 0 while the kernel numbers them
 * through the machine: how many of the function's come before this one. */
static unsigned port_index(const struct sysroot *root, const char *path,
                           const struct path_facts *facts)
{
    DIR *dir = sysroot_opendir(root, "%.*s", (int)facts->pci_len, path);
    const struct dirent *entry;
    unsigned index = 0, number;

    if (!dir)
        return 0;
    while ((entry = readdir(dir)) != NULL)
        index += port_number(entry->d_name, facts->is_ata, &number) && number < facts->host;
    closedir(dir);
    return index;
}

enum numbering {
    NUMBER_NONE,       /* one disk a function */
    NUMBER_IDE,        /* bus: port, unit: device on it */
    NUMBER_SATA,       /* unit: port */
    NUMBER_UNIT_BY_ID, /* unit: SCSI id */
    NUMBER_SCSI,       /* bus, target, unit as SCSI has them */
};

static const struct driver_row {
    const char *driver;
    const char *bus_type;
    enum numbering numbering;
} drivers[] = {
    { "ata_piix", "ide", NUMBER_IDE },      { "ahci", "sata", NUMBER_SATA },
    { "nvme", "nvme", NUMBER_NONE },        { "sym53c8xx", "scsi", NUMBER_UNIT_BY_ID },
    { "vmw_pvscsi", "scsi", NUMBER_SCSI },  { "mptspi", "scsi", NUMBER_SCSI },
    { "mptsas", "sas", NUMBER_SCSI },       { "mpt3sas", "sas", NUMBER_SCSI },
    { "megaraid_sas", "sas", NUMBER_SCSI }, { "ehci-pci", "usb", NUMBER_NONE },
    { "ehci_hcd", "usb", NUMBER_NONE },     { "uhci_hcd", "usb", NUMBER_NONE },
    { "ohci-pci", "usb", NUMBER_NONE },     { "xhci_hcd", "usb", NUMBER_NONE },
    { "sdhci-pci", "sd", NUMBER_NONE },
};

/* By the names on the path: for virtio, whose transports differ, and for unknown drivers. */
static struct driver_row row_of_path(const struct path_facts *facts)
{
    if (facts->is_virtio)
        return facts->has_scsi ? (struct driver_row){ NULL, "scsi", NUMBER_SCSI }
                               : (struct driver_row){ NULL, "virtio", NUMBER_NONE };
    if (facts->is_nvme)
        return (struct driver_row){ NULL, "nvme", NUMBER_NONE };
    if (facts->is_usb)
        return (struct driver_row){ NULL, "usb", NUMBER_NONE };
    if (facts->is_mmc)
        return (struct driver_row){ NULL, "mmc", NUMBER_NONE };
    if (facts->is_xen)
        return (struct driver_row){ NULL, "xen", NUMBER_NONE };
    if (facts->is_ata)
        return (struct driver_row){ NULL, "sata", NUMBER_SATA };
    if (facts->has_scsi)
        return (struct driver_row){ NULL, "scsi", NUMBER_SCSI };
    return (struct driver_row){ NULL, "unknown", NUMBER_NONE };
}

static struct driver_row row_of(const struct sysroot *root, const char *path,
                                const struct path_facts *facts)
{
    char driver[SYSROOT_PATH_MAX];

    if (facts->has_pci && !facts->is_virtio &&
        sysroot_readlink(root, driver, sizeof(driver), "%.*s/driver", (int)facts->pci_len, path) ==
            0) {
        for (size_t i = 0; i < ARRAY_LEN(drivers); i++) {
            if (strcmp(blockdev_name(driver), drivers[i].driver) == 0)
                return drivers[i];
        }
    }
    return row_of_path(facts);
}

static void number_disk(const struct sysroot *root, const char *path,
                        const struct path_facts *facts, enum numbering numbering,
                        struct disk_address *address)
{
    switch (numbering) {
    case NUMBER_NONE:
        break;
    case NUMBER_IDE:
        address->bus = facts->has_host ? port_index(root, path, facts) : 0;
        address->unit = facts->scsi[1];
        break;
    case NUMBER_SATA:
        address->unit = facts->has_pci && facts->has_host ? port_index(root, path, facts) : 0;
        break;
    case NUMBER_UNIT_BY_ID:
        address->unit = facts->scsi[1];
        break;
    case NUMBER_SCSI:
        address->bus = facts->scsi[0];
        address->target = facts->scsi[1];
        address->unit = facts->scsi[2];
        break;
    }
}

/* An NVMe namespace that may be reached over several controllers lives in its subsystem's
 * directory, where the controllers are links: the first one stands for the hardware. */
static bool nvme_controller(const struct sysroot *root, const char *path,
                            char ret_path[SYSROOT_PATH_MAX])
{
    const char *subsystem = strstr(path, "/nvme-subsystem/");
    unsigned first = UINT32_MAX;
    const struct dirent *entry;
    size_t len;
    DIR *dir;

    if (!subsystem)
        return false;
    subsystem += strlen("/nvme-subsystem/");
    len = (size_t)(subsystem - path) + strcspn(subsystem, "/");
    dir = sysroot_opendir(root, "%.*s", (int)len, path);
    if (!dir)
        return false;
    while ((entry = readdir(dir)) != NULL) {
        unsigned number;
        int used = 0;

        if (sscanf(entry->d_name, "nvme%u%n", &number, &used) == 1 && !entry->d_name[used])
            first = MIN_OF(first, number);
    }
    closedir(dir);
    return first != UINT32_MAX &&
           sysroot_realpath(root, ret_path, "%.*s/nvme%u", (int)len, path, first) == 0;
}

void blockdev_locate(const struct sysroot *root, const char *path, struct disk_address *ret_address)
{
    char controller[SYSROOT_PATH_MAX];
    struct disk_address address = {
        .pci_domain = -1, .pci_bus = -1, .pci_slot = -1, .pci_function = -1
    };
    struct path_facts facts;
    struct driver_row row;

    if (nvme_controller(root, path, controller))
        path = controller;
    judge_path(path, &facts);
    judge_ccw(path, &facts);
    if (facts.has_pci) {
        address.pci_domain = facts.pci[0];
        address.pci_bus = facts.pci[1];
        address.pci_slot = facts.pci[2];
        address.pci_function = facts.pci[3];
    }
    if (facts.has_ccw) {
        address.has_ccw = true;
        address.cssid = facts.css[0];
        address.ssid = facts.css[1];
        address.subchno = facts.css[2];
        address.devno = facts.devno;
    }
    row = row_of(root, path, &facts);
    address.bus_type = row.bus_type;
    number_disk(root, path, &facts, row.numbering, &address);
    *ret_address = address;
}
