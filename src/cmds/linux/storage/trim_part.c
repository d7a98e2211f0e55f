/*
 * cmds/linux/storage/trim_part.c - how each filesystem is cut for FITRIM.
 *
 * A cut costs no more than its share, and loses nothing, where no free extent crosses it:
 *   ext2-4    block groups divide a gigabyte
 *   f2fs      segments of 2 MiB do; each call writes a checkpoint
 *   xfs       allocation groups; older kernels discard all of an extent that touches the range
 *   btrfs     block groups, whose addresses have nothing to do with the size. The space that is in
 *             none goes with the first call, at once; later calls know that it is discarded
 *             (Linux 5.2)
 * In fat and exfat an extent may cross a gigabyte, so a large minimum makes larger parts. Others
 * go at once.
 */
#include "cmds/linux/storage/trim_part.h"

#include <endian.h>
#include <errno.h>
#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>

#define GIB (1ULL << 30)

/* The kernel's answer to XFS_IOC_FSGEOMETRY_V1 (xfs(5)); its header is in no package we need. */
struct xfs_geometry {
    uint32_t block_size;
    uint32_t rt_extent_size;
    uint32_t ag_blocks;
    uint32_t rest[25];
};
#define XFS_GEOMETRY _IOR('X', 100, struct xfs_geometry)

/* The filesystem's size, statvfs leaves its own blocks out, only bounds the search for an end. */
static int equal_part(int fd, uint64_t len, uint64_t from, struct trim_part *ret_part)
{
    struct statvfs st;

    if (fstatvfs(fd, &st) < 0)
        return -errno;
    if (from > (uint64_t)st.f_blocks * st.f_frsize * 2 + len)
        return 0;
    *ret_part = (struct trim_part){ .start = from, .len = len };
    return 1;
}

static int xfs_part(int fd, uint64_t from, struct trim_part *ret_part)
{
    struct xfs_geometry geometry = { 0 };

    if (ioctl(fd, XFS_GEOMETRY, &geometry) < 0)
        return -errno;
    return equal_part(fd, (uint64_t)geometry.block_size * geometry.ag_blocks, from, ret_part);
}

/* The chunk tree has one item a block group, with its address as the key's offset. */
static int btrfs_part(int fd, uint64_t from, struct trim_part *ret_part)
{
    struct btrfs_ioctl_search_args search = {
        .key = { .tree_id = BTRFS_CHUNK_TREE_OBJECTID,
                 .min_objectid = BTRFS_FIRST_CHUNK_TREE_OBJECTID,
                 .max_objectid = BTRFS_FIRST_CHUNK_TREE_OBJECTID,
                 .min_type = BTRFS_CHUNK_ITEM_KEY,
                 .max_type = BTRFS_CHUNK_ITEM_KEY,
                 .min_offset = from,
                 .max_offset = UINT64_MAX,
                 .max_transid = UINT64_MAX,
                 .nr_items = 1 },
    };
    struct btrfs_ioctl_search_header item;
    uint64_t len;

    if (ioctl(fd, BTRFS_IOC_TREE_SEARCH, &search) < 0)
        return -errno;
    if (search.key.nr_items == 0)
        return 0;
    memcpy(&item, search.buf, sizeof(item));
    memcpy(&len, search.buf + sizeof(item) + offsetof(struct btrfs_chunk, length), sizeof(len));
    *ret_part = (struct trim_part){ .start = item.offset, .len = le64toh(len) };
    return 1;
}

static bool is_one_of(const char *const names[], const char *name)
{
    while (*names && strcmp(*names, name) != 0)
        names++;
    return *names != NULL;
}

/* 1 with a part, 0 at the end, or -errno: this filesystem cannot be cut. */
static int part_by_type(int fd, const char *fstype, uint64_t minimum, uint64_t from,
                        struct trim_part *ret_part)
{
    static const char *const in_groups[] = { "ext2", "ext3", "ext4", "f2fs", NULL };
    static const char *const in_one_map[] = { "vfat", "msdos", "exfat", NULL };

    if (is_one_of(in_groups, fstype))
        return equal_part(fd, GIB, from, ret_part);
    if (is_one_of(in_one_map, fstype) && minimum <= GIB)
        return equal_part(fd, minimum <= GIB / 16 ? GIB : 16 * GIB, from, ret_part);
    if (strcmp(fstype, "xfs") == 0)
        return xfs_part(fd, from, ret_part);
    if (strcmp(fstype, "btrfs") == 0)
        return btrfs_part(fd, from, ret_part);
    return -EOPNOTSUPP;
}

bool trim_part_next(int fd, const char *fstype, uint64_t minimum, uint64_t from,
                    struct trim_part *ret_part)
{
    int r = part_by_type(fd, fstype, minimum, from, ret_part);

    if (r >= 0)
        return r > 0;
    *ret_part = (struct trim_part){ .len = UINT64_MAX };
    return from == 0;
}
