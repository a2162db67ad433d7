/*
 * The CNI plugin `holdfast`: hands environment and standard input to the agent over a unix socket, and the agent's answer to the runtime.
 *
 * Request, integers in network order:  "HFC2"  u32 length of environment  u32 length of input  environment  input
 *   environment: CNI_* and what tracing has (TRACEPARENT, TRACESTATE, BAGGAGE), each "NAME=value\0".
 * Answer:  u8 exit code  u32 length of output  standard output.
 *
 * HOLDFAST_CNI_SOCKET names another socket than /run/holdfast/cni.sock.
 *
 * When there is no agent: VERSION is answered here. DEL succeeds, because the agent compares attachments with their sandboxes when it is back.
 * Everything else is to be tried again later (code 11), STATUS is "not available" (code 50).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define DEFAULT_SOCKET "/run/holdfast/cni.sock"
#define VERSIONS "[\"0.3.1\",\"0.4.0\",\"1.0.0\",\"1.1.0\"]"
#define NEWEST "1.1.0"
#define MOST_INPUT (16u << 20)
#define MOST_SECONDS 180
#define ANSWER_HEADER 5

enum { IO_FAILURE = 5, UNDECODABLE = 6, TRY_AGAIN = 11, NOT_AVAILABLE = 50 };

extern char **environ;

/* By which an installation tells this program, of whatever version, from others; what(1) finds it. */
__attribute__((used)) static const char sign[] = "@(#)holdfast-cni-plugin";

struct buffer {
    char *data;
    size_t length;
    size_t room;
};

static void append(struct buffer *buffer, const char *data, size_t length) {
    if (buffer->length + length > buffer->room) {
        buffer->room = (buffer->length + length) * 2 + 4096;
        buffer->data = realloc(buffer->data, buffer->room);
        if (buffer->data == NULL) {
            fputs("holdfast: out of memory\n", stderr);
            exit(1);
        }
    }
    if (length > 0) memcpy(buffer->data + buffer->length, data, length);
    buffer->length += length;
}

/* Until the end, or one byte beyond `most`. Gives 0, or -1 with errno. */
static int read_all(int from, struct buffer *into, size_t most) {
    char piece[65536];
    while (into->length <= most) {
        ssize_t count = read(from, piece, sizeof piece);
        if (count == 0) return 0;
        if (count > 0) append(into, piece, (size_t)count);
        else if (errno != EINTR) return -1;
    }
    return 0;
}

