/* How long a byte takes to another machine and back, over one TCP connection.
 *
 *   round-trip PORT               answers, one connection after the other, until it is killed
 *   round-trip PORT ADDRESS COUNT asks so often, after a tenth of it that does not count; prints the median in nanoseconds
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void check(int failed, const char *what) {
  if (!failed) return;
  perror(what);
  exit(1);
}

static void at_once(int fd) {
  int on = 1;
  check(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0, "setsockopt");
}

static long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000L + time.tv_nsec;
}

static int compare(const void *a, const void *b) {
  long x = *(const long *)a, y = *(const long *)b;
  return (x > y) - (x < y);
}

static void answer(int fd, struct sockaddr_in *own) {
  int on = 1;
  char byte;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  check(bind(fd, (struct sockaddr *)own, sizeof *own) < 0, "bind");
  check(listen(fd, 8) < 0, "listen");
  for (;;) {
    int peer = accept(fd, NULL, NULL);
    check(peer < 0, "accept");
    at_once(peer);
    while (read(peer, &byte, 1) == 1 && write(peer, &byte, 1) == 1)
      ;
    close(peer);
  }
}

static void ask(int fd, struct sockaddr_in *other, int count) {
  long *taken = calloc(count, sizeof *taken);
  char byte = 0;
  check(taken == NULL, "calloc");
  check(connect(fd, (struct sockaddr *)other, sizeof *other) < 0, "connect");
  at_once(fd);
  for (int index = -count / 10; index < count; index++) {
    long began = now();
    check(write(fd, &byte, 1) != 1 || read(fd, &byte, 1) != 1, "round trip");
    if (index >= 0) taken[index] = now() - began;
  }
  qsort(taken, count, sizeof *taken, compare);
  printf("%ld\n", taken[count / 2]);
}

int main(int argc, char **argv) {
  if (argc != 2 && argc != 4) return 2;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  check(fd < 0, "socket");
  if (argc == 2) answer(fd, &address);
  check(inet_pton(AF_INET, argv[2], &address.sin_addr) != 1, "address");
  ask(fd, &address, atoi(argv[3]));
  return 0;
}
