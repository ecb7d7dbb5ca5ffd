/*
 * The load: holds many subscribers in one thread, and counts and times the events they receive.
 *
 * An event's data is "@", the time of its publishing in 20 digits (nanoseconds of CLOCK_MONOTONIC),
 * filling, and "~".  It has been received when the "~" is there.
 *
 *     load PORT              then commands, one per line, on standard input:
 *     open N PATH [CURSOR]   connect N more subscribers; answered when all have a response's head.
 *                            A "*" in the path becomes the subscriber's number, from 0;
 *                            the cursor is their Last-Event-ID
 *     mute N PATH            connect N more that send a request and never read; answered at once
 *     expect K               answered when each subscriber has received K more events
 *     await K                answered when K more events have been received in all
 *     hold                   stop reading; until "read" an event counts as received when the
 *                            kernel has it, at the time that the kernel gives
 *     read                   read again
 *
 * Each answer is one line on standard output.  The process ends with its standard input.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { AT_ONCE = 64, DIGITS = 20, PIECE = 65536 };

struct subscriber {
  int fd;
  int head;         /* characters of "\r\n\r\n" seen so far; 4: the head is over */
  int digit;        /* digits of the time stamp read so far; -1 outside of one */
  uint64_t stamp;   /* when the event that is arriving was published */
  uint64_t events;  /* since "expect" */
};

static char path[256], cursor[256]; /* of the subscribers that are being opened */

static int poller, held;
static struct sockaddr_in server;
static struct subscriber **everyone;
static size_t count, wanted, opening, opened;

static uint64_t expected;        /* events per subscriber; 0: all are counted together */
static uint64_t remaining, began, first, last, reads;
static uint32_t *latencies;      /* of each delivery, microseconds */
static uint32_t *slowest;        /* of each event, to its last subscriber, microseconds */
static size_t deliveries, room;

static uint64_t nanoseconds(struct timespec t) {
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return nanoseconds(t);
}

static void fail(const char *what) {
  printf("failed %s: %s\n", what, strerror(errno));
  exit(1);
}

static int ask(size_t number) {
  char request[1024], numbered[300];
  int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  char *star = strchr(path, '*');
  if (star)
    snprintf(numbered, sizeof numbered, "%.*s%zu%s", (int)(star - path), path, number, star + 1);
  else
    strcpy(numbered, path);
  int length = snprintf(request, sizeof request,
                        "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n"
                        "%s%s%s\r\n",
                        numbered, *cursor ? "Last-Event-ID: " : "", cursor, *cursor ? "\r\n" : "");
  if (fd < 0) fail("socket");
  if (connect(fd, (struct sockaddr *)&server, sizeof server)) fail("connect");
  if (write(fd, request, (size_t)length) < 0) fail("request");
  fcntl(fd, F_SETFL, O_NONBLOCK);
  if (held) setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
  return fd;
}

static void watch(struct subscriber *one) {
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = one};
  epoll_ctl(poller, EPOLL_CTL_ADD, one->fd, &event);
}

/* Open as many streams at a time as the backlog of every server takes. */
static void open_more(void) {
  while (opening < AT_ONCE && count < wanted) {
    struct subscriber *one = calloc(1, sizeof *one);
    one->fd = ask(count);
    one->digit = -1;
    watch(one);
    everyone[count++] = one;
    opening++;
  }
}

