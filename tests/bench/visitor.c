/* visitor NODE HOLD_US: opens a node, maps its first page, holds both for so long, and ends. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int count, char **words)
{
    int fd = count == 3 ? open(words[1], O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0 || mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED)
        return 1;
    usleep(atoi(words[2]));
    return 0;
}
