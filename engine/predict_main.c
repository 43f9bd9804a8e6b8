/*
 * unroll-predict: names digits in pictures, in a sandbox. Without arguments it is the daemon's
 * resident predictor and serves the socket on fd 0; with a model and pictures it names them and
 * ends. Either way every byte from outside is looked at only after the process has locked
 * itself in: files are read first, as they are.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <limits.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "infer/deadline.h"
#include "infer/forward.h"
#include "infer/image.h"
#include "infer/sandbox.h"
#include "infer/service.h"
#include "unroll/clock.h"
#include "unroll/log.h"
#include "unroll/text.h"

enum { NAME_SHOWN_BYTES = 1024 };

static const char help[] =
    "unroll-predict --model FILE [OPTION]... PICTURE...\n"
    "    Prints one line of JSON for each picture: PNG, JPEG, PGM, or as many raw bytes as\n"
    "    the model reads.\n"
    "unroll-predict\n"
    "    Serves the socket on fd 0, as unrolld starts it; see docs/predictor-protocol.md.\n"
    "\n"
    "  --model FILE          the model: model.unroll of a training run\n"
    "  --preprocess auto     as MNIST was made: find the digit, scale and centre it (default)\n"
    "  --preprocess none     take the pixels as they are\n"
    "  --write-seen FILE     write the picture that the network read, as PNG; one picture "
    "only\n"
    "  --help, --version\n";

struct options {
    const char *model, *seen;
    enum ur_preprocess preprocess;
    bool help, version;
    char **pictures;
    int n_pictures;
};

/* A file in memory. */
struct blob {
    unsigned char *bytes;
    size_t n_bytes;
    struct ur_error error; /* why it could not be read */
};

/* All that the files mode holds. */
struct session {
    struct options options;
    struct blob model;
    struct blob *pictures;
    int seen_fd; /* -1: not wanted */
    struct ur_forward forward;
    uint8_t *seen; /* [steps][width] */
    float *probabilities;
};

static enum ur_status parse_options(int argc, char **argv, struct options *options,
                                    struct ur_error *error)
{
    enum { MODEL = 1, SEEN, PREPROCESS, HELP, VERSION };
    static const struct option table[] = {{"model", required_argument, NULL, MODEL},
                                          {"write-seen", required_argument, NULL, SEEN},
                                          {"preprocess", required_argument, NULL, PREPROCESS},
                                          {"help", no_argument, NULL, HELP},
                                          {"version", no_argument, NULL, VERSION},
                                          {0}};
    int chosen;
    opterr = 0;
    while ((chosen = getopt_long(argc, argv, "", table, NULL)) != -1) {
        if (chosen == MODEL)
            options->model = optarg;
        else if (chosen == SEEN)
            options->seen = optarg;
        else if (chosen == PREPROCESS && strcmp(optarg, "none") == 0)
            options->preprocess = UR_PREPROCESS_NONE;
        else if (chosen == PREPROCESS && strcmp(optarg, "auto") == 0)
            options->preprocess = UR_PREPROCESS_AUTO;
        else if (chosen == HELP)
            options->help = true;
        else if (chosen == VERSION)
            options->version = true;
        else
            return ur_fail(error, UR_USAGE, "\"%s\" is not understood; try --help.",
                           argv[optind - 1]);
    }
    options->pictures = argv + optind;
    options->n_pictures = argc - optind;
    if (options->help || options->version || (options->model == NULL && argc == 1))
        return UR_OK;
    if (options->model == NULL || options->n_pictures < 1)
        return ur_fail(error, UR_USAGE, "A --model and a picture are needed; try --help.");
    if (options->seen != NULL && options->n_pictures > 1)
        return ur_fail(error, UR_USAGE, "--write-seen takes one picture only.");
    return UR_OK;
}

/* Reads up to maximum + 1 bytes: one too many is how a file that is too large is told. */
static enum ur_status read_open_file(int fd, struct blob *blob, size_t maximum)
{
    size_t room = 0;
    for (;;) {
        if (blob->n_bytes == room) {
            room = room > 0 ? room * 2 : 64 << 10;
            unsigned char *bytes = realloc(blob->bytes, room);
            if (bytes == NULL)
                return ur_fail(&blob->error, UR_NO_MEMORY, "There is no memory left.");
            blob->bytes = bytes;
        }
        const ssize_t got = read(fd, blob->bytes + blob->n_bytes, room - blob->n_bytes);
        if (got == 0)
            return UR_OK;
        if (got < 0 && errno != EINTR)
            return ur_fail_errno(&blob->error, errno, "The file cannot be read");
        blob->n_bytes += got > 0 ? (size_t)got : 0;
        if (blob->n_bytes > maximum)
            return ur_fail(&blob->error, UR_TOO_LARGE, "The file is larger than %zu bytes.",
                           maximum);
    }
}

