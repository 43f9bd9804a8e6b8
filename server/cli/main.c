/*
 * `unroll`: the command line for people. One table of commands, one of options; each command
 * names the options it takes, so that one that would be ignored is refused instead.
 */
#include <getopt.h>
#include <signal.h>

#include "cli/commands.h"
#include "cli/look.h"
#include "unroll/text.h"

/* Options, as bits of a command's set. */
enum {
    OPTION_URL = 1 << 0,
    OPTION_JSON = 1 << 1,
    OPTION_HELP = 1 << 2,
    OPTION_VERSION = 1 << 3,
    OPTION_WATCH = 1 << 4,
    OPTION_THREADS = 1 << 5,
    OPTION_OUT = 1 << 6,
    OPTION_STATE = 1 << 7,
    OPTION_TAG = 1 << 8,
    OPTION_LIMIT = 1 << 9,
    OPTION_MODEL = 1 << 10,
    OPTION_RESUME = 1 << 11,
    OPTION_FROM = 1 << 12,
    OPTION_SET = 1 << 13,
    OPTION_STEPS = 1 << 14,
    OPTION_SEED = 1 << 15,
    OPTION_CLASS = 1 << 16,
    EVERYWHERE = OPTION_URL | OPTION_JSON | OPTION_HELP | OPTION_VERSION
};

