/* The load client: many streams of Server-Sent Events on one thread, and what it cost to read them is little.
 *
 *   load HOST PORT STREAMS RAMP_S SECONDS PATH < request-body
 *
 * Opens STREAMS connections evenly over RAMP_S, posts the body on each, and reads for SECONDS after the ramp, or until all
 * have ended. Every token is a space, the letter t and the nanoseconds of CLOCK_MONOTONIC at which it was made, so that
 * its age on arrival is a subtraction. Prints one JSON object: counts, percentiles, and this process's own CPU time.
 *
 * What counts as an event is a "data:" line with a token in it; so any proxy's spelling can be read, whatever is around it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER = 1 << 17, MANY = 50, BUCKETS = 1 << 19, BUCKET_NS = 20000 }; /* 20 us buckets, 10 s */

typedef struct {
    int fd;
    int64_t sent_ns;       /* request written */
    int64_t first_ns;      /* first token read */
    int64_t last_event_ns; /* last event read */
    int64_t max_age_ns;
    uint64_t tokens;
    int state;             /* scanner: 0 text, 1 after " ", 2 after " t", 3 in digits */
    int64_t digits;
    int line_tokens;       /* tokens seen in this read, for events */
    int ok;                /* status 200 seen */
    int ended;             /* the body's end, or an end mark, was seen */
    char tail[8];          /* the last bytes, to see the end of the body across reads */
} Stream;

static uint32_t ages[BUCKETS], gaps[BUCKETS], ttfts[BUCKETS];
static uint64_t tokens, events, bytes, reads, errors, late;

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void note(uint32_t *histogram, int64_t ns) {
    int64_t bucket = ns < 0 ? 0 : ns / BUCKET_NS;
    histogram[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
}

static double percentile(const uint32_t *histogram, double part) {
    uint64_t total = 0, seen = 0;
    for (int i = 0; i < BUCKETS; i++) total += histogram[i];
    if (!total) return 0;
    for (int i = 0; i < BUCKETS; i++)
        if ((seen += histogram[i]) >= part * total) return i * (BUCKET_NS / 1e6);
    return 0;
}

static void token(Stream *s, int64_t made, int64_t now) {
    int64_t age = now - made;
    note(ages, age);
    if (age > s->max_age_ns) s->max_age_ns = age;
    if (!s->first_ns) {
        s->first_ns = now;
        note(ttfts, now - s->sent_ns);
    }
    s->tokens++;
    tokens++;
    s->line_tokens++;
}

static void scan(Stream *s, const char *data, ssize_t size, int64_t now) {
    for (ssize_t i = 0; i < size; i++) {
        char c = data[i];
        if (s->state == 3) {
            if (c >= '0' && c <= '9') {
                s->digits = s->digits * 10 + (c - '0');
                continue;
            }
            token(s, s->digits, now);
            s->state = 0;
        }
        if (s->state == 2 && c >= '0' && c <= '9') {
            s->digits = c - '0';
            s->state = 3;
            continue;
        }
        s->state = c == ' ' ? 1 : (s->state == 1 && c == 't') ? 2 : 0;
        if (c == '\n' && s->line_tokens) {
            events++;
            s->line_tokens = 0;
            if (s->last_event_ns) note(gaps, now - s->last_event_ns);
            s->last_event_ns = now;
        }
    }
}

static int start(struct sockaddr_in *address, const char *request, size_t size, Stream *s) {
    s->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(s->fd, (struct sockaddr *)address, sizeof *address)) return -1;
    int one = 1;
    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    s->sent_ns = now_ns();
    if (write(s->fd, request, size) != (ssize_t)size) return -1;
    fcntl(s->fd, F_SETFL, O_NONBLOCK);
    return 0;
}

