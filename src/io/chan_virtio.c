/*
 * io/chan_virtio.c - virtio-serial ports.
 *
 * udev links /dev/virtio-ports/NAME to /dev/vportNpM. Where it did not run the kernel's own
 * list says which port has the name: /sys/class/virtio-ports/vportNpM/name
 * (drivers/char/virtio_console.c).
 */
#include "base/fdio.h"
#include "io/channel_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define LINK_DIR  "/dev/virtio-ports/"
#define CLASS_DIR "/sys/class/virtio-ports"

int port_open_device(const struct sysroot *root, const char *path)
{
    CLEANUP(fd_closep) int fd = sysroot_open(root, path, O_RDWR | O_NONBLOCK | O_NOCTTY);
    struct stat stat;

    if (fd < 0)
        return fd;
    if (fstat(fd, &stat) < 0)
        return -errno;
    return S_ISREG(stat.st_mode) ? -ENODEV : TAKE_FD(fd);
}

static bool port_has_name(const struct sysroot *root, const char *port, const char *name)
{
    char line[256];

    return port[0] != '.' &&
           sysroot_read_line(root, line, sizeof(line), CLASS_DIR "/%s/name", port) == 0 &&
           strcmp(line, name) == 0;
}

/* "/dev/vportNpM" of the port called `name`: 0 or -ENOENT. */
static int find_by_name(const struct sysroot *root, const char *name,
                        char ret_path[SYSROOT_PATH_MAX])
{
    DIR *dir = sysroot_opendir(root, CLASS_DIR);
    struct dirent *entry;
    int r = -ENOENT;

    if (!dir)
        return -ENOENT;
    while (r < 0 && (entry = readdir(dir))) {
        if (port_has_name(root, entry->d_name, name)) {
            snprintf(ret_path, SYSROOT_PATH_MAX, "/dev/%s", entry->d_name);
            r = 0;
        }
    }
    closedir(dir);
    return r;
}

int virtio_port_open(const struct sysroot *root, const char *path)
{
    char found[SYSROOT_PATH_MAX];
    int fd = port_open_device(root, path);

    if (fd != -ENOENT || strncmp(path, LINK_DIR, strlen(LINK_DIR)) != 0)
        return fd;
    if (find_by_name(root, path + strlen(LINK_DIR), found) < 0)
        return -ENOENT;
    return port_open_device(root, found);
}