static const struct option options[] = {
    {"url", required_argument, NULL, OPTION_URL},
    {"json", no_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {"watch", no_argument, NULL, OPTION_WATCH},
    {"threads", required_argument, NULL, OPTION_THREADS},
    {"out", required_argument, NULL, OPTION_OUT},
    {"state", required_argument, NULL, OPTION_STATE},
    {"tag", required_argument, NULL, OPTION_TAG},
    {"limit", required_argument, NULL, OPTION_LIMIT},
    {"model", required_argument, NULL, OPTION_MODEL},
    {"resume", no_argument, NULL, OPTION_RESUME},
    {"from", required_argument, NULL, OPTION_FROM},
    {"steps", required_argument, NULL, OPTION_STEPS},
    {"set", required_argument, NULL, OPTION_SET},
    {"seed", required_argument, NULL, OPTION_SEED},
    {"class", required_argument, NULL, OPTION_CLASS},
    {NULL, 0, NULL, 0},
};

struct command {
    const char *name;
    const char *arguments;
    int least, most; /* arguments */
    int options;     /* beside those that every command takes */
    bool asks;       /* a daemon */
    enum ur_status (*run)(struct ur_cli *cli, struct ur_error *error);
    const char *summary;
    const char *more;
};

enum { ANY = 10000 };

static const struct command commands[] = {
    {"train", "SPEC [--threads N] [--out DIR [--resume]]", 1, 1,
     OPTION_THREADS | OPTION_OUT | OPTION_RESUME, false, ur_command_train,
     "run a job right here, without a daemon",
     "SPEC is a file with a job's specification (JSON). Checkpoints, the model and the report\n"
     "go to DIR, ./unroll-out/NAME-MOMENT by default. The last line of stdout is the report,\n"
     "one JSON object. N never changes the result; 0 takes every core. --resume goes on from\n"
     "the checkpoint in DIR, to the same bits, as if the run had never been interrupted.\n"},
    {"verify", "SPEC [--threads N,N,...] [--steps N] [--from CHECKPOINT]", 1, 1,
     OPTION_THREADS | OPTION_STEPS | OPTION_FROM, false, ur_command_verify,
     "show that the number of threads changes no bit",
     "Replays the first 50 steps of the job in the file SPEC, or as many as --steps says, at\n"
     "1, 2 and 4 threads, or as many as --threads says, and compares the weights' digests.\n"
     "--from begins at a checkpoint instead of at the start. The last line of stdout is one\n"
     "JSON object; the exit code is 0 where all are the same, 70 where they are not.\n"},
    {"submit", "SPEC|PRESET [--watch]", 1, 1, OPTION_WATCH, true, ur_command_submit,
     "give a job to the daemon",
     "SPEC is a file (- is stdin); a word that is no file is the name of one of the daemon's\n"
     "presets, such as smoke. Prints the job's id. --watch follows it to its end.\n"},
    {"ls", "[--state STATE] [--tag TAG] [--limit N]", 0, 0,
     OPTION_STATE | OPTION_TAG | OPTION_LIMIT, true, ur_command_ls, "list jobs, newest first",
     "N is 1..500, 20 by default.\n"},
    {"show", "ID", 1, 1, 0, true, ur_command_show, "show all of a job",
     "ID may be the word last: the newest job.\n"},
    {"watch", "ID", 1, 1, 0, true, ur_command_watch, "follow a job to its end",
     "A broken connection is taken up again where it broke. Ctrl-C ends the watching, not\n"
     "the job. Ends with the job's own exit code. --json prints each event on a line.\n"},
    {"stop", "ID...", 1, ANY, 0, true, ur_command_stop, "end jobs and keep what they learnt",
     "The job is evaluated, and its model registered.\n"},
    {"cancel", "ID...", 1, ANY, 0, true, ur_command_cancel, "end jobs and keep nothing", ""},
    {"pause", "ID...", 1, ANY, 0, true, ur_command_pause, "give a job's memory and cores back",
     "The job writes a checkpoint and rests there, over restarts of the daemon too, until it\n"
     "is resumed.\n"},
    {"resume", "ID...", 1, ANY, 0, true, ur_command_resume, "go on with paused jobs",
     "A job goes on from its checkpoint and ends with the same bits as if it had never been\n"
     "paused.\n"},
    {"fork", "ID [--from best|last|STEP] [--set POINTER=VALUE]... [--watch]", 1, 1,
     OPTION_FROM | OPTION_SET | OPTION_WATCH, true, ur_command_fork,
     "start a new job from a checkpoint of another, with changes",
     "POINTER is a field as in docs/spec.md, VALUE is JSON or a bare word:\n"
     "  unroll fork last --from best --set /train/optimizer/learning_rate=0.0003\n"
     "How it trains may change, the network and the data may not. Without changes the fork\n"
     "ends with the same bits as its parent. Prints the new job's id.\n"},
    {"rm", "ID...", 1, ANY, 0, true, ur_command_rm, "remove ended jobs and their files",
     "The models they registered stay.\n"},
    {"classify", "FILE... [--model NAME]", 1, ANY, OPTION_MODEL, true, ur_command_classify,
     "have a model name the digit in pictures",
     "FILE is a PNG, a JPEG, a PGM or 784 raw bytes; - is stdin. The newest model answers\n"
     "unless another is named. A terminal also gets the ten probabilities.\n"},
    {"datasets", "[sheet NAME --out FILE [--seed N] [--class K]]", 0, 2,
     OPTION_OUT | OPTION_SEED | OPTION_CLASS, false, ur_command_datasets,
     "list data sets, or draw one's images",
     "Without arguments: what the daemon can train on. With them: right here, without a\n"
     "daemon, a PNG of the images of NAME side by side, a row a class, or of class K alone.\n"
     "N is the seed of the built-in digits, 1 by default.\n"},
    {"models", "", 0, 0, 0, true, ur_command_models, "list models and their versions", ""},
    {"system", "", 0, 0, 0, true, ur_command_system, "what the daemon says of itself", ""},
    {"doctor", "", 0, 0, 0, true, ur_command_doctor, "look for what is amiss",
     "Looks at this machine, the programs beside this one, and the daemon.\n"},
};

enum { N_COMMANDS = sizeof commands / sizeof commands[0] };

static const char standard_url[] = "http://127.0.0.1:8080";

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static void print_help(void)
{
    puts("usage: unroll COMMAND [ARGUMENTS]\n\n"
         "Trains recurrent networks and asks them: right here, or through a daemon "
         "(unrolld).\n");
    for (size_t i = 0; i < N_COMMANDS; i++)
        printf("  %-10s %s\n", commands[i].name, commands[i].summary);
    printf(
        "\nEvery command takes\n"
        "  --url URL  the daemon's address; $UNROLL_URL or %s by default\n"
        "  --json     one JSON document a line, for programs\n\n"
        "`unroll help COMMAND` says more. Exit codes: 0 done, 2 the command line or the job\n"
        "is wrong, 3 data are wrong, 4 no memory, 5 reading or writing failed, 6 diverged,\n"
        "7 no answer or interrupted, 8 cancelled, 70 an error of the programs themselves.\n",
        standard_url);
}

static enum ur_status print_command_help(const char *name, struct ur_error *error)
{
    const struct command *command = find_command(name);
    if (command == NULL)
        return ur_fail(error, UR_USAGE, "There is no command \"%s\"; see `unroll --help`.",
                       name);
    printf("usage: unroll %s %s\n\n%c%s.\n", command->name, command->arguments,
           command->summary[0] - 'a' + 'A', command->summary + 1);
    if (command->more[0] != '\0')
        printf("\n%s", command->more);
    return UR_OK;
}

static void set_option(struct ur_cli *cli, int option)
{
    switch (option) {
    case OPTION_URL:
        cli->url = optarg;
        break;
    case OPTION_JSON:
        cli->json = true;
        break;
    case OPTION_WATCH:
        cli->watch = true;
        break;
    case OPTION_THREADS:
        cli->threads = optarg;
        break;
    case OPTION_OUT:
        cli->out = optarg;
        break;
    case OPTION_STATE:
        cli->state = optarg;
        break;
    case OPTION_TAG:
        cli->tag = optarg;
        break;
    case OPTION_LIMIT:
        cli->limit = optarg;
        break;
    case OPTION_MODEL:
        cli->model = optarg;
        break;
    case OPTION_RESUME:
        cli->resume = true;
        break;
    case OPTION_SEED:
        cli->seed = optarg;
        break;
    case OPTION_CLASS:
        cli->label = optarg;
        break;
    case OPTION_STEPS:
        cli->steps = optarg;
        break;
    case OPTION_FROM:
        cli->from = optarg;
        break;
    case OPTION_SET:
        if (cli->n_sets < UR_CLI_SETS)
            cli->sets[cli->n_sets] = optarg;
        cli->n_sets++; /* one too many is told by the command */
        break;
    default:
        break;
    }
}

/* Reads options from anywhere on the line; *given gets their bits. */
static enum ur_status read_options(struct ur_cli *cli, int argc, char **argv, int *given,
                                   struct ur_error *error)
{
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        if (option == ':')
            return ur_fail(error, UR_USAGE, "%s needs a value; see `unroll --help`.",
                           argv[optind - 1]);
        if (option == '?')
            return ur_fail(error, UR_USAGE, "There is no option %s; see `unroll --help`.",
                           argv[optind - 1]);
        *given |= option == 'h' ? OPTION_HELP : option;
        set_option(cli, option);
    }
    cli->arguments = argv + optind;
    cli->n_arguments = argc - optind;
    return UR_OK;
}

