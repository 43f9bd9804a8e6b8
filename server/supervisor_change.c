/*
 * What clients change: orders to a job, and its name, tags and priority. A change is told as
 * done only when it is durable, and nothing of it is done before: the row in memory stays as it
 * is until the commit, so a client that hears of a full disk knows that nothing has happened.
 *
 *     put (a copy of the row as it will be) -> commit -> the row in memory -> the answer
 *
 * Between put and commit the supervisor's thread may write the row as it was, or end the job.
 * The first is seen by the job's stamp and mended by writing the row again, the second makes
 * the change a conflict.
 */
#include "fail.h"
#include "supervisor.h"
#include "supervisor_inside.h"
#include "unroll/clock.h"

enum change_kind {
    CHANGE_NONE,
    CHANGE_ORDER, /* passed on to the worker, which does it */
    CHANGE_MOVE,  /* the job has no worker: its state changes where it stands */
    CHANGE_PATCH
};

struct change {
    struct ur_supervisor *supervisor;
    const char *id;
    enum change_kind kind;
    enum ur_command order;   /* of CHANGE_ORDER */
    enum ur_job_state state; /* of CHANGE_MOVE */
    const struct ur_job_patch *patch;
    char *tags; /* owned until they are the row's; NULL: as they are */
    int64_t at_us;
    uint32_t stamp;
    bool late; /* the job ended before the commit */
    struct ur_ticket ticket;
    struct ur_job_write *write;
};

/* Of two orders that are under way the one that ends more holds: a pause must not undo a stop
 * that was acknowledged before it. */
static int weight(enum ur_command order)
{
    return order == UR_COMMAND_CANCEL    ? 3
           : order == UR_COMMAND_STOP    ? 2
           : order == UR_COMMAND_SUSPEND ? 1
                                         : 0;
}

/* Changes what a change is about, and gives nothing away: tags are still the change's. */
static void draw(const struct change *change, struct ur_job_row *row)
{
    const struct ur_job_patch *patch = change->patch;
    if (change->kind == CHANGE_MOVE) {
        row->state = change->state;
        row->command = UR_COMMAND_NONE;
        if (ur_job_state_ended(change->state))
            row->ended_us = change->at_us;
    } else if (change->kind == CHANGE_ORDER && weight(change->order) >= weight(row->command)) {
        row->command = change->order;
        row->state = UR_JOB_STOPPING;
    } else if (change->kind == CHANGE_PATCH) {
        if (patch->name)
            ur_copy(row->name, sizeof row->name, patch->name);
        if (patch->priority)
            row->priority = *patch->priority;
        if (change->tags)
            row->tags = change->tags;
    }
}

/* What follows from a new state. The mutex is held. */
static void moved(struct ur_supervisor *supervisor, struct ur_job *job)
{
    job->attempts = 0;
    job->retry_at_us = 0;
    if (ur_job_state_ended(job->row.state))
        ur_job_retire(supervisor, job);
}

/* The change is durable: the job takes it. On the writer's thread. */
static void changed(void *context, struct ur_job_write *write)
{
    struct change *change = context;
    struct ur_supervisor *supervisor = change->supervisor;
    pthread_mutex_lock(&supervisor->mutex);
    struct ur_job *job = ur_job_find(supervisor, write->row.id);
    const bool ended = job && ur_job_state_ended(job->row.state);
    change->late = ended && change->kind != CHANGE_PATCH;
    if (job && !change->late) {
        char *old = change->tags ? job->row.tags : NULL;
        draw(change, &job->row);
        free(old);
        change->tags = NULL;
    }
    if (job)
        job->moving = false;
    if (job && change->kind == CHANGE_MOVE)
        moved(supervisor, job);
    struct ur_job_write *again = NULL;
    if (job && job->row.command == UR_COMMAND_SUSPEND && !job->run && !job->starting)
        ur_job_pause(supervisor, job); /* its worker was gone before the order was durable */
    else if (job && job->stamp != change->stamp)
        again = ur_job_write_create(&job->row, UR_JOB_UPDATE);
    if (again)
        ur_store_put(supervisor->store, &again->base);
    pthread_mutex_unlock(&supervisor->mutex);
}

/* Puts a change. The row is the future one for as long as the write and its events are made.
 * The mutex is held. */
