/*
 * What the files of the supervisor share; nobody else but their tests includes it.
 *
 *     supervisor.c          create, restore, stop, counts
 *     supervisor_submit.c   ids, admission, the commit of a new job
 *     supervisor_fork.c     a fork's checkpoint
 *     supervisor_change.c   orders and patches: durable first, then done
 *     supervisor_api.c      what else clients ask
 *     supervisor_queue.c    the plan of a job, who starts next
 *     supervisor_run.c      a worker's life: start, kill, end
 *     supervisor_records.c  what a worker says
 *     supervisor_loop.c     the thread
 *     supervisor_files.c    the jobs' folders
 *     supervisor_json.c     jobs and events as JSON
 *
 * Who may touch what: the table, rows and plans under the mutex. A run belongs to the thread;
 * that a job has one is under the mutex.
 */
#ifndef UNROLL_SERVER_SUPERVISOR_INSIDE_H
#define UNROLL_SERVER_SUPERVISOR_INSIDE_H

#include <pthread.h>

#include "catalogue.h"
#include "config.h"
#include "hub.h"
#include "predictor.h"
#include "store.h"
#include "store_jobs.h"
#include "supervisor.h"
#include "worker.h"

struct json_t; /* of jansson */

enum {
    UR_STEP_EVENT_US = 500000, /* at most two step events a second */
    UR_RECORDS_PER_SECOND = 5000,
    UR_FRAMES_PER_TURN = 64, /* of one worker, before the others have their turn */
    UR_MAX_PENDING_POINTS = 8192,
    UR_MAX_BACKLOG = 2000 /* writes: past this the disk is failing and points are dropped */
};

/* How long the thread waits for what; tests shorten them. */
struct ur_patience {
    int64_t hello_us;     /* a worker loads its data before it says hello */
    int64_t heartbeat_us; /* between records, at least */
    int64_t command_us;   /* for a cancelled worker, before it is signalled */
    int64_t term_us;      /* from SIGTERM to SIGKILL */
    int64_t exit_us;      /* from END to the exit */
    int64_t suspend_us;   /* for all workers, when the daemon stops */
    int64_t retry_us;     /* before the first restart, then doubling */
    int64_t describe_us;  /* before a data set is looked at again, then doubling */
};

struct ur_run;

struct ur_job {
    struct ur_job_row row;
    struct ur_spec *spec; /* NULL once ended */
    bool planned;
    uint64_t memory; /* bytes, once planned */
    int32_t threads; /* what it gets */
    struct ur_run *run;
    bool starting;          /* the thread has taken it and makes its run */
    bool checkpoint_wanted; /* pass the order on */
    int32_t attempts;       /* restarts without a new step in between */
    int32_t postponed;      /* starts that came to nothing, before there was a worker */
    int64_t retry_at_us;
    uint32_t phase; /* enum ur_phase */
    float phase_done;
    bool deleting;
    bool moving;    /* an order of a client is being committed while it has no worker: nobody
                       else moves it, and it does not start */
    uint32_t stamp; /* counts the writes of its whole row */
};

/* How a worker is being got rid of: each stage has a deadline, after which comes the next. */
enum ur_ending { UR_ENDING_NO, UR_ENDING_ASKED, UR_ENDING_TERM, UR_ENDING_KILL };

/* A job's worker, while there is one. */
struct ur_run {
    struct ur_run *next;
    struct ur_job *job;
    struct ur_worker worker;
    bool greeted;
    int32_t steps; /* in all, as HELLO said */
    int32_t classes;
    int32_t last_step; /* of the last point */
    int32_t seen_step; /* the job's highest step when this run began */
    enum ur_command sent;
    int64_t started_us, heard_us, longest_silence_us;
    int64_t second_us; /* start of the second in which records are counted */
    int32_t n_records;

    bool ended; /* END came: how follows */
    struct ur_record_end end;
    char *report;
    char weights_sha256[UR_SHA256_HEX_BYTES]; /* as the report says */
    struct ur_error broken; /* not UR_OK: it broke the protocol, hangs, or could not start */

    enum ur_ending ending;
    int64_t ending_at_us; /* when the next stage comes */

    struct ur_step_point *points; /* not yet written */
    int32_t n_points;
    bool has_news; /* the newest point was not yet an event */
    struct ur_step_point newest;
    int64_t flushed_us;
};

struct ur_supervisor {
    const struct ur_config *config;
    struct ur_store *store;
    struct ur_hub *hub;
    struct ur_predictor *predictor;
    struct ur_catalogue *catalogue;
    int jobs_folder; /* descriptor of state/jobs */
    char jobs_path[UR_PATH_BYTES + 16];
    char data_dir[UR_PATH_BYTES + 16];

    pthread_mutex_t mutex;
    struct ur_job **jobs; /* by id, which is by age */
    int32_t n_jobs, capacity;
    struct ur_job **active; /* those that have not ended, in no order */
    int32_t n_active, active_capacity;
    int32_t n_arriving; /* submitted and not yet committed */
    char last_id[UR_JOB_ID_BYTES];
    struct ur_supervisor_counts totals;
    struct ur_patience patience;
    bool stopping;

    int wake_fd;
    pthread_t thread;
    bool started;

    /* The thread's own. */
    struct ur_run *runs;
    int32_t n_runs;
    struct ur_worker describer; /* looks at a data set; pid 0: none */
    char describing[UR_NAME_BYTES];
    struct ur_record_dataset described;
    bool has_described, has_refused; /* it gave the facts; it said why it cannot */
    char describe_error[UR_ERROR_DETAIL_BYTES];
    int64_t describe_started_us;
    int64_t stop_at_us; /* when the last workers are killed */
};

