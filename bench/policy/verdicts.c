/* What becomes of new connections from one machine to another: sends a numbered packet over UDP every millisecond, each from a port of its own and none of them
 * answered, and prints each change of what becomes of them, with the time at which the first such packet was sent, in nanoseconds of CLOCK_MONOTONIC.
 *
 *   verdicts ADDRESS PORT NAMESPACE   to ADDRESS, which is in the network namespace of that file
 *
 * prints e.g. "passes 81930224110034".
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define INTERVAL 1000000L
/* Packets after which one that has not come was dropped. */
#define PATIENCE 25
#define REMEMBERED 1024
#define FIRST_PORT 10000
#define PORTS 50000

static void check(int failed, const char *what) {
  if (!failed) return;
  perror(what);
  exit(1);
}

static long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000L + time.tv_nsec;
}

static int udp(struct sockaddr_in *own) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  check(fd < 0, "socket");
  check(bind(fd, (struct sockaddr *)own, sizeof *own) < 0, "bind");
  return fd;
}

static int listening_in(const char *namespace, struct sockaddr_in *address) {
  int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  int there = open(namespace, O_RDONLY | O_CLOEXEC);
  check(here < 0 || there < 0 || setns(there, CLONE_NEWNET) < 0, "namespace");
  int fd = udp(address);
  check(setns(here, CLONE_NEWNET) < 0, "namespace");
  return fd;
}

/* One that is refused on the way is one that does not arrive. */
static void send_from(long number, struct sockaddr_in *far) {
  struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(FIRST_PORT + number % PORTS)};
  int fd = udp(&own);
  if (sendto(fd, &number, sizeof number, 0, (struct sockaddr *)far, sizeof *far) < 0) perror("a packet");
  close(fd);
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  struct sockaddr_in far = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[2]))};
  check(inet_pton(AF_INET, argv[1], &far.sin_addr) != 1, "address");
  int receiver = listening_in(argv[3], &far);
  setvbuf(stdout, NULL, _IOLBF, 0);

  static long sent_at[REMEMBERED];
  static char arrived[REMEMBERED];
  int passes = 0;
  /* The first that has passed: of those before it, all is said. */
  long first = 0;
  struct timespec next;
  clock_gettime(CLOCK_MONOTONIC, &next);
  for (long number = 0;; number++) {
    sent_at[number % REMEMBERED] = now();
    arrived[number % REMEMBERED] = 0;
    send_from(number, &far);
    long found;
    while (recv(receiver, &found, sizeof found, 0) == sizeof found) {
      arrived[found % REMEMBERED] = 1;
      if (passes) continue;
      printf("passes %ld\n", sent_at[found % REMEMBERED]);
      passes = 1;
      first = found;
    }
    long late = number - PATIENCE;
    if (passes && late >= first && !arrived[late % REMEMBERED]) {
      printf("drops %ld\n", sent_at[late % REMEMBERED]);
      passes = 0;
    }
    next.tv_nsec += INTERVAL;
    if (next.tv_nsec >= 1000000000L) next.tv_sec++, next.tv_nsec -= 1000000000L;
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
  }
}
