#include "listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unroll/log.h"

enum {
    BACKLOG = 1024,
    SPARE_DESCRIPTORS = 512, /* the store, the workers' pipes, lingering connections */
    USER_TIMEOUT_MS = 30000, /* unacknowledged this long: the peer is gone */
    PER_ADDRESS = 64,
};

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } as;
    socklen_t length;
};

static bool parse(const char *host, uint16_t port, struct address *address)
{
    memset(address, 0, sizeof *address);
    if (strcmp(host, "localhost") == 0)
        host = "127.0.0.1";
    if (inet_pton(AF_INET, host, &address->as.v4.sin_addr) == 1) {
        address->as.v4.sin_family = AF_INET;
        address->as.v4.sin_port = htons(port);
        address->length = sizeof address->as.v4;
        return true;
    }
    if (inet_pton(AF_INET6, host, &address->as.v6.sin6_addr) == 1) {
        address->as.v6.sin6_family = AF_INET6;
        address->as.v6.sin6_port = htons(port);
        address->length = sizeof address->as.v6;
        return true;
    }
    return false;
}

static bool is_loopback(const struct address *address)
{
    if (address->as.any.sa_family == AF_INET)
        return ntohl(address->as.v4.sin_addr.s_addr) >> 24 == 127;
    return IN6_IS_ADDR_LOOPBACK(&address->as.v6.sin6_addr);
}

/* Accepted sockets inherit the options. */
static int bind_and_listen(int fd, const struct address *address)
{
    const int on = 1;
    const unsigned timeout_ms = USER_TIMEOUT_MS;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof timeout_ms) != 0 ||
        bind(fd, &address->as.any, address->length) != 0 || listen(fd, BACKLOG) != 0)
        return -1;
    return 0;
}

enum ur_status ur_listen_open(const char *host, int32_t port, int *out, int *bound,
                              struct ur_error *error)
{
    struct address address;
    if (!parse(host, (uint16_t)port, &address))
        return ur_fail(error, UR_USAGE, "\"%s\" is no address to listen on.", host);
    if (!is_loopback(&address))
        return ur_fail(error, UR_USAGE,
                       "%s is not loopback: without tokens this server listens only to its own "
                       "machine.",
                       host);
    int fd = socket(address.as.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return ur_fail_errno(error, errno, "Making a socket failed");
    if (bind_and_listen(fd, &address) != 0 ||
        getsockname(fd, &address.as.any, &address.length) != 0) {
        int failure = errno;
        close(fd);
        return ur_fail_errno(error, failure, "Listening on %s port %d failed", host, (int)port);
    }
    *bound = ntohs(address.as.any.sa_family == AF_INET ? address.as.v4.sin_port
                                                       : address.as.v6.sin6_port);
    *out = fd;
    return UR_OK;
}

int32_t ur_listen_affordable(int32_t wanted)
{
    struct rlimit limit;
    rlim_t needed = (rlim_t)wanted + SPARE_DESCRIPTORS;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed)
        return wanted;
    limit.rlim_cur = limit.rlim_max < needed ? limit.rlim_max : needed;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= needed)
        return wanted;
    int32_t affordable = limit.rlim_cur > SPARE_DESCRIPTORS * 2
                             ? (int32_t)(limit.rlim_cur - SPARE_DESCRIPTORS)
                             : (int32_t)(limit.rlim_cur / 2);
    ur_log(UR_LOG_WARNING, "%llu descriptors allow %d connections, not %d",
           (unsigned long long)limit.rlim_cur, affordable, wanted);
    return affordable;
}

int32_t ur_listen_per_address(const char *host)
{
    struct address address;
    return parse(host, 0, &address) && is_loopback(&address) ? 0 : PER_ADDRESS;
}