/* supervisor.c. Both want the mutex held. */
struct ur_job *ur_job_find(struct ur_supervisor *supervisor, const char *id); /* NULL: none */
/* Adds a job to the tables; false without memory. */
bool ur_job_add(struct ur_supervisor *supervisor, struct ur_job *job);
void ur_job_remove(struct ur_supervisor *supervisor, struct ur_job *job);
void ur_job_destroy(struct ur_job *job);
void ur_supervisor_wake(struct ur_supervisor *supervisor);

/* supervisor_api.c */
enum ur_status ur_fail_stopping(struct ur_error *error);
enum ur_status ur_fail_no_job(struct ur_error *error);

/* supervisor_queue.c. The mutex is held. */
enum ur_status ur_job_plan(struct ur_supervisor *supervisor, struct ur_job *job,
                           struct ur_field_errors *fields, struct ur_error *error);
/* Gives the job that starts next, NULL if none can now. Jobs whose plan fails end as failed. */
struct ur_job *ur_queue_next(struct ur_supervisor *supervisor, int64_t now_us);
/* When the next interrupted job may be tried again; INT64_MAX: none waits. */
int64_t ur_queue_retry_at(const struct ur_supervisor *supervisor);

/* supervisor_run.c */
/* Changes the state and puts the row and a `state` event; the mutex is held. */
void ur_job_enter(struct ur_supervisor *supervisor, struct ur_job *job,
                  enum ur_job_state state);
/* Ends a job: the row, `state` and `end`. error may be NULL. The mutex is held. */
void ur_job_end(struct ur_supervisor *supervisor, struct ur_job *job, enum ur_job_state state,
                const struct ur_error *error);
/* A job whose pause was ordered has no worker any more: it is paused. The mutex is held. */
void ur_job_pause(struct ur_supervisor *supervisor, struct ur_job *job);
/* What follows once the row says that a job has ended. The mutex is held. */
void ur_job_retire(struct ur_supervisor *supervisor, struct ur_job *job);
void ur_run_start(struct ur_supervisor *supervisor, struct ur_job *job);
/* Looks at deadlines and orders: called every turn of the thread. */
void ur_run_tend(struct ur_supervisor *supervisor, struct ur_run *run, int64_t now_us);
/* The worker is gone: decides what becomes of its job, and frees the run. */
void ur_run_finish(struct ur_supervisor *supervisor, struct ur_run *run);
/* Gives when ur_run_tend has something to do next. */
int64_t ur_run_deadline(const struct ur_supervisor *supervisor, const struct ur_run *run);
void ur_run_next_stage(struct ur_supervisor *supervisor, struct ur_run *run,
                       enum ur_ending stage, int64_t now_us);

/* supervisor_records.c */
/* Takes the records that have come, at most UR_FRAMES_PER_TURN of them. *more: there are
 * others. */
void ur_run_read(struct ur_supervisor *supervisor, struct ur_run *run, bool *more);
/* Writes the points that wait; with an event if one is due. */
void ur_run_flush(struct ur_supervisor *supervisor, struct ur_run *run, int64_t now_us);

/* supervisor_loop.c */
void *ur_supervisor_main(void *supervisor);

/* supervisor_files.c */
/*
 * Makes the job's folder, takes its lock, writes its spec; both descriptors are the caller's. A
 * worker inherits the lock, so that a worker which outlives a killed daemon by a second is not
 * joined by another in the same folder: UR_CONFLICT, try again.
 */
enum ur_status ur_files_prepare(const struct ur_supervisor *supervisor,
                                const struct ur_job *job, int *folder, int *lock,
                                struct ur_error *error);
/* Makes a job's folder; the descriptor is the caller's. */
enum ur_status ur_files_make(const struct ur_supervisor *supervisor, const char *id,
                             int *folder, struct ur_error *error);
/* Removes the folders of jobs that never became durable. */
void ur_files_sweep(struct ur_supervisor *supervisor);
/* Removes the folder of a job, or everything in it but the log. */
void ur_files_remove(const struct ur_supervisor *supervisor, const char *id, bool keep_log);

bool ur_files_have_model(const struct ur_supervisor *supervisor, const char *id,
                         char path[UR_PATH_BYTES + 128]);

/* supervisor_fork.c */
#define UR_FILE_PARENT "parent.ckpt"
/* Takes the checkpoint that a fork begins with into the folder of the new job, and notes in its
 * row where it comes from. The mutex is not held. */
enum ur_status ur_fork_take(struct ur_supervisor *supervisor, const struct ur_fork *fork,
                            struct ur_job *job, struct ur_field_errors *fields,
                            struct ur_error *error);

/* supervisor_json.c. The mutex is held. Events are texts that the caller frees, NULL without
 * memory. */
void ur_job_print(const struct ur_supervisor *supervisor, const struct ur_job *job,
                  struct ur_text *json);
char *ur_event_state(const struct ur_supervisor *supervisor, const struct ur_job *job);
char *ur_event_step(const struct ur_job *job, const struct ur_step_point *point);
char *ur_event_epoch(const struct ur_job *job, const struct ur_record_epoch *epoch);
char *ur_event_checkpoint(const struct ur_job *job, const struct ur_record_checkpoint *record);
/* insight: what the worker said of a step. */
char *ur_event_gradients(const struct ur_job *job, struct json_t *insight);
char *ur_event_end(const struct ur_supervisor *supervisor, const struct ur_job *job);
/* Appends the tags as a JSON array. */
void ur_tags_print(struct ur_text *json, const char (*tags)[UR_NAME_BYTES], int32_t n_tags);

#endif
