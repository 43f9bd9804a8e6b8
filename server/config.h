/*
 * The daemon's settings, one table: file < environment (UNROLL_...) < flag. GET /v1/config
 * shows each with its source.
 *
 * Format: config/unrolld.json (every key present; "" or 0 asks for the default). A setting
 * `state_dir` is UNROLL_STATE_DIR in the environment and --state-dir as a flag. Errors:
 * UR_USAGE with the setting, where it came from and its limit. Ownership: no pointers. Threads:
 * read-only after loading.
 */
#ifndef UNROLL_SERVER_CONFIG_H
#define UNROLL_SERVER_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "unroll/status.h"
#include "unroll/text.h"

enum { UR_PATH_BYTES = 1024 };

enum ur_setting_source {
    UR_SOURCE_DEFAULT,
    UR_SOURCE_FILE,
    UR_SOURCE_ENVIRONMENT,
    UR_SOURCE_FLAG
};

enum { UR_MAX_SETTINGS = 32 };

struct ur_config {
    char host[64]; /* 127.0.0.1; anything that is not loopback is refused until tokens exist */
    int32_t port;  /* 8080; 0: any free one, printed at start */
    char listen[80];                   /* both, as they were given: HOST:PORT */
    char state_dir[UR_PATH_BYTES];     /* "state" */
    char datasets[UR_PATH_BYTES];      /* UNROLL_DATASETS, colon-separated */
    char allowed_hosts[UR_PATH_BYTES]; /* further names for the Host check, comma-separated */
    char web_dir[UR_PATH_BYTES];       /* "": the page inside the program */
    char worker[UR_PATH_BYTES];        /* unroll-train beside this program */
    char predictor[UR_PATH_BYTES];     /* unroll-predict beside this program */
    int32_t threads;                   /* core budget of all jobs together */
    int64_t memory_bytes;              /* memory budget of all jobs together */
    int32_t max_jobs;                  /* running at once */
    int32_t max_queued;
    int32_t max_connections;
    int32_t max_watchers;
    int32_t http_threads; /* polling */
    int32_t pool_threads; /* answering */
    int32_t max_restarts; /* of one job's worker without a step in between */
    bool check;           /* --check: load, print, exit */
    enum ur_setting_source sources[UR_MAX_SETTINGS];
};

/* Loads the settings; afterwards no budget is 0 and no program is "". *help or *version is set
 * where that was asked for. */
enum ur_status ur_config_load(struct ur_config *config, int argc, char **argv, bool *help,
                              bool *version, struct ur_error *error);
/* Appends {"items":[{"name","value","source","help"}…]}. */
void ur_config_print(const struct ur_config *config, struct ur_text *json);
/* Appends the help text of every flag. */
void ur_config_help(struct ur_text *text);

#endif
