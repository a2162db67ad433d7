/*
 * Calls a CNI plugin as a runtime does and says how long each call took: for `bench/cni.ts`, because what starts programs from Node takes as long as
 * what is to be measured.
 *
 * caller PROGRAM COMMAND PREFIX FIRST COUNT AT_ONCE CONF OUTPUT
 *
 * Calls PROGRAM with COMMAND for the containers PREFIX-FIRST and COUNT-1 after it, whose namespaces are /run/netns/PREFIX-NUMBER, AT_ONCE at a time,
 * with CONF as standard input. Prints the nanoseconds of each call, from before its start until it has ended; last, those of all together. It fails
 * when one of them has; what the last one has printed is in OUTPUT.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MOST_AT_ONCE 512

struct call {
    pid_t pid;
    long long started;
};

static int failed;

static long long now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * 1000000000LL + at.tv_nsec;
}

static struct call start(char **words, int number) {
    char command[64], id[128], netns[160];
    char *arguments[] = {words[1], NULL};
    char *environment[] = {command, id, netns, "CNI_IFNAME=eth0", "CNI_PATH=/usr/lib/cni", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
    posix_spawn_file_actions_t files;
    struct call call;
    snprintf(command, sizeof command, "CNI_COMMAND=%s", words[2]);
    snprintf(id, sizeof id, "CNI_CONTAINERID=%s-%d", words[3], number);
    snprintf(netns, sizeof netns, "CNI_NETNS=/run/netns/%s-%d", words[3], number);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, words[7], O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, words[8], O_WRONLY | O_CREAT | O_TRUNC, 0600);
    call.started = now();
    if (posix_spawn(&call.pid, words[1], &files, NULL, arguments, environment) != 0) {
        perror(words[1]);
        exit(1);
    }
    posix_spawn_file_actions_destroy(&files);
    return call;
}

static void finish(struct call *calls, int *running) {
    int status;
    pid_t pid = wait(&status);
    long long ended = now();
    for (int index = 0; index < *running; index++) {
        if (calls[index].pid != pid) continue;
        printf("%lld\n", ended - calls[index].started);
        calls[index] = calls[--*running];
        break;
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) failed = 1;
}

int main(int count, char **words) {
    struct call calls[MOST_AT_ONCE];
    int running = 0;
    if (count != 9) return 2;
    int first = atoi(words[4]), end = first + atoi(words[5]), at_once = atoi(words[6]);
    if (at_once < 1 || at_once > MOST_AT_ONCE) return 2;
    long long started = now();
    for (int number = first; number < end; number++) {
        if (running == at_once) finish(calls, &running);
        calls[running++] = start(words, number);
    }
    while (running > 0) finish(calls, &running);
    printf("%lld\n", now() - started);
    return failed;
}
