/* Opens a node, and says when. Times are CLOCK_MONOTONIC in nanoseconds, taken just before open().
 *
 * opener paced NODE WORKERS COUNT GAP_US HOLD_US   COUNT opens, GAP_US apart give or take a third, by WORKERS processes
 *     in turn, so that each open is told from the next by its pid; at the end a line "PID TIME" for each.
 * opener told NODE   a byte of input each: 'o' opens and prints the time, 'c' closes.
 * opener burst NODE COUNT KEEP START   from START on COUNT opens as fast as can be, the last one kept if KEEP; then
 *     prints when it began and when it was done, and lives on until its input ends.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void until(int64_t at)
{
    struct timespec t = {at / 1000000000, at % 1000000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) != 0)
        ;
}

static int opened(const char *node)
{
    int fd = open(node, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        perror(node);
        exit(1);
    }
    return fd;
}

static void work(const char *node, int worker, int workers, int count, int64_t start, int64_t gap, int64_t hold)
{
    static char lines[1 << 20];
    size_t used = 0;
    unsigned seed = worker + 1;
    for (int i = worker; i < count && used < sizeof lines - 64; i += workers) {
        until(start + i * gap + rand_r(&seed) % (2 * gap / 3 + 1));
        int64_t at = now();
        int fd = opened(node);
        if (hold)
            until(now() + hold);
        close(fd);
        used += sprintf(lines + used, "%d %lld\n", getpid(), (long long)at);
    }
    until(start + (count + 2 * workers) * gap); /* whoever was seen to open is still there to be looked at */
    for (size_t done = 0; done < used;) {
        ssize_t more = write(1, lines + done, used - done);
        if (more <= 0)
            _exit(1);
        done += more;
    }
    _exit(0);
}

static int paced(char **words)
{
    int workers = atoi(words[1]), count = atoi(words[2]), failed = 0, status;
    int64_t start = now() + 300000000;
    for (int i = 0; i < workers; i++) {
        if (fork() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            work(words[0], i, workers, count, start, atoll(words[3]) * 1000, atoll(words[4]) * 1000);
        }
    }
    while (wait(&status) > 0)
        failed |= status;
    return failed != 0;
}

static int told(char **words)
{
    int fd = -1;
    char word;
    while (read(0, &word, 1) == 1) {
        if (word == 'o') {
            int64_t at = now();
            fd = opened(words[0]);
            printf("%lld\n", (long long)at);
            fflush(stdout);
        } else {
            close(fd);
        }
    }
    return 0;
}

static int burst(char **words)
{
    char word;
    int count = atoi(words[1]), keep = atoi(words[2]);
    until(atoll(words[3]));
    int64_t began = now();
    for (int i = 0; i < count; i++) {
        int fd = opened(words[0]);
        if (!keep || i < count - 1)
            close(fd);
    }
    printf("%lld %lld\n", (long long)began, (long long)now());
    fflush(stdout);
    while (read(0, &word, 1) > 0)
        ;
    return 0;
}

int main(int count, char **words)
{
    if (count == 7 && strcmp(words[1], "paced") == 0)
        return paced(words + 2);
    if (count == 3 && strcmp(words[1], "told") == 0)
        return told(words + 2);
    if (count == 6 && strcmp(words[1], "burst") == 0)
        return burst(words + 2);
    fputs("usage: see the head of opener.c\n", stderr);
    return 2;
}
