/* Uses a camera for a while, in one of three ways, and is gone: started by the hundred, where capture.py takes a second
 * to start on an emulated machine.
 *
 *     capture mmap|userptr|read NODE MILLISECONDS
 *
 * It goes on until it has at least one picture, prints how many it got ("frames 12"), and fails where none comes within
 * half a minute. Plain V4L2 by ioctl(2), as in capture.py.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define BUFFERS 3
#define PATIENCE_MS 30000

static int fd;
static void *place[BUFFERS];

static void fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

static void ask(unsigned long request, void *argument, const char *what)
{
    if (ioctl(fd, request, argument) < 0)
        fail(what);
}

static long long now_ms(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * 1000LL + at.tv_nsec / 1000000;
}

static void queue(unsigned index, unsigned memory, size_t size)
{
    struct v4l2_buffer buffer = {.index = index, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = memory};
    if (memory == V4L2_MEMORY_USERPTR) {
        buffer.m.userptr = (unsigned long)place[index];
        buffer.length = size;
    }
    ask(VIDIOC_QBUF, &buffer, "VIDIOC_QBUF");
}

static void start(unsigned memory, size_t size)
{
    struct v4l2_requestbuffers wanted = {.count = BUFFERS, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = memory};
    ask(VIDIOC_REQBUFS, &wanted, "VIDIOC_REQBUFS");
    if (wanted.count > BUFFERS)
        wanted.count = BUFFERS;
    for (unsigned index = 0; index < wanted.count; index++) {
        struct v4l2_buffer buffer = {.index = index, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = memory};
        if (memory == V4L2_MEMORY_MMAP) {
            ask(VIDIOC_QUERYBUF, &buffer, "VIDIOC_QUERYBUF");
            place[index] = mmap(NULL, buffer.length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, buffer.m.offset);
            if (place[index] == MAP_FAILED)
                fail("mmap");
        } else if (!(place[index] = aligned_alloc(4096, (size + 4095) / 4096 * 4096))) {
            fail("memory");
        }
        queue(index, memory, size);
    }
    int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    ask(VIDIOC_STREAMON, &type, "VIDIOC_STREAMON");
}

static void take(unsigned memory, size_t size)
{
    static char *picture;
    if (memory == 0) {
        if (!picture && !(picture = malloc(size)))
            fail("memory");
        if (read(fd, picture, size) <= 0)
            fail("read");
        return;
    }
    struct v4l2_buffer buffer = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = memory};
    ask(VIDIOC_DQBUF, &buffer, "VIDIOC_DQBUF");
    queue(buffer.index, memory, size);
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    unsigned memory = !strcmp(argv[1], "mmap")      ? V4L2_MEMORY_MMAP
                      : !strcmp(argv[1], "userptr") ? V4L2_MEMORY_USERPTR
                                                    : 0;
    if ((fd = open(argv[2], O_RDWR | O_CLOEXEC)) < 0)
        fail(argv[2]);
    struct v4l2_format format = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
    ask(VIDIOC_G_FMT, &format, "VIDIOC_G_FMT");
    format.fmt.pix.width = 320; /* the less there is to draw, the more of them an emulated machine can have at once */
    format.fmt.pix.height = 180;
    long long begun = now_ms();
    /* Whoever looks into /proc/PID/maps of the one before holds its mapped buffers, and so the camera, a moment longer. */
    while (ioctl(fd, VIDIOC_S_FMT, &format) < 0) {
        if (errno != EBUSY || now_ms() - begun > PATIENCE_MS)
            fail("VIDIOC_S_FMT");
        usleep(20000);
    }
    size_t size = format.fmt.pix.sizeimage;
    begun = now_ms();
    long long end = begun + atoll(argv[3]), frames = 0;
    if (memory)
        start(memory, size);
    while (now_ms() < end || !frames) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        long long left = frames ? end - now_ms() : PATIENCE_MS - (now_ms() - begun);
        if (poll(&ready, 1, left > 0 ? (int)left : 0) > 0) {
            take(memory, size);
            frames++;
        } else if (!frames) {
            errno = ETIMEDOUT;
            fail("no picture");
        }
    }
    printf("frames %lld\n", frames);
    return 0;
}
