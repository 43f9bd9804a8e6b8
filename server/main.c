/*
 * unrolld: puts the parts together, waits for a signal, takes them apart.
 *
 * Order of the start: the store (its lock keeps a second daemon out) -> the hub, which hears of
 * commits -> the predictor -> the supervisor, which resumes jobs -> the HTTP front, last, so
 * that nobody is answered by half a daemon. Order of the stop: the supervisor's workers write
 * their checkpoints while streams still tell of it -> the front, which ends the streams -> the
 * rest in reverse.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "http.h"
#include "hub.h"
#include "predictor.h"
#include "store.h"
#include "supervisor.h"
#include "unroll/log.h"

struct daemon {
    struct ur_config config;
    struct ur_store *store;
    struct ur_hub *hub;
    struct ur_predictor *predictor;
    struct ur_supervisor *supervisor;
    struct ur_http *http;
};

/* A peer that is gone is an error of a write, not a signal; so is a file that may not grow. */
static void set_signals(sigset_t *awaited)
{
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    sigemptyset(awaited);
    sigaddset(awaited, SIGINT);
    sigaddset(awaited, SIGTERM);
    sigaddset(awaited, SIGHUP);
    pthread_sigmask(SIG_BLOCK, awaited, NULL); /* before any thread: all of them inherit it */
}

/* A daemon that was started with a standard descriptor closed must not print into its database:
 * the lowest free descriptor is taken until it is a higher one. */
static void fill_standard_fds(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

/* Connections need descriptors; the front takes fewer of them where the hard limit is low. */
static void raise_limits(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        ur_log(UR_LOG_WARNING, "the limit of open files stays low: %s", strerrordesc_np(errno));
}

static enum ur_status start(struct daemon *daemon, struct ur_error *error)
{
    const struct ur_config *config = &daemon->config;
    enum ur_status status = ur_store_open(&daemon->store, config->state_dir, error);
    if (status == UR_OK)
        status = ur_hub_create(&daemon->hub, daemon->store, config->max_watchers, error);
    if (status == UR_OK)
        status = ur_predictor_create(&daemon->predictor, config, daemon->store, error);
    if (status == UR_OK)
        status = ur_supervisor_create(&daemon->supervisor, config, daemon->store, daemon->hub,
                                      daemon->predictor, error);
    if (status != UR_OK)
        return status;
    const struct ur_server server = {.config = config,
                                     .store = daemon->store,
                                     .hub = daemon->hub,
                                     .supervisor = daemon->supervisor,
                                     .predictor = daemon->predictor};
    return ur_http_start(&daemon->http, &server, error);
}

static void stop(struct daemon *daemon)
{
    if (daemon->supervisor)
        ur_supervisor_stop(daemon->supervisor);
    ur_http_stop(daemon->http);
    ur_supervisor_destroy(daemon->supervisor);
    ur_predictor_destroy(daemon->predictor);
    ur_hub_destroy(daemon->hub);
    ur_store_close(daemon->store);
}

static void announce(const struct daemon *daemon)
{
    const char *host = daemon->config.host;
    const bool bracketed = strchr(host, ':') != NULL;
    printf("listening on http://%s%s%s:%d\n", bracketed ? "[" : "", host, bracketed ? "]" : "",
           ur_http_port(daemon->http));
    fflush(stdout);
}

static int serve(struct daemon *daemon, const sigset_t *awaited)
{
    struct ur_error error = {0};
    const enum ur_status status = start(daemon, &error);
    if (status == UR_OK) {
        int number;
        announce(daemon);
        sigwait(awaited, &number);
        ur_log(UR_LOG_INFO, "%s: stopping; running jobs write a checkpoint first",
               sigdescr_np(number));
    } else {
        fprintf(stderr, "unrolld: %s\n", error.detail);
    }
    stop(daemon);
    return ur_status_exit(status);
}

static int print(void (*fill)(const struct ur_config *config, struct ur_text *text),
                 const struct ur_config *config)
{
    struct ur_text text;
    ur_text_init(&text, 1 << 16);
    fill(config, &text);
    puts(ur_text_get(&text));
    ur_text_release(&text);
    return 0;
}

static void fill_help(const struct ur_config *config, struct ur_text *text)
{
    (void)config;
    ur_config_help(text);
}

int main(int argc, char **argv)
{
    static struct daemon daemon;
    struct ur_error error = {0};
    sigset_t awaited;
    bool help, version;
    fill_standard_fds();
    ur_log_setup("unrolld", UR_LOG_INFO);
    const enum ur_status status =
        ur_config_load(&daemon.config, argc, argv, &help, &version, &error);
    if (status != UR_OK) {
        fprintf(stderr, "unrolld: %s\n", error.detail);
        return ur_status_exit(status);
    }
    if (help)
        return print(fill_help, NULL);
    if (version)
        return puts("unrolld " UR_VERSION) < 0;
    if (daemon.config.check)
        return print(ur_config_print, &daemon.config);
    umask(0077);
    /* Each thread with an arena of its own would cost a quiet daemon megabytes. */
    mallopt(M_ARENA_MAX, 2);
    set_signals(&awaited);
    raise_limits();
    return serve(&daemon, &awaited);
}
