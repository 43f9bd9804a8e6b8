/*
 * A daemon without its HTTP front, on a folder of its own, with this very test program as its
 * worker and its predictor (fake_worker.h, fake_predictor.h): each test decides by the name of
 * its job how the worker behaves.
 */
#ifndef TESTS_UNIT_SERVER_BACKEND_H
#define TESTS_UNIT_SERVER_BACKEND_H

#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "hub.h"
#include "predictor.h"
#include "store.h"
#include "supervisor.h"
#include "supervisor_inside.h"
#include "unroll/clock.h"

enum { UR_TEST_WAIT_US = 20000000 }; /* a guard against hanging, not a measure */

struct backend {
    char folder[128];
    struct ur_config config;
    struct ur_store *store;
    struct ur_hub *hub;
    struct ur_predictor *predictor;
    struct ur_supervisor *supervisor;
    const char *evaluate_on; /* of what is submitted; NULL: nothing */
};

static inline void backend_prepare(struct backend *b, const char *folder)
{
    char self[512];
    const ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    self[length > 0 ? length : 0] = '\0';
    *b = (struct backend){0};
    ur_copy(b->folder, sizeof b->folder, folder);
    snprintf(b->config.worker, sizeof b->config.worker, "%s/fake-worker", folder);
    snprintf(b->config.predictor, sizeof b->config.predictor, "%s/fake-predictor", folder);
    snprintf(b->config.datasets, sizeof b->config.datasets, "%s/sets", folder);
    snprintf(b->config.state_dir, sizeof b->config.state_dir, "%s/state", folder);
    mkdir(b->config.datasets, 0700);
    (void)!symlink(self, b->config.worker);
    (void)!symlink(self, b->config.predictor);
    b->config.threads = 2;
    b->config.pool_threads = 8;
    b->config.memory_bytes = (int64_t)1 << 30;
    b->config.max_jobs = 4;
    b->config.max_queued = 8;
    b->config.max_watchers = 16;
    b->config.max_restarts = 3;
}

static inline enum ur_status backend_start(struct backend *b, struct ur_error *error)
{
    enum ur_status status = ur_store_open(&b->store, b->config.state_dir, error);
    if (status == UR_OK)
        status = ur_hub_create(&b->hub, b->store, b->config.max_watchers, error);
    if (status == UR_OK)
        status = ur_predictor_create(&b->predictor, &b->config, b->store, error);
    if (status == UR_OK)
        status = ur_supervisor_create(&b->supervisor, &b->config, b->store, b->hub,
                                      b->predictor, error);
    return status;
}

static inline void backend_stop(struct backend *b)
{
    ur_supervisor_destroy(b->supervisor);
    ur_predictor_destroy(b->predictor);
    ur_hub_destroy(b->hub);
    ur_store_close(b->store);
    b->supervisor = NULL;
    b->predictor = NULL;
    b->hub = NULL;
    b->store = NULL;
}

/* Submits a job whose worker behaves as its name says. */
static inline enum ur_status backend_submit(struct backend *b, const char *name,
                                            const char *dataset, const char *key,
                                            char id[UR_JOB_ID_BYTES], bool *replayed,
                                            struct ur_field_errors *fields,
                                            struct ur_error *error)
{
    struct ur_spec spec;
    struct ur_text json;
    ur_spec_defaults(&spec);
    ur_copy(spec.name, sizeof spec.name, name);
    ur_copy(spec.dataset, sizeof spec.dataset, dataset);
    ur_copy(spec.tags[0], sizeof spec.tags[0], "tagged");
    spec.n_tags = 1;
    spec.data.count = 600;
    spec.train.validation = 100;
    spec.train.steps = 20;
    spec.run.threads = 1;
    if (b->evaluate_on)
        ur_copy(spec.train.evaluate_on, sizeof spec.train.evaluate_on, b->evaluate_on);
    ur_text_init(&json, 1 << 20);
    const struct ur_job_request request = {
        .spec = &spec, .idempotency_key = key, .body_sha256 = name};
    bool ignored;
    const enum ur_status status = ur_supervisor_submit(
        b->supervisor, &request, id, &json, replayed ? replayed : &ignored, fields, error);
    ur_text_release(&json);
    return status;
}

/* Gives the job as JSON; the caller frees it. */
static inline char *backend_job(struct backend *b, const char *id)
{
    struct ur_text json;
    struct ur_error error = {0};
    ur_text_init(&json, 1 << 20);
    if (ur_supervisor_job(b->supervisor, id, &json, &error) != UR_OK)
        ur_text_append(&json, "", 0);
    char *text = strdup(ur_text_get(&json));
    ur_text_release(&json);
    return text;
}

static inline bool backend_job_has(struct backend *b, const char *id, const char *piece)
{
    char *json = backend_job(b, id);
    const bool has = json && strstr(json, piece);
    free(json);
    return has;
}

/* Waits until the job's JSON holds a piece. */
static inline bool backend_await(struct backend *b, const char *id, const char *piece)
{
    const int64_t until = ur_clock_us() + UR_TEST_WAIT_US;
    while (ur_clock_us() < until) {
        if (backend_job_has(b, id, piece))
            return true;
        usleep(2000);
    }
    char *json = backend_job(b, id);
    fprintf(stderr, "waited in vain for %s in %s\n", piece, json);
    free(json);
    return false;
}

#endif