/* 0, or -1 with errno. A peer that is gone is an error, never a signal. */
static int write_all(int to, const char *data, size_t length) {
    while (length > 0) {
        ssize_t count = send(to, data, length, MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return -1;
        data += count;
        length -= (size_t)count;
    }
    return 0;
}

/* The version that the runtime speaks, looked for without reading the JSON: for answers that only this program can give. */
static const char *version_of(const struct buffer *input, char found[16]) {
    static const char key[] = "\"cniVersion\"";
    const char *at = input->length == 0 ? NULL : memmem(input->data, input->length, key, sizeof key - 1);
    const char *end = input->data + input->length;
    size_t count = 0;
    if (at == NULL) return NEWEST;
    for (at += sizeof key - 1; at < end && strchr(" \t\r\n:", *at) != NULL; at++) continue;
    if (at == end || *at++ != '"') return NEWEST;
    while (at < end && count < 15 && ((*at >= '0' && *at <= '9') || *at == '.')) found[count++] = *at++;
    found[count] = '\0';
    return at < end && *at == '"' && count > 0 ? found : NEWEST;
}

static int fail(const struct buffer *input, int code, const char *what, const char *why, const char *remedy) {
    char found[16];
    printf("{\"cniVersion\":\"%s\",\"code\":%d,\"msg\":\"%s: %s; %s\"}\n", version_of(input, found), code, what, why, remedy);
    return 1;
}

static int is_wanted(const char *variable) {
    static const char *const names[] = {"CNI_", "TRACEPARENT=", "TRACESTATE=", "BAGGAGE="};
    for (size_t index = 0; index < sizeof names / sizeof *names; index++) {
        if (strncmp(variable, names[index], strlen(names[index])) == 0) return 1;
    }
    return 0;
}

/* The agent's socket, or -1 with errno. */
static int call_agent(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct timeval limit = {.tv_sec = MOST_SECONDS};
    int agent;
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(address.sun_path, path);
    agent = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (agent < 0) return -1;
    setsockopt(agent, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(agent, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (connect(agent, (struct sockaddr *)&address, sizeof address) == 0) return agent;
    int error = errno;
    close(agent);
    errno = error;
    return -1;
}

/* Until it is whole: the agent has more to do before it closes the connection. Gives 0, or -1 with errno. */
static int read_answer(int agent, struct buffer *answer) {
    char piece[65536];
    for (;;) {
        ssize_t count = read(agent, piece, sizeof piece);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return -1;
        if (count == 0) break;
        append(answer, piece, (size_t)count);
        if (answer->length < ANSWER_HEADER) continue;
        uint32_t length;
        memcpy(&length, answer->data + 1, sizeof length);
        if (answer->length - ANSWER_HEADER >= ntohl(length)) return 0;
    }
    errno = ECONNRESET;
    return -1;
}

/* 0 with the answer, or -1 with errno. */
static int ask(const char *path, const struct buffer *input, struct buffer *answer) {
    struct buffer environment = {0}, request = {0};
    uint32_t lengths[2];
    int agent = call_agent(path);
    if (agent < 0) return -1;
    for (char **variable = environ; *variable != NULL; variable++) {
        if (is_wanted(*variable)) append(&environment, *variable, strlen(*variable) + 1);
    }
    lengths[0] = htonl((uint32_t)environment.length);
    lengths[1] = htonl((uint32_t)input->length);
    append(&request, "HFC2", 4);
    append(&request, (const char *)lengths, sizeof lengths);
    append(&request, environment.data, environment.length);
    append(&request, input->data, input->length);
    if (write_all(agent, request.data, request.length) < 0) return -1;
    return read_answer(agent, answer);
}

static int without_agent(const char *command, const struct buffer *input, int error) {
    static const char remedy[] = "see that the agent runs (holdfast agent) and try again";
    /* The agent takes down what has no sandbox when it is back. */
    if (strcmp(command, "DEL") == 0) return 0;
    int code = strcmp(command, "STATUS") == 0 ? NOT_AVAILABLE : TRY_AGAIN;
    return fail(input, code, "the agent of Holdfast on this machine does not answer", strerror(error), remedy);
}

int main(void) {
    struct buffer input = {0}, answer = {0};
    const char *command = getenv("CNI_COMMAND"), *path = getenv("HOLDFAST_CNI_SOCKET");
    char found[16];
    if (command == NULL) command = "";
    if (read_all(STDIN_FILENO, &input, MOST_INPUT) < 0) {
        return fail(&input, IO_FAILURE, "standard input cannot be read", strerror(errno), "call the plugin again");
    }
    if (input.length > MOST_INPUT) {
        return fail(&input, UNDECODABLE, "standard input is too long", "more than 16 MiB", "make the configuration smaller");
    }
    if (strcmp(command, "VERSION") == 0) {
        printf("{\"cniVersion\":\"%s\",\"supportedVersions\":" VERSIONS "}\n", version_of(&input, found));
        return 0;
    }
    if (ask(path == NULL || *path == '\0' ? DEFAULT_SOCKET : path, &input, &answer) < 0) return without_agent(command, &input, errno);
    size_t output = answer.length - ANSWER_HEADER;
    if (fwrite(answer.data + ANSWER_HEADER, 1, output, stdout) != output || fflush(stdout) != 0) return 1;
    return (unsigned char)answer.data[0];
}
