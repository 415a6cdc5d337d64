/* The floor: the least that a server on this machine can spend on the same events.
 *
 *   floor PORT TOKENS_PER_S INTERVAL_MS SECONDS
 *
 * Accepts connections, reads a request from each without looking at it, and writes to each an event per INTERVAL_MS that
 * holds the tokens made since the one before, as the edge would. It makes the tokens itself, parses nothing, checks nothing,
 * and knows no second client: whatever is above it is what a real server does for its users.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 20000, TOKENS_IN_EVENT = 64 };

typedef struct {
    int fd;
    int64_t begin_ns, due_ns;
    long made;
} Stream;

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int serve(Stream *s, int64_t now, double rate, int64_t interval_ns, long total) {
    static char data[TOKENS_IN_EVENT * 24], chunk[sizeof data + 200];
    long until = (long)((now - s->begin_ns) / 1e9 * rate) + 1, size = 0;
    if (until > total) until = total;
    if (until > s->made + TOKENS_IN_EVENT) until = s->made + TOKENS_IN_EVENT;
    if (until <= s->made) return 1; /* no new token: an event as soon as there is one */
    for (long i = s->made; i < until; i++) /* each token with the instant at which it was due */
        size += sprintf(data + size, " t%ld", (long)(s->begin_ns + i * 1e9 / rate));
    s->made = until;
    s->due_ns = now + interval_ns;
    char event[sizeof data + 150];
    int length = sprintf(event, "event: message\nid: w00000000-000000000000000000000000.%ld\ndata: {\"delta\":\"%.*s\",\"isFinal\":%s}\n\n",
                         s->made, (int)size, data, s->made == total ? "true" : "false");
    int all = sprintf(chunk, "%x\r\n%s\r\n%s", length, event, s->made == total ? "0\r\n\r\n" : "");
    if (write(s->fd, chunk, all) != all) return 0;
    return s->made < total;
}

int main(int argc, char **argv) {
    if (argc != 5) return fprintf(stderr, "usage: floor PORT TOKENS_PER_S INTERVAL_MS SECONDS\n"), 2;
    double rate = atof(argv[2]);
    int64_t interval_ns = (int64_t)(atof(argv[3]) * 1e6);
    long total = (long)(rate * atof(argv[4]));
    signal(SIGPIPE, SIG_IGN);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) return perror("floor"), 1;
    static Stream streams[MOST];
    int count = 0;
    puts("ready");
    fflush(stdout);
    for (;;) {
        int64_t now = now_ns();
        for (int fd; count < MOST && (fd = accept(listener, NULL, NULL)) >= 0; count++) {
            char request[4096];
            if (read(fd, request, sizeof request) < 0) return perror("floor"), 1; /* blocks until it is there */
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
            static const char head[] = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
            if (write(fd, head, sizeof head - 1) < 0) return perror("floor"), 1;
            streams[count] = (Stream){.fd = fd, .begin_ns = now_ns(), .due_ns = now};
        }
        for (int i = 0; i < count; i++)
            if (streams[i].due_ns <= now && !serve(&streams[i], now, rate, interval_ns, total)) {
                close(streams[i].fd);
                streams[i--] = streams[--count];
            }
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
}
