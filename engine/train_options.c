#include "train_options.h"

#include <getopt.h>

#include "unroll/limits.h"
#include "unroll/text.h"

static const char help[] =
    "usage: unroll-train --spec FILE --out DIR [options]     train a network\n"
    "       unroll-train --describe NAME [--data-dir DIR]    look at a data set\n"
    "       unroll-train --sheet NAME --out FILE [--seed N] [--class K]\n"
    "\n"
    "  --spec FILE      the job's specification (JSON)\n"
    "  --out DIR        where checkpoints, model.unroll and report.json go; a folder that\n"
    "                   holds a run already is only taken with --resume\n"
    "  --threads N      threads; 0 takes every core; never changes a result\n"
    "  --resume         go on from DIR/last.ckpt if there is one\n"
    "  --events FILE    append one JSON object a line for everything that happens\n"
    "  --lines          print the textbook's line every run.display_every steps\n"
    "  --data-dir DIR   search this folder for data sets too, after UNROLL_DATASETS\n"
    "  --worker         records on descriptor 3, commands on descriptor 0\n"
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
    OPTION_EVENTS,
    OPTION_LINES,
    OPTION_DATA_DIR,
    OPTION_WORKER,
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
    {"events", required_argument, NULL, OPTION_EVENTS},
    {"lines", no_argument, NULL, OPTION_LINES},
    {"data-dir", required_argument, NULL, OPTION_DATA_DIR},
    {"worker", no_argument, NULL, OPTION_WORKER},
    {"describe", required_argument, NULL, OPTION_DESCRIBE},
    {"sheet", required_argument, NULL, OPTION_SHEET},
    {"seed", required_argument, NULL, OPTION_SEED},
    {"class", required_argument, NULL, OPTION_CLASS},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {NULL, 0, NULL, 0},
};

static enum ur_status set_threads(struct ur_train_options *options, struct ur_error *error)
{
    int64_t threads;
    if (!ur_parse_int64(optarg, 0, UR_MAX_THREADS, &threads))
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
    case OPTION_THREADS:
        return set_threads(options, error);
    case OPTION_RESUME:
        options->resume = true;
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
    return check(options, argc, argv, error);
}
