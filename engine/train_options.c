#include "train_options.h"

#include <getopt.h>

#include "unroll/limits.h"
#include "unroll/text.h"

static const char help[] =
    "usage: unroll-train --spec FILE --out DIR [options]     train a network\n"
    "       unroll-train --verify --spec FILE [--threads 1,2,4] [--steps 50] [options]\n"
    "                                                        compare numbers of threads\n"
    "       unroll-train --describe NAME [--data-dir DIR]    look at a data set\n"
    "       unroll-train --sheet NAME --out FILE [--seed N] [--class K]\n"
    "\n"
    "  --spec FILE      the job's specification (JSON)\n"
    "  --out DIR        where checkpoints, model.unroll and report.json go; a folder that\n"
    "                   holds a run already is only taken with --resume\n"
    "  --threads N      threads; 0 takes every core; never changes a result\n"
    "  --resume         go on from DIR/last.ckpt if there is one\n"
    "  --from FILE      begin with a checkpoint of another run: a fork, whose specification\n"
    "                   may differ in how it trains, not in the network or the data\n"
    "  --events FILE    append one JSON object a line for everything that happens\n"
    "  --lines          print the textbook's line every run.display_every steps\n"
    "  --data-dir DIR   search this folder for data sets too, after UNROLL_DATASETS\n"
    "  --worker         records on descriptor 3, commands on descriptor 0\n"
    "  --verify         replay the first N steps (from --from FILE on, where it is given) at\n"
    "                   each number of threads, print the digests of the weights and whether\n"
    "                   they are the same, as one JSON object\n"
    "  --steps N        steps of --verify\n"
    "  --describe NAME  print shape and digest of a data set\n"
    "  --sheet NAME     write a picture of a data set's images, a row a class, as PNG\n"
    "  --seed N         of a built-in set on the sheet; 1 by default\n"
    "  --class K        only images of this class on the sheet\n"
    "  --help, --version\n"
    "\n"
    "The last line of standard output is the report, one JSON object. Ctrl-C finishes the\n"
    "step, writes a checkpoint and ends with 7; --resume goes on to the same bits.\n";

/* Whole numbers that every JSON reader keeps exact: a spec's seeds go as far. */
#define MAX_SEED INT64_C(9007199254740991)

const char *ur_train_options_help(void)
{
    return help;
}

enum {
    OPTION_SPEC = 1000,
    OPTION_OUT,
    OPTION_THREADS,
    OPTION_RESUME,
    OPTION_FROM,
    OPTION_EVENTS,
    OPTION_LINES,
    OPTION_DATA_DIR,
    OPTION_WORKER,
    OPTION_VERIFY,
    OPTION_STEPS,
    OPTION_DESCRIBE,
    OPTION_SHEET,
    OPTION_SEED,
    OPTION_CLASS,
    OPTION_HELP,
    OPTION_VERSION
};

static const struct option table[] = {
    {"spec", required_argument, NULL, OPTION_SPEC},
    {"out", required_argument, NULL, OPTION_OUT},
    {"threads", required_argument, NULL, OPTION_THREADS},
    {"resume", no_argument, NULL, OPTION_RESUME},
    {"from", required_argument, NULL, OPTION_FROM},
    {"events", required_argument, NULL, OPTION_EVENTS},
    {"lines", no_argument, NULL, OPTION_LINES},
    {"data-dir", required_argument, NULL, OPTION_DATA_DIR},
    {"worker", no_argument, NULL, OPTION_WORKER},
    {"verify", no_argument, NULL, OPTION_VERIFY},
    {"steps", required_argument, NULL, OPTION_STEPS},
    {"describe", required_argument, NULL, OPTION_DESCRIBE},
    {"sheet", required_argument, NULL, OPTION_SHEET},
    {"seed", required_argument, NULL, OPTION_SEED},
    {"class", required_argument, NULL, OPTION_CLASS},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {NULL, 0, NULL, 0},
};

/* Reads "1,2,4". */
static enum ur_status read_counts(struct ur_train_options *options, const char *list,
                                  struct ur_error *error)
{
    char word[16];
    options->n_verify_threads = 0;
    for (const char *at = list; at != NULL; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        int64_t threads;
        const size_t length = strcspn(at, ",");
        snprintf(word, sizeof word, "%.*s", (int)(length < sizeof word ? length : 15), at);
        if (options->n_verify_threads == UR_VERIFY_COUNTS || length >= sizeof word ||
            !ur_parse_int64(word, 1, UR_MAX_THREADS, &threads))
            return ur_fail(error, UR_USAGE,
                           "--threads of --verify must be at most %d numbers of 1..%d, such as "
                           "1,2,4.",
                           (int)UR_VERIFY_COUNTS, (int)UR_MAX_THREADS);
        options->verify_threads[options->n_verify_threads++] = (int32_t)threads;
    }
    return UR_OK;
}

static enum ur_status set_steps(struct ur_train_options *options, struct ur_error *error)
{
    int64_t steps;
    if (!ur_parse_int64(optarg, 1, 10000000, &steps))
        return ur_fail(error, UR_USAGE, "--steps must be 1..10000000.");
    options->verify_steps = (int32_t)steps;
    return UR_OK;
}

