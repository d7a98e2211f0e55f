/*
 * io/chan_serial.c - serial ports as a plain stream of bytes.
 */
#include "base/fdio.h"
#include "io/channel_impl.h"

#include <errno.h>
#include <termios.h>

/* No byte is changed, swallowed, echoed or taken as flow control; no carrier is needed. */
static int set_raw(int fd)
{
    struct termios tio;

    if (tcgetattr(fd, &tio) < 0)
        return -errno;
    tio.c_iflag = 0;
    tio.c_oflag = 0;
    tio.c_lflag = 0;
    tio.c_cflag &= ~(tcflag_t)(CSIZE | PARENB | CSTOPB | CRTSCTS);
    tio.c_cflag |= CS8 | CREAD | CLOCAL;
    cfsetispeed(&tio, B38400);
    cfsetospeed(&tio, B38400);
    tio.c_cc[VMIN] = 1;
    tio.c_cc[VTIME] = 0;
    /* What came before the port was raw is not what the host meant. */
    if (tcflush(fd, TCIFLUSH) < 0 || tcsetattr(fd, TCSANOW, &tio) < 0)
        return -errno;
    return 0;
}

int serial_port_open(const struct sysroot *root, const char *path)
{
    CLEANUP(fd_closep) int fd = port_open_device(root, path);
    int r;

    if (fd < 0)
        return fd;
    r = set_raw(fd);
    return r < 0 ? r : TAKE_FD(fd);
}
