/*
 * The commands of `unroll`, each a function of the parsed command line.
 *
 * Errors: the status that the program exits with; the sentence goes to *error. Ownership:
 * everything is borrowed from main. Threads: one.
 */
#ifndef UNROLL_SERVER_CLI_COMMANDS_H
#define UNROLL_SERVER_CLI_COMMANDS_H

#include <stdbool.h>

#include "cli/client.h"
#include "unroll/status.h"

enum { UR_CLI_SETS = 64 };

/* A parsed command line. */
struct ur_cli {
    struct ur_client client;
    const char *url;
    bool json;   /* machines read the output: one JSON document a line */
    bool watch;  /* submit: follow the job to its end */
    bool resume; /* train: go on from the folder's checkpoint */
    const char *threads, *steps;
    char *out;
    const char *state, *tag, *limit;
    const char *model;
    char *seed, *label;            /* datasets sheet */
    const char *from;              /* fork */
    const char *sets[UR_CLI_SETS]; /* fork: POINTER=VALUE */
    int n_sets;
    char **arguments; /* after the command's name */
    int n_arguments;
};

enum ur_status ur_command_train(struct ur_cli *cli, struct ur_error *error);
enum ur_status ur_command_verify(struct ur_cli *cli, struct ur_error *error);
enum ur_status ur_command_submit(struct ur_cli *cli, struct ur_error *error);
enum ur_status ur_command_ls(struct ur_cli *cli, struct ur_error *error);
enum ur_status ur_command_show(struct ur_cli *cli, struct ur_error *error);
enum ur_status ur_command_watch(struct ur_cli *cli, struct ur_error *error);
enum ur_status ur_command_stop(struct ur_cli *cli, struct ur_error *error);
enum ur_status ur_command_cancel(struct ur_cli *cli, struct ur_error *error);
enum ur_status ur_command_pause(struct ur_cli *cli, struct ur_error *error);
enum ur_status ur_command_resume(struct ur_cli *cli, struct ur_error *error);
enum ur_status ur_command_fork(struct ur_cli *cli, struct ur_error *error);
enum ur_status ur_command_rm(struct ur_cli *cli, struct ur_error *error);
enum ur_status ur_command_classify(struct ur_cli *cli, struct ur_error *error);
enum ur_status ur_command_datasets(struct ur_cli *cli, struct ur_error *error);
enum ur_status ur_command_models(struct ur_cli *cli, struct ur_error *error);
enum ur_status ur_command_system(struct ur_cli *cli, struct ur_error *error);
enum ur_status ur_command_doctor(struct ur_cli *cli, struct ur_error *error);

/* Follows a job to its end and gives the status it ended with. */
enum ur_status ur_watch_job(struct ur_cli *cli, const char *id, struct ur_error *error);

/* Prints a new job's id, or all of it for programs, and follows it where that was asked for.
 * Takes the job. */
enum ur_status ur_show_new(struct ur_cli *cli, json_t *job, struct ur_error *error);

/* Checks an id from the command line; "last" is the newest job. */
enum ur_status ur_job_id(struct ur_cli *cli, const char *word, char id[65],
                         struct ur_error *error);

/* Prints the sentence of a failure on stderr, each wrong field on a line of its own; with
 * --json also the problem document on stdout. */
void ur_show_failure(const struct ur_cli *cli, const struct ur_error *error);

/* Reads a whole file ("-" is stdin) of at most maximum bytes; free *bytes. UR_IO,
 * UR_TOO_LARGE. */
enum ur_status ur_read_file(const char *path, size_t maximum, char **bytes, size_t *n_bytes,
                            struct ur_error *error);

/* As ur_read_file, with the path in the sentence of a failure. */
enum ur_status ur_read_named(const char *path, size_t maximum, char **bytes, size_t *n_bytes,
                             struct ur_error *error);

/* Writes the path of a program that lies beside this one. */
enum ur_status ur_sibling(const char *program, char *out, size_t size, struct ur_error *error);

#endif