static enum ur_status set_threads(struct ur_train_options *options, const char *list,
                                  struct ur_error *error)
{
    int64_t threads;
    if (options->verify)
        return read_counts(options, list, error);
    if (!ur_parse_int64(list, 0, UR_MAX_THREADS, &threads))
        return ur_fail(error, UR_USAGE, "--threads must be 0..%d.", (int)UR_MAX_THREADS);
    options->threads = (int32_t)threads;
    return UR_OK;
}

static enum ur_status set_class(struct ur_train_options *options, struct ur_error *error)
{
    int64_t label;
    if (!ur_parse_int64(optarg, 0, UR_MAX_CLASSES - 1, &label))
        return ur_fail(error, UR_USAGE, "--class must be 0..%d.", (int)UR_MAX_CLASSES - 1);
    options->label = (int32_t)label;
    return UR_OK;
}

static enum ur_status set(struct ur_train_options *options, int option, const char *argument,
                          struct ur_error *error)
{
    switch (option) {
    case OPTION_SPEC:
        options->spec = optarg;
        return UR_OK;
    case OPTION_OUT:
        options->folder = optarg;
        return UR_OK;
    case OPTION_THREADS: /* what it means is known once all options are */
        options->thread_list = optarg;
        return UR_OK;
    case OPTION_RESUME:
        options->resume = true;
        return UR_OK;
    case OPTION_FROM:
        options->from = optarg;
        return UR_OK;
    case OPTION_EVENTS:
        options->events = optarg;
        return UR_OK;
    case OPTION_LINES:
        options->lines = true;
        return UR_OK;
    case OPTION_DATA_DIR:
        options->data_dir = optarg;
        return UR_OK;
    case OPTION_WORKER:
        options->worker = true;
        return UR_OK;
    case OPTION_VERIFY:
        options->verify = true;
        return UR_OK;
    case OPTION_STEPS:
        return set_steps(options, error);
    case OPTION_DESCRIBE:
        options->describe = optarg;
        return UR_OK;
    case OPTION_SHEET:
        options->sheet = optarg;
        return UR_OK;
    case OPTION_SEED:
        if (!ur_parse_int64(optarg, 0, MAX_SEED, &options->seed))
            return ur_fail(error, UR_USAGE, "--seed must be 0..%lld.", (long long)MAX_SEED);
        options->has_look = true;
        return UR_OK;
    case OPTION_CLASS:
        options->has_look = true;
        return set_class(options, error);
    case OPTION_HELP:
        options->help = true;
        return UR_OK;
    case OPTION_VERSION:
        options->version = true;
        return UR_OK;
    case ':':
        return ur_fail(error, UR_USAGE, "%s needs a value; see --help.", argument);
    default:
        return ur_fail(error, UR_USAGE, "%s is no option; see --help.", argument);
    }
}

static enum ur_status check_verify(const struct ur_train_options *options,
                                   struct ur_error *error)
{
    if (options->folder != NULL || options->events != NULL || options->resume ||
        options->worker || options->lines)
        return ur_fail(
            error, UR_USAGE,
            "--verify takes --spec, --from, --threads, --steps and --data-dir alone.");
    return UR_OK;
}

static enum ur_status check(const struct ur_train_options *options, int argc, char **argv,
                            struct ur_error *error)
{
    if (optind < argc)
        return ur_fail(error, UR_USAGE, "%s is not expected; see --help.", argv[optind]);
    if (options->help || options->version)
        return UR_OK;
    if (options->sheet != NULL) {
        if (options->spec != NULL || options->describe != NULL)
            return ur_fail(error, UR_USAGE, "--sheet takes neither --spec nor --describe.");
        if (options->folder == NULL)
            return ur_fail(error, UR_USAGE, "--sheet needs --out FILE; see --help.");
        return UR_OK;
    }
    if (options->has_look)
        return ur_fail(error, UR_USAGE, "--seed and --class are for --sheet only.");
    if (options->describe != NULL) {
        if (options->spec != NULL || options->folder != NULL)
            return ur_fail(error, UR_USAGE, "--describe takes neither --spec nor --out.");
        return UR_OK;
    }
    if (options->spec == NULL)
        return ur_fail(error, UR_USAGE, "--spec FILE is missing; see --help.");
    if (options->verify)
        return check_verify(options, error);
    if (options->verify_steps != 0)
        return ur_fail(error, UR_USAGE, "--steps belongs to --verify; see --help.");
    if (options->folder == NULL)
        return ur_fail(error, UR_USAGE, "--out DIR is missing; see --help.");
    return UR_OK;
}

enum ur_status ur_train_options_parse(struct ur_train_options *options, int argc, char **argv,
                                      struct ur_error *error)
{
    *options = (struct ur_train_options){.seed = 1, .label = -1};
    opterr = 0;
    int option;
    while ((option = getopt_long(argc, argv, ":", table, NULL)) != -1) {
        enum ur_status status = set(options, option, argv[optind - 1], error);
        if (status != UR_OK)
            return status;
    }
    enum ur_status status = UR_OK;
    if (options->thread_list != NULL || options->verify)
        status =
            set_threads(options, options->thread_list ? options->thread_list : "1,2,4", error);
    if (status == UR_OK)
        status = check(options, argc, argv, error);
    if (options->verify && options->verify_steps == 0)
        options->verify_steps = UR_VERIFY_STEPS;
    return status;
}