/* Read what is there; whether the stream goes on. */
static int take(Stream *s, char *buffer) {
    ssize_t size = read(s->fd, buffer, BUFFER);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return 1;
    if (size <= 0) return 0;
    int64_t now = now_ns();
    reads++;
    bytes += size;
    if (!s->ok) {
        if (size < 12 || memcmp(buffer + 8, " 200", 4)) return 0;
        s->ok = 1;
    }
    scan(s, buffer, size, now);
    size_t keep = sizeof s->tail - 1;
    if ((size_t)size >= keep) {
        memcpy(s->tail, buffer + size - keep, keep);
    } else {
        memmove(s->tail, s->tail + size, keep - size);
        memcpy(s->tail + keep - size, buffer, size);
    }
    if (!memcmp(s->tail + keep - 5, "0\r\n\r\n", 5)) {
        s->ended = 1;
        return 0;
    }
    return 1;
}

int main(int argc, char **argv) {
    if (argc != 7) return fprintf(stderr, "usage: load HOST PORT STREAMS RAMP_S SECONDS PATH < body\n"), 2;
    int count = atoi(argv[3]);
    double ramp_s = atof(argv[4]), seconds = atof(argv[5]);
    static char body[65536], request[70000], buffer[BUFFER];
    size_t body_size = fread(body, 1, sizeof body, stdin);
    int size = snprintf(request, sizeof request,
                        "POST %s HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\n"
                        "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%.*s",
                        argv[6], body_size, (int)body_size, body);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[2]))};
    inet_pton(AF_INET, argv[1], &address.sin_addr);
    Stream *streams = calloc(count, sizeof *streams);
    int poll = epoll_create1(0), opened = 0, open = 0;
    int64_t begin = now_ns(), end = begin + (int64_t)((ramp_s + seconds) * 1e9);
    struct epoll_event ready[1024];
    while (now_ns() < end && (opened < count || open > 0)) {
        int64_t now = now_ns();
        int due = ramp_s > 0 ? (int)((now - begin) / 1e9 / ramp_s * count) + 1 : count;
        for (int burst = 0; opened < count && opened < due && burst < 32; burst++) {
            Stream *s = &streams[opened++];
            if (start(&address, request, size, s)) {
                errors++;
                continue;
            }
            struct epoll_event event = {.events = EPOLLIN, .data.ptr = s};
            epoll_ctl(poll, EPOLL_CTL_ADD, s->fd, &event);
            open++;
        }
        /* With many streams, sleep and then take all that has come: a reader that waits in epoll is woken by every single
         * write, and the writer pays for that, on a virtual machine many times the write itself. */
        if (count >= MANY) nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        int n = epoll_wait(poll, ready, 1024, count >= MANY ? 0 : opened < count ? 1 : 100);
        for (int i = 0; i < n; i++) {
            Stream *s = ready[i].data.ptr;
            if (!take(s, buffer)) {
                if (!s->ok || !s->ended) errors++;
                close(s->fd);
                open--;
            }
        }
    }
    double elapsed = (now_ns() - begin) / 1e9;
    int64_t max_age = 0;
    int complete = 0;
    for (int i = 0; i < opened; i++) {
        complete += streams[i].ended;
        if (streams[i].max_age_ns > max_age) max_age = streams[i].max_age_ns;
        if (streams[i].max_age_ns > 250000000LL) late++;
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double cpu = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    printf("{\"seconds\":%.3f,\"tokens\":%lu,\"events\":%lu,\"bytes\":%lu,\"reads\":%lu,\"errors\":%lu,\"complete\":%d,"
           "\"open\":%d,\"late_streams\":%lu,\"age_p50_ms\":%.2f,\"age_p99_ms\":%.2f,\"age_max_ms\":%.1f,"
           "\"gap_p50_ms\":%.2f,\"gap_p99_ms\":%.2f,\"ttft_p50_ms\":%.2f,\"ttft_p99_ms\":%.2f,\"client_cpu_s\":%.3f}\n",
           elapsed, tokens, events, bytes, reads, errors, complete, open, late, percentile(ages, .5), percentile(ages, .99),
           max_age / 1e6, percentile(gaps, .5), percentile(gaps, .99), percentile(ttfts, .5), percentile(ttfts, .99), cpu);
    return 0;
}