/* Do not watch these sockets: waking a reader that does nothing would cost the server time. */
static void hold(void) {
  int on = 1;
  held = 1;
  for (size_t i = 0; i < count; i++) {
    epoll_ctl(poller, EPOLL_CTL_DEL, everyone[i]->fd, NULL);
    setsockopt(everyone[i]->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
  }
}

static int ascending(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

static uint32_t percentile(uint32_t *values, size_t n, double part) {
  size_t place = (size_t)(part * (double)n);
  return n ? values[place < n ? place : n - 1] : 0;
}

/* "received": deliveries, nanoseconds from the first publishing to the last reception, and the
   latencies in microseconds: p50 and p99 of all deliveries, p50 of each event's last; and how often
   something was read. */
static void answer_received(void) {
  qsort(latencies, deliveries, sizeof *latencies, ascending);
  qsort(slowest, expected, sizeof *slowest, ascending);
  printf("received %zu %llu %u %u %u %llu\n", deliveries, (unsigned long long)(last - first),
         percentile(latencies, deliveries, 0.5), percentile(latencies, deliveries, 0.99),
         percentile(slowest, expected, 0.5), (unsigned long long)reads);
  free(slowest);
  slowest = NULL;
  expected = 0;
}

static void received(struct subscriber *one, uint64_t when) {
  if (!remaining || (expected && one->events >= expected)) return;
  uint32_t latency = (uint32_t)((when - one->stamp) / 1000u);
  if (expected && latency > slowest[one->events]) slowest[one->events] = latency;
  if (!first || one->stamp < first) first = one->stamp;
  last = when;
  one->events++;
  latencies[deliveries++] = latency;
  if (--remaining == 0) answer_received();
}

/* Read a piece, wherever it was cut. */
static void take(struct subscriber *one, const char *at, const char *end, uint64_t when) {
  for (; at < end && one->head < 4; at++) {
    one->head = *at == "\r\n\r\n"[one->head] ? one->head + 1 : *at == '\r';
    if (one->head == 4) {
      opening--;
      if (++opened == wanted) printf("opened %llu\n", (unsigned long long)(now() - began));
    }
  }
  while (at < end) {
    if (one->digit >= 0) {
      one->stamp = one->stamp * 10 + (uint64_t)(*at++ - '0');
      if (++one->digit == DIGITS) one->digit = -2; /* inside the event, after the stamp */
    } else if (one->digit == -2) {
      if (!(at = memchr(at, '~', (size_t)(end - at)))) return;
      at++;
      one->digit = -1;
      received(one, when);
    } else {
      if (!(at = memchr(at, '@', (size_t)(end - at)))) return;
      at++;
      one->digit = 0;
      one->stamp = 0;
    }
  }
}

/* Return when the kernel had the last of these bytes, by our clock. */
static uint64_t arrival(struct msghdr *message) {
  struct timespec stamp, real;
  for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_TIMESTAMPNS) continue;
    memcpy(&stamp, CMSG_DATA(part), sizeof stamp);
    clock_gettime(CLOCK_REALTIME, &real);
    return now() - (nanoseconds(real) - nanoseconds(stamp));
  }
  errno = 0;
  fail("the kernel does not tell when something arrived");
  return 0;
}

static void readable(struct subscriber *one) {
  static char piece[PIECE], control[256];
  struct iovec vector = {piece, sizeof piece};
  struct msghdr message = {.msg_iov = &vector,
                           .msg_iovlen = 1,
                           .msg_control = control,
                           .msg_controllen = sizeof control};
  ssize_t n = held ? recvmsg(one->fd, &message, 0) : read(one->fd, piece, sizeof piece);
  if (n < 0 && errno == EAGAIN) return;
  if (n < 0) fail("read");
  if (n == 0) {
    errno = 0;
    fail("a stream has ended");
  }
  reads++;
  take(one, piece, piece + n, held ? arrival(&message) : now());
  open_more();
}

/* Begin to count events, of each subscriber or of all. */
static void begin(uint64_t each, uint64_t all) {
  expected = each;
  remaining = all;
  first = last = deliveries = reads = 0;
  if (all > room) latencies = realloc(latencies, (room = all) * sizeof *latencies);
  slowest = calloc(each + 1, sizeof *slowest);
  for (size_t i = 0; i < count; i++) everyone[i]->events = 0;
  printf("ready\n");
}

static void obey(const char *line) {
  char command[16] = "";
  unsigned long long number = 0;
  *path = *cursor = 0;
  sscanf(line, "%15s %llu %255s %255s", command, &number, path, cursor);
  if (!strcmp(command, "open")) {
    wanted += number;
    everyone = realloc(everyone, wanted * sizeof *everyone);
    began = now();
    open_more();
  } else if (!strcmp(command, "mute")) {
    for (size_t i = 0; i < number; i++) ask(i);
    printf("opened\n");
  } else if (!strcmp(command, "expect")) {
    begin(number, number * count);
  } else if (!strcmp(command, "await")) {
    begin(0, number);
  } else if (!strcmp(command, "hold")) {
    hold();
    printf("holding\n");
  } else if (!strcmp(command, "read")) {
    for (size_t i = 0; i < count; i++) watch(everyone[i]);
  }
}

int main(int argc, char **argv) {
  struct epoll_event events[256], input = {.events = EPOLLIN, .data.ptr = NULL};
  char line[1024];
  if (argc != 2) return 2;
  server.sin_family = AF_INET;
  server.sin_port = htons((uint16_t)atoi(argv[1]));
  server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  setvbuf(stdout, NULL, _IOLBF, 0);
  poller = epoll_create1(0);
  epoll_ctl(poller, EPOLL_CTL_ADD, 0, &input);
  for (;;) {
    int n = epoll_wait(poller, events, 256, -1);
    for (int i = 0; i < n; i++) {
      if (events[i].data.ptr) {
        readable(events[i].data.ptr);
      } else { /* one command at a time: the next comes when this one has been answered */
        ssize_t length = read(0, line, sizeof line - 1);
        if (length <= 0) return 0;
        line[length] = 0;
        obey(line);
      }
    }
  }
}