static enum ur_status put(struct change *change, struct ur_job *job, struct ur_error *error)
{
    struct ur_supervisor *supervisor = change->supervisor;
    const struct ur_job_row now = job->row;
    const bool ended = ur_job_state_ended(now.state);
    change->at_us = ur_clock_wall_us();
    draw(change, &job->row);
    change->write = ur_job_write_create(&job->row, UR_JOB_UPDATE);
    if (change->write && !ended)
        ur_job_write_event(change->write, "state", ur_event_state(supervisor, job), false);
    if (change->write && !ended && ur_job_state_ended(job->row.state))
        ur_job_write_event(change->write, "end", ur_event_end(supervisor, job), true);
    job->row = now;
    if (!change->write)
        return ur_no_memory(error);
    job->moving = change->kind != CHANGE_PATCH && !job->run && !job->starting;
    change->stamp = ++job->stamp;
    change->write->committed = changed;
    change->write->context = change;
    ur_store_put_ticket(supervisor->store, &change->write->base, &change->ticket);
    return UR_OK;
}

/* Waits for the change, without the mutex, and appends the job as it then is. */
static enum ur_status await(struct change *change, struct ur_text *json, struct ur_error *error)
{
    struct ur_supervisor *supervisor = change->supervisor;
    enum ur_status status = UR_OK;
    if (change->write)
        status = ur_store_wait(supervisor->store, &change->ticket, error);
    ur_job_write_destroy(change->write);
    if (status != UR_OK && change->kind != CHANGE_PATCH) {
        pthread_mutex_lock(&supervisor->mutex);
        struct ur_job *job = ur_job_find(supervisor, change->id);
        if (job)
            job->moving = false;
        pthread_mutex_unlock(&supervisor->mutex);
    }
    ur_supervisor_wake(supervisor);
    if (status == UR_OK && change->late)
        status = ur_fail(error, UR_CONFLICT, "The job has ended.");
    if (status != UR_OK)
        return status;
    if (change->kind == CHANGE_MOVE && change->state == UR_JOB_CANCELLED)
        ur_files_remove(supervisor, change->id, true);
    return ur_supervisor_job(supervisor, change->id, json, error);
}

/* Finds a job that may be changed now. The mutex is held. */
static enum ur_status find(struct ur_supervisor *supervisor, const char *id,
                           struct ur_job **job, struct ur_error *error)
{
    *job = ur_job_find(supervisor, id);
    if (!*job)
        return ur_fail_no_job(error);
    if (supervisor->stopping)
        return ur_fail_stopping(error);
    if ((*job)->moving)
        return ur_fail(error, UR_CONFLICT,
                       "Another request is changing the state of the job; it is %s.",
                       ur_job_state_name((*job)->row.state));
    return UR_OK;
}

static enum ur_status refuse(const struct ur_job *job, const char *rule, struct ur_error *error)
{
    return ur_fail(error, UR_CONFLICT, "%s; it is %s.", rule,
                   ur_job_state_name(job->row.state));
}

/* Changes the state of a job that has no worker. The mutex is held. */
static enum ur_status move(struct change *change, struct ur_job *job, enum ur_job_state state,
                           struct ur_error *error)
{
    change->kind = CHANGE_MOVE;
    change->state = state;
    return put(change, job, error);
}

/* The mutex is held. */
static enum ur_status pass_on(struct change *change, struct ur_job *job, enum ur_command what,
                              struct ur_error *error)
{
    if (job->row.command == what || job->row.command == UR_COMMAND_CANCEL)
        return UR_OK; /* it is under way */
    change->kind = CHANGE_ORDER;
    change->order = what;
    return put(change, job, error);
}

/* A job that has learnt nothing has nothing to keep. A paused or interrupted one that has gets
 * a worker again, for as long as keeping takes. The mutex is held. */
static enum ur_status stop(struct change *change, struct ur_job *job, struct ur_error *error)
{
    const enum ur_job_state state = job->row.state;
    const bool waits = state == UR_JOB_QUEUED || state == UR_JOB_PAUSED;
    if (!job->run && !job->starting && waits && job->row.at.step == job->row.parent_step)
        return move(change, job, UR_JOB_CANCELLED, error);
    return pass_on(change, job, UR_COMMAND_STOP, error);
}

