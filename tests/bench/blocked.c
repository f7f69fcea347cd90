/* A program that is to be ended for opening a camera, and one that sees how long that took.
 *
 * blocked open NODE      opens NODE, prints when open() had returned (CLOCK_MONOTONIC, nanoseconds), and stays. It is not
 *     ended before it has said so.
 * blocked watch CMD...   starts CMD, which prints a line with such a time; prints how many nanoseconds later it was gone,
 *     by its pidfd, and by which signal it ended. A CMD that is not gone after a minute is killed, and has ended by 9.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 60000

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int hold(const char *node)
{
    sigset_t end;
    sigemptyset(&end);
    sigaddset(&end, SIGTERM);
    sigprocmask(SIG_BLOCK, &end, NULL);
    if (open(node, O_RDWR | O_CLOEXEC) < 0) {
        perror(node);
        return 1;
    }
    printf("%lld\n", (long long)now());
    fflush(stdout);
    sigprocmask(SIG_UNBLOCK, &end, NULL);
    for (;;)
        pause();
}

static int watch(char **words)
{
    int out[2], status;
    char line[64] = "";
    if (pipe2(out, O_CLOEXEC) != 0)
        return 1;
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(out[1], 1);
        execv(words[0], words);
        _exit(127);
    }
    close(out[1]);
    struct pollfd gone = {syscall(SYS_pidfd_open, pid, 0), POLLIN, 0};
    int ended = poll(&gone, 1, PATIENCE_MS);
    int64_t at = now();
    if (ended != 1)
        kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    if (read(out[0], line, sizeof line - 1) <= 0) {
        fprintf(stderr, "%s opened nothing\n", words[0]);
        return 1;
    }
    printf("%lld %d\n", (long long)(at - atoll(line)), WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    return 0;
}

int main(int count, char **words)
{
    if (count == 3 && strcmp(words[1], "open") == 0)
        return hold(words[2]);
    if (count > 2 && strcmp(words[1], "watch") == 0)
        return watch(words + 2);
    fputs("usage: see the head of blocked.c\n", stderr);
    return 2;
}
