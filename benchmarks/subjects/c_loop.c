/*
 * The floor: accepts, answers the head, and for each event calls send() once per subscriber.
 * It parses next to nothing, watches no timer, and does not wait for clients that do not read.
 *
 *     c_loop PORT
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 70000, LARGEST = 65536 };

static const char HEAD[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
    "Connection: close\r\n\r\n";
static const char DONE[] = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";

static int subscribers[MOST], count;
static unsigned events, burst = 1;
static size_t size;
static uint64_t pause_ns, next;

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void publish(uint64_t time) {
  static char frame[LARGEST + 16];
  int head = sprintf(frame, "data: @%020llu", (unsigned long long)time);
  memset(frame + head, 'x', size - 22);
  size_t length = (size_t)head + size - 22;
  length += (size_t)sprintf(frame + length, "~\n\n");
  for (int i = 0; i < count; i++)
    if (send(subscribers[i], frame, length, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) perror("send");
}

/* The load and the driver send each request in one piece, so one read gets all of it. */
static void request(int fd) {
  char text[4096];
  ssize_t n = read(fd, text, sizeof text - 1);
  if (n <= 0) {
    close(fd);
    return;
  }
  text[n] = 0;
  if (!strncmp(text, "GET", 3)) {
    send(fd, HEAD, sizeof HEAD - 1, MSG_NOSIGNAL);
    subscribers[count++] = fd;
    return;
  }
  uint64_t pause_us = 0;
  sscanf(text, "POST /publish?count=%u&size=%zu&burst=%u&pause=%lu", &events, &size, &burst,
         &pause_us);
  pause_ns = pause_us * 1000;
  next = now();
  send(fd, DONE, sizeof DONE - 1, MSG_NOSIGNAL);
  close(fd);
}

int main(int argc, char **argv) {
  struct epoll_event ready[256], event = {.events = EPOLLIN};
  struct sockaddr_in address = {.sin_family = AF_INET};
  int one = 1, poller = epoll_create1(0), listener = socket(AF_INET, SOCK_STREAM, 0);
  if (argc != 2) return 2;
  address.sin_port = htons((uint16_t)atoi(argv[1]));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) {
    perror("listen");
    return 1;
  }
  event.data.fd = listener;
  epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
  for (;;) {
    int wait = -1; /* milliseconds, rounded up */
    if (events) {
      uint64_t t = now();
      wait = next > t ? (int)((next - t + 999999u) / 1000000u) : 0;
    }
    int n = epoll_wait(poller, ready, 256, wait);
    for (int i = 0; i < n; i++) {
      if (ready[i].data.fd != listener) {
        request(ready[i].data.fd);
        continue;
      }
      event.data.fd = accept(listener, NULL, NULL);
      if (event.data.fd >= 0 && count < MOST)
        epoll_ctl(poller, EPOLL_CTL_ADD, event.data.fd, &event);
    }
    if (events && now() >= next) {
      uint64_t time = now(); /* the same for all events of a burst */
      next += pause_ns;
      for (unsigned i = 0; i < burst && events; i++, events--) publish(time);
    }
  }
}
