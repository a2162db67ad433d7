/*
 * Calls a CNI plugin as a runtime does and says how long each call took: for `bench/cni.ts`, because what starts programs from Node takes as long as
 * what is to be measured.
 *
 * caller PROGRAM COMMAND PREFIX FIRST COUNT AT_ONCE CONF
 *
 * Calls PROGRAM with COMMAND for the containers PREFIX-FIRST and COUNT-1 after it, whose namespaces are /run/netns/PREFIX-NUMBER, AT_ONCE at a time,
 * with CONF as standard input and a pipe as standard output, as runtimes do: a file would have the disk's time in it. Prints the nanoseconds of each
 * call, from before its start until it has ended; last, those of all together. It fails when one of them has, with what that one printed as standard error.
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
    /* The end of its standard output that is read. */
    int output;
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
    int ends[2];
    snprintf(command, sizeof command, "CNI_COMMAND=%s", words[2]);
    snprintf(id, sizeof id, "CNI_CONTAINERID=%s-%d", words[3], number);
    snprintf(netns, sizeof netns, "CNI_NETNS=/run/netns/%s-%d", words[3], number);
    if (pipe2(ends, O_CLOEXEC) != 0) {
        perror("pipe");
        exit(1);
    }
    call.output = ends[0];
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, words[7], O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, ends[1], 1);
    call.started = now();
    if (posix_spawn(&call.pid, words[1], &files, NULL, arguments, environment) != 0) {
        perror(words[1]);
        exit(1);
    }
    posix_spawn_file_actions_destroy(&files);
    close(ends[1]);
    return call;
}

/* What a call that failed has printed; the pipe has room for all of an answer, so nobody reads before it has ended. */
static void repeat_output(int output) {
    char piece[4096];
    for (ssize_t count; (count = read(output, piece, sizeof piece)) > 0;) fwrite(piece, 1, (size_t)count, stderr);
}

static void finish(struct call *calls, int *running) {
    int status;
    pid_t pid = wait(&status);
    long long ended = now();
    int has_failed = !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    for (int index = 0; index < *running; index++) {
        if (calls[index].pid != pid) continue;
        printf("%lld\n", ended - calls[index].started);
        if (has_failed) repeat_output(calls[index].output);
        close(calls[index].output);
        calls[index] = calls[--*running];
        break;
    }
    failed |= has_failed;
}

int main(int count, char **words) {
    struct call calls[MOST_AT_ONCE];
    int running = 0;
    if (count != 8) return 2;
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
