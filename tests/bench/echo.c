/* The floor under a call to the service: whatever comes through a Unix socket goes back as it is.
 *
 * echo PATH   prints "ready", answers one client until it leaves.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    static char data[65536];
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int listener = socket(AF_UNIX, SOCK_STREAM, 0), client;
    ssize_t length;

    if (argc != 2 || strlen(argv[1]) >= sizeof address.sun_path)
        return 2;
    strcpy(address.sun_path, argv[1]);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 1) != 0)
        return 1;
    puts("ready");
    fflush(stdout);
    client = accept(listener, NULL, NULL);
    while ((length = read(client, data, sizeof data)) > 0)
        if (write(client, data, length) != length)
            return 1;
    return 0;
}