static enum ur_status read_file(const char *name, struct blob *blob, size_t maximum)
{
    const int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return ur_fail_errno(&blob->error, errno, "The file cannot be opened");
    const enum ur_status status = read_open_file(fd, blob, maximum);
    close(fd);
    return status;
}

/* Everything that needs a file, while files may still be opened. A picture that cannot be read
 * is that picture's error. */
static enum ur_status open_files(struct session *session, struct ur_error *error)
{
    const struct options *options = &session->options;
    if (read_file(options->model, &session->model, UR_PREDICT_MAX_BYTES) != UR_OK)
        return ur_fail(error, session->model.error.status, "%s: %s", options->model,
                       session->model.error.detail);
    session->pictures = calloc((size_t)options->n_pictures, sizeof *session->pictures);
    if (session->pictures == NULL)
        return ur_fail(error, UR_NO_MEMORY, "There is no memory left.");
    for (int k = 0; k < options->n_pictures; k++)
        read_file(options->pictures[k], &session->pictures[k], UR_IMAGE_MAX_BYTES);
    session->seen_fd = -1;
    if (options->seen == NULL)
        return UR_OK;
    session->seen_fd = open(options->seen, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (session->seen_fd < 0)
        return ur_fail_errno(error, errno, "%s cannot be written", options->seen);
    return UR_OK;
}

/* What asks for a file or a forbidden call once and never again comes first: the hash seed of
 * jansson, the time zone behind the dates of the log, the signal of the timer. */
static enum ur_status lock_in(bool writes_files, struct ur_sandbox *sandbox,
                              struct ur_error *error)
{
    char date[UR_TIMESTAMP_BYTES];
    json_object_seed(0);
    ur_clock_format(ur_clock_wall_us(), date);
    enum ur_status status = ur_deadline_setup(error);
    if (status == UR_OK)
        status = ur_sandbox_enter(sandbox, writes_files, error);
    if (status != UR_OK)
        return status;
    if (!sandbox->seccomp)
        ur_log(UR_LOG_WARNING, "the kernel takes no seccomp filter; limits and landlock hold");
    if (!sandbox->landlock)
        ur_log(UR_LOG_WARNING, "the kernel has no landlock; the other walls hold");
    return UR_OK;
}

static enum ur_status write_all(int fd, const void *bytes, size_t count, struct ur_error *error)
{
    const char *at = bytes;
    while (count > 0) {
        const ssize_t written = write(fd, at, count);
        if (written < 0 && errno != EINTR)
            return ur_fail_errno(error, errno, "Writing failed");
        at += written > 0 ? written : 0;
        count -= written > 0 ? (size_t)written : 0;
    }
    return UR_OK;
}

static enum ur_status write_seen(const struct session *session, struct ur_error *error)
{
    const struct ur_forward *forward = &session->forward;
    size_t room = ur_image_png_bytes(forward->picture_width, forward->picture_height),
           n_bytes = 0;
    unsigned char *png = malloc(room);
    if (png == NULL)
        return ur_fail(error, UR_NO_MEMORY, "There is no memory left.");
    enum ur_status status =
        ur_image_encode_png(session->seen, forward->picture_width, forward->picture_height, png,
                            room, &n_bytes, error);
    if (status == UR_OK)
        status = write_all(session->seen_fd, png, n_bytes, error);
    free(png);
    return status;
}

static enum ur_status classify(struct session *session, const struct blob *picture,
                               struct ur_error *error)
{
    struct ur_forward *forward = &session->forward;
    if (picture->error.status != UR_OK)
        return ur_fail(error, picture->error.status, "%s", picture->error.detail);
    ur_deadline_start();
    enum ur_status status =
        ur_image_read(picture->bytes, picture->n_bytes, session->options.preprocess,
                      forward->picture_height, forward->picture_width, session->seen, error);
    ur_deadline_stop();
    if (status != UR_OK)
        return status;
    ur_forward_run(forward, session->seen, 1, session->probabilities);
    if (!(session->probabilities[0] >= 0.0f)) /* one NaN makes them all NaN */
        return ur_fail(error, UR_BAD_MODEL, "The model's answer is not a number.");
    return session->seen_fd >= 0 ? write_seen(session, error) : UR_OK;
}

/* Gives [["7",0.99],["9",0.004],["2",0.001]]: the likeliest three. */
static json_t *top_three(const float *probabilities, int32_t classes)
{
    json_t *list = json_array();
    int32_t taken[3] = {-1, -1, -1};
    for (int place = 0; place < 3 && place < classes; place++) {
        for (int32_t k = 0; k < classes; k++) {
            const bool used = k == taken[0] || k == taken[1] || k == taken[2];
            if (!used && (taken[place] < 0 || probabilities[k] > probabilities[taken[place]]))
                taken[place] = k;
        }
        char label[16];
        snprintf(label, sizeof label, "%d", (int)taken[place]);
        json_array_append_new(list,
                              json_pack("[sf]", label, (double)probabilities[taken[place]]));
    }
    return list;
}

static enum ur_status print_line(const struct session *session, const char *name,
                                 int64_t latency_us, const struct ur_error *failure,
                                 struct ur_error *error)
{
    char shown[NAME_SHOWN_BYTES];
    ur_copy_printable(shown, sizeof shown, name);
    json_t *line = json_pack("{ss}", "file", shown);
    if (failure->status != UR_OK) {
        char detail[UR_ERROR_DETAIL_BYTES];
        ur_copy_printable(detail, sizeof detail, failure->detail);
        json_object_set_new(line, "code", json_string(ur_status_code(failure->status)));
        json_object_set_new(line, "error", json_string(detail));
    } else {
        json_t *top = top_three(session->probabilities, session->forward.classes);
        const json_t *first = json_array_get(top, 0);
        json_object_set(line, "label", json_array_get(first, 0));
        json_object_set(line, "probability", json_array_get(first, 1));
        json_object_set_new(line, "top", top);
        json_object_set_new(line, "rows_read", json_integer(session->forward.steps));
    }
    json_object_set_new(line, "latency_us", json_integer(latency_us));
    char *text = json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(line);
    if (text == NULL)
        return ur_fail(error, UR_NO_MEMORY, "There is no memory left.");
    const size_t length = strlen(text);
    text[length] = '\n'; /* in the place of the NUL: one write a line */
    const enum ur_status status = write_all(STDOUT_FILENO, text, length + 1, error);
    free(text);
    return status;
}

/* Gives the first thing that went wrong; a bad picture does not stop the next. */
static enum ur_status name_pictures(struct session *session, struct ur_error *error)
{
    const struct ur_forward *forward = &session->forward;
    enum ur_status status = ur_forward_load(&session->forward, session->model.bytes,
                                            session->model.n_bytes, 1, error);
    if (status == UR_OK)
        status = ur_forward_check_pictures(forward, error);
    if (status != UR_OK)
        return status;
    session->seen = malloc((size_t)forward->steps * (size_t)forward->width);
    session->probabilities = malloc((size_t)forward->classes * sizeof(float));
    if (session->seen == NULL || session->probabilities == NULL)
        return ur_fail(error, UR_NO_MEMORY, "There is no memory left.");
    for (int k = 0; k < session->options.n_pictures; k++) {
        struct ur_error failure = {0};
        const int64_t start = ur_clock_us();
        const enum ur_status one = classify(session, &session->pictures[k], &failure);
        const enum ur_status printed = print_line(session, session->options.pictures[k],
                                                  ur_clock_us() - start, &failure, error);
        if (printed != UR_OK)
            return printed;
        status = status == UR_OK ? one : status;
    }
    return status;
}

/* What was allocated is given back by the end of the process. */
static enum ur_status run_files(const struct options *options, struct ur_error *error)
{
    static struct session session; /* keeps it reachable for whoever looks for leaks */
    struct ur_sandbox sandbox;
    session.options = *options;
    enum ur_status status = open_files(&session, error);
    if (status == UR_OK)
        status = lock_in(true, &sandbox, error);
    return status == UR_OK ? name_pictures(&session, error) : status;
}

static enum ur_status run_service(struct ur_error *error)
{
    struct stat input;
    if (fstat(STDIN_FILENO, &input) != 0 || !S_ISSOCK(input.st_mode))
        return ur_fail(error, UR_USAGE, "fd 0 is no socket; for pictures, try --help.");
    close_range(STDERR_FILENO + 1, UINT_MAX, 0); /* whatever the parent forgot */
    struct ur_sandbox sandbox;
    const enum ur_status status = lock_in(false, &sandbox, error);
    if (status != UR_OK)
        return status;
    const struct ur_predict_hello hello = {UR_PREDICT_VERSION, sandbox.seccomp,
                                           sandbox.landlock};
    return ur_service_run(STDIN_FILENO, &hello, error);
}

int main(int argc, char **argv)
{
    struct options options = {0};
    struct ur_error error = {0};
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes is an error like a full disk */
    ur_log_setup("unroll-predict", UR_LOG_INFO);
    enum ur_status status = parse_options(argc, argv, &options, &error);
    if (status == UR_OK && (options.help || options.version)) {
        fputs(options.help ? help : "unroll-predict " UR_VERSION "\n", stdout);
        return 0;
    }
    if (status == UR_OK)
        status = options.model != NULL ? run_files(&options, &error) : run_service(&error);
    if (error.status != UR_OK)
        ur_log(UR_LOG_ERROR, "%s", error.detail);
    /* Nothing that runs at a normal exit may make calls that the sandbox forbids. */
    _exit(ur_status_exit(status));
}