/* The mutex is held. */
static enum ur_status pause_job(struct change *change, struct ur_job *job,
                                struct ur_error *error)
{
    const enum ur_command under_way = job->row.command;
    if (job->row.state == UR_JOB_PAUSED || under_way == UR_COMMAND_STOP ||
        under_way == UR_COMMAND_CANCEL)
        return refuse(job, "Only a job that waits or trains can be paused", error);
    if (!job->run && !job->starting)
        return move(change, job, UR_JOB_PAUSED, error);
    return pass_on(change, job, UR_COMMAND_SUSPEND, error);
}

/* The mutex is held. */
static enum ur_status order(struct change *change, struct ur_job *job,
                            enum ur_job_command command, struct ur_error *error)
{
    if (ur_job_state_ended(job->row.state))
        return ur_fail(error, UR_CONFLICT, "The job has ended: it is %s.",
                       ur_job_state_name(job->row.state));
    switch (command) {
    case UR_JOB_COMMAND_STOP:
        return stop(change, job, error);
    case UR_JOB_COMMAND_CANCEL:
        if (!job->run && !job->starting)
            return move(change, job, UR_JOB_CANCELLED, error);
        return pass_on(change, job, UR_COMMAND_CANCEL, error);
    case UR_JOB_COMMAND_PAUSE:
        return pause_job(change, job, error);
    case UR_JOB_COMMAND_RESUME:
        if (job->row.state != UR_JOB_PAUSED)
            return refuse(job, "Only a paused job can be resumed", error);
        return move(change, job, UR_JOB_QUEUED, error);
    case UR_JOB_COMMAND_CHECKPOINT:
        break;
    }
    if (job->row.state != UR_JOB_RUNNING)
        return refuse(job, "Only a running job writes a checkpoint", error);
    job->checkpoint_wanted = true;
    return UR_OK;
}

enum ur_status ur_supervisor_command(struct ur_supervisor *supervisor, const char *id,
                                     enum ur_job_command command, struct ur_text *json,
                                     struct ur_error *error)
{
    struct change change = {.supervisor = supervisor, .id = id};
    struct ur_job *job;
    pthread_mutex_lock(&supervisor->mutex);
    enum ur_status status = find(supervisor, id, &job, error);
    if (status == UR_OK)
        status = order(&change, job, command, error);
    pthread_mutex_unlock(&supervisor->mutex);
    return status == UR_OK ? await(&change, json, error) : status;
}

static enum ur_status check_patch(const struct ur_job_patch *patch, struct ur_error *error)
{
    if (patch->name && !ur_name_valid(patch->name))
        return ur_fail(
            error, UR_INVALID_SPEC,
            "/name must be 1..64 characters of A-Z a-z 0-9 . _ - and not start with a "
            "dot.");
    for (int32_t i = 0; patch->tags && i < patch->n_tags; i++)
        for (int32_t k = 0; k < i; k++)
            if (strcmp(patch->tags[i], patch->tags[k]) == 0)
                return ur_fail(error, UR_INVALID_SPEC, "/tags/%d is there already.", (int)i);
    return UR_OK;
}

enum ur_status ur_supervisor_patch(struct ur_supervisor *supervisor, const char *id,
                                   const struct ur_job_patch *patch, struct ur_text *json,
                                   struct ur_error *error)
{
    struct change change = {
        .supervisor = supervisor, .id = id, .kind = CHANGE_PATCH, .patch = patch};
    struct ur_job *job;
    enum ur_status status = check_patch(patch, error);
    if (status != UR_OK)
        return status;
    if (patch->tags && patch->n_tags >= 0) {
        struct ur_text text;
        ur_text_init(&text, 4096);
        ur_tags_print(&text, patch->tags, patch->n_tags);
        change.tags = ur_text_take(&text);
        if (!change.tags)
            return ur_no_memory(error);
    }
    pthread_mutex_lock(&supervisor->mutex);
    status = find(supervisor, id, &job, error);
    if (status == UR_OK)
        status = put(&change, job, error);
    pthread_mutex_unlock(&supervisor->mutex);
    if (status == UR_OK)
        status = await(&change, json, error);
    free(change.tags);
    return status;
}
