/*
 * cmds/linux/storage/disk_address.c
 */
#include "cmds/linux/storage/disk_address.h"

#include "cmds/linux/storage/blockdev_props.h"
#include "proto/reply.h"

void disk_address_read(const struct sysroot *root, const char *path,
                       struct disk_address *ret_address)
{
    blockdev_locate(root, path, ret_address);
    blockdev_identify(root, path, ret_address);
}

static void pci_text(struct buf *text, const struct disk_address *address)
{
    text_int_member(text, "{\"pci-controller\": {\"domain\": ", address->pci_domain);
    text_int_member(text, ", \"bus\": ", address->pci_bus);
    text_int_member(text, ", \"slot\": ", address->pci_slot);
    text_int_member(text, ", \"function\": ", address->pci_function);
    buf_putc(text, '}');
}

static void ccw_text(struct buf *text, const struct disk_address *address)
{
    text_int_member(text, ", \"ccw-address\": {\"cssid\": ", address->cssid);
    text_int_member(text, ", \"ssid\": ", address->ssid);
    text_int_member(text, ", \"subchno\": ", address->subchno);
    text_int_member(text, ", \"devno\": ", address->devno);
    buf_putc(text, '}');
}

void disk_address_text(struct buf *text, const struct disk_address *address)
{
    pci_text(text, address);
    text_str_member(text, ", \"bus-type\": ", address->bus_type);
    text_int_member(text, ", \"bus\": ", address->bus);
    text_int_member(text, ", \"target\": ", address->target);
    text_int_member(text, ", \"unit\": ", address->unit);
    if (address->serial[0])
        text_str_member(text, ", \"serial\": ", address->serial);
    if (address->dev[0])
        text_str_member(text, ", \"dev\": ", address->dev);
    if (address->has_ccw)
        ccw_text(text, address);
    buf_putc(text, '}');
}
