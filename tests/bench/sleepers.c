/* sleepers COUNT FDS   COUNT processes that sleep with FDS open files besides the standard three; prints "ready" when
 * all are there, and ends with them when its input ends.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int count, char **words)
{
    char word;
    if (count != 3)
        return 2;
    pid_t parent = getpid();
    for (int i = 0; i < atoi(words[2]); i++)
        if (open(i % 2 ? "/dev/zero" : words[0], O_RDONLY) < 0)
            return 1;
    int many = atoi(words[1]);
    pid_t *children = calloc(many + 1, sizeof *children);
    for (int i = 0; i < many; i++) {
        children[i] = fork();
        if (children[i] < 0) {
            perror("fork");
            return 1;
        }
        if (children[i] == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (getppid() == parent)
                for (;;)
                    pause();
            _exit(0);
        }
    }
    puts("ready");
    fflush(stdout);
    while (read(0, &word, 1) > 0)
        ;
    for (int i = 0; i < many; i++)
        kill(children[i], SIGKILL);
    while (wait(NULL) > 0)
        ;
    return 0;
}