static enum ur_status check_line(const struct ur_cli *cli, const struct command *command,
                                 int given, struct ur_error *error)
{
    int foreign = given & ~(EVERYWHERE | command->options);
    for (const struct option *option = options; foreign != 0 && option->name != NULL; option++)
        if ((option->val & foreign) != 0)
            return ur_fail(error, UR_USAGE, "--%s is no option of `unroll %s`.", option->name,
                           command->name);
    if (cli->n_arguments < command->least || cli->n_arguments > command->most)
        return ur_fail(error, UR_USAGE, "usage: unroll %s %s", command->name,
                       command->arguments);
    return UR_OK;
}

static enum ur_status run(struct ur_cli *cli, int argc, char **argv, struct ur_error *error)
{
    int given = 0;
    enum ur_status status = read_options(cli, argc, argv, &given, error);
    if (status != UR_OK)
        return status;
    if ((given & OPTION_VERSION) != 0) {
        printf("unroll %s\n", UR_VERSION);
        return UR_OK;
    }
    bool help = cli->n_arguments > 0 && strcmp(cli->arguments[0], "help") == 0;
    if (help) {
        cli->arguments++;
        cli->n_arguments--;
    }
    help = help || (given & OPTION_HELP) != 0;
    if (help && cli->n_arguments > 0)
        return print_command_help(cli->arguments[0], error);
    if (help) {
        print_help();
        return UR_OK;
    }
    if (cli->n_arguments == 0)
        return ur_fail(error, UR_USAGE, "Which command? See `unroll --help`.");

    const struct command *command = find_command(cli->arguments[0]);
    if (command == NULL)
        return ur_fail(error, UR_USAGE, "There is no command \"%s\"; see `unroll --help`.",
                       cli->arguments[0]);
    cli->arguments++;
    cli->n_arguments--;
    status = check_line(cli, command, given, error);
    if (status == UR_OK && command->asks)
        status = ur_client_open(&cli->client, cli->url, error);
    return status == UR_OK ? command->run(cli, error) : status;
}

static void show_field_errors(const json_t *problem)
{
    const json_t *errors = ur_look(problem, "errors");
    for (size_t i = 0; i < json_array_size(errors); i++) {
        const json_t *item = json_array_get(errors, i);
        fprintf(stderr, "  ");
        ur_show(stderr, ur_look_text(item, "pointer"), 0);
        fprintf(stderr, " ");
        ur_show(stderr, ur_look_text(item, "detail"), 0);
        fputc('\n', stderr);
    }
}

void ur_show_failure(const struct ur_cli *cli, const struct ur_error *error)
{
    if (error->status == UR_OK)
        return; /* it was shown where it happened */
    /* A list of wrong fields says it all: the sentence would name the first one again. */
    const char *title = ur_look_text(cli->client.problem, "title");
    bool listed = json_array_size(ur_look(cli->client.problem, "errors")) > 0;
    fprintf(stderr, "unroll: ");
    ur_show(stderr, listed && title[0] != '\0' ? title : error->detail, 0);
    fputc('\n', stderr);
    show_field_errors(cli->client.problem);
    if (cli->json && cli->client.problem != NULL)
        ur_show_json(stdout, cli->client.problem);
}

int main(int argc, char **argv)
{
    const char *url = getenv("UNROLL_URL");
    struct ur_cli cli = {.url = url != NULL && url[0] != '\0' ? url : standard_url};
    struct ur_error error = {0};
    signal(SIGPIPE, SIG_IGN);
    enum ur_status status = run(&cli, argc, argv, &error);
    if (status != UR_OK)
        ur_show_failure(&cli, &error);
    ur_client_release(&cli.client);
    if (fflush(stdout) != 0 && status == UR_OK)
        status = UR_IO;
    return ur_status_exit(status);
}
