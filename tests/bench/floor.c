/* The floor under open() -> event: what a C program learns by fanotify, and when.
 *
 * floor NODE   prints "ready", then after its input has ended a line "PID NANOSECONDS" for each open that it was told
 * of (CLOCK_MONOTONIC, taken when the event is in hand). Not all of what a guard must know: no name, no executable.
 * floor NODE end   also sends SIGTERM to whoever opened it, at once and whoever that is.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/fanotify.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef FAN_REPORT_PIDFD
#define FAN_REPORT_PIDFD 0x00000080
#endif
#define INFO_PIDFD 4
#define MOST 100000

struct info { uint8_t type, pad; uint16_t length; int32_t pidfd; };
struct told { int pid; int64_t at; };
static struct told told[MOST];

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void close_pidfd(const struct fanotify_event_metadata *event, int end_it)
{
    const char *at = (const char *)event + event->metadata_len, *end = (const char *)event + event->event_len;
    while (at < end) {
        const struct info *info = (const struct info *)at;
        if (info->type == INFO_PIDFD && info->pidfd >= 0) {
            if (end_it && event->mask & FAN_OPEN)
                syscall(SYS_pidfd_send_signal, info->pidfd, SIGTERM, NULL, 0);
            close(info->pidfd);
        }
        at += info->length;
    }
}

int main(int count, char **words)
{
    static char buffer[4096] __attribute__((aligned(8)));
    unsigned flags = FAN_CLASS_NOTIF | FAN_UNLIMITED_QUEUE | FAN_REPORT_FID | FAN_REPORT_PIDFD;
    int group = syscall(SYS_fanotify_init, flags, O_RDONLY), known = 0;
    if (count < 2 || count > 3 || group < 0 || fanotify_mark(group, FAN_MARK_ADD, FAN_OPEN | FAN_CLOSE, AT_FDCWD, words[1]) != 0) {
        perror("floor");
        return 1;
    }
    puts("ready");
    fflush(stdout);
    struct pollfd wait[2] = {{group, POLLIN, 0}, {0, POLLIN, 0}};
    while (poll(wait, 2, -1) > 0 && !(wait[1].revents && !wait[0].revents)) {
        if (!wait[0].revents)
            continue;
        ssize_t length = read(group, buffer, sizeof buffer);
        int64_t at = now();
        struct fanotify_event_metadata *event = (struct fanotify_event_metadata *)buffer;
        for (; FAN_EVENT_OK(event, length); event = FAN_EVENT_NEXT(event, length)) {
            if (event->mask & FAN_OPEN && known < MOST)
                told[known++] = (struct told){event->pid, at};
            close_pidfd(event, count == 3);
        }
    }
    for (int i = 0; i < known; i++)
        printf("%d %lld\n", told[i].pid, (long long)told[i].at);
    return 0;
}
