/*
 * A request is held by the thread that made it, on its stack: it sends its frame itself and
 * waits to be told. When the predictor dies, that thread asks again, once. So there is no queue
 * of ours to grow, and what a dead predictor held is known exactly: what still waits.
 */
#include "predictor.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fail.h"
#include "predictor_inside.h"
#include "unroll/clock.h"
#include "unroll/log.h"

/* Waits for a change until the deadline; false once that has passed. The mutex is held. */
static bool wait_until(struct ur_predictor *predictor, int64_t deadline_us)
{
    if (ur_clock_us() >= deadline_us || predictor->ending)
        return false;
    const struct timespec until = {.tv_sec = deadline_us / 1000000,
                                   .tv_nsec = deadline_us % 1000000 * 1000};
    pthread_cond_timedwait(&predictor->changed, &predictor->mutex, &until);
    return true;
}

/* Has the process killed that did not answer; a life that began meanwhile is not to blame. */
static enum ur_status fail_late(struct ur_predictor *predictor, uint32_t generation,
                                struct ur_error *error)
{
    if (predictor->ending)
        return ur_fail(error, UR_UNAVAILABLE, "The server is stopping.");
    if (!predictor->ready)
        return ur_fail(error, UR_UNAVAILABLE,
                       "The predictor is not running; its reason is in the server's log.");
    if (predictor->generation == generation) {
        predictor->kill_wanted = true;
        ur_predictor_wake(predictor);
    }
    return ur_fail(error, UR_TIMEOUT, "The predictor did not answer in %.1f s.",
                   (double)predictor->deadline_us * 1e-6);
}

/* Sends to one life of the predictor; to another, or to none, it is as if it had died. */
static void send_frame(struct ur_predictor *predictor, uint32_t generation, uint16_t type,
                       const void *payload, size_t bytes)
{
    struct ur_error ignored = {0}; /* a death is told by the keeper, to all at once */
    pthread_mutex_lock(&predictor->send_mutex);
    if (predictor->socket >= 0 && predictor->generation == generation)
        ur_frame_send(predictor->socket, type, payload, bytes, &ignored);
    pthread_mutex_unlock(&predictor->send_mutex);
}

/* Gives a slot, taking it from the model that was used least recently; -1: all are busy. */
static int find_slot(struct ur_predictor *predictor)
{
    int best = -1;
    for (int i = 0; i < UR_PREDICT_SLOTS; i++) {
        const struct ur_model *model = predictor->slots[i];
        if (!model)
            return i;
        if (model->state != UR_MODEL_READY || model->users > 0)
            continue;
        if (best < 0 || model->used_us < predictor->slots[best]->used_us)
            best = i;
    }
    if (best >= 0) {
        predictor->slots[best]->state = UR_MODEL_UNLOADED;
        predictor->slots[best] = NULL;
    }
    return best;
}

/* Reads a model's file into a LOAD payload; the caller frees it. */
static enum ur_status read_file(struct ur_predictor *predictor, const char *file,
                                unsigned char **payload, size_t *bytes, struct ur_error *error)
{
    enum { HEADER = 2 * sizeof(uint32_t) };
    struct stat about = {0};
    enum ur_status status = UR_OK;
    *payload = NULL;
    const int fd = openat(predictor->models_folder, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &about) != 0)
        status = ur_fail_errno(error, errno, "The model's file cannot be read");
    else if (about.st_size > UR_PREDICT_MAX_BYTES - HEADER)
        status = ur_fail(error, UR_BAD_MODEL, "The model is larger than %d MB.",
                         UR_PREDICT_MAX_BYTES >> 20);
    else if (!(*payload = malloc((size_t)about.st_size + HEADER)))
        status = ur_no_memory(error);
    *bytes = HEADER;
    while (status == UR_OK && *bytes < (size_t)about.st_size + HEADER) {
        const ssize_t got =
            read(fd, *payload + *bytes, (size_t)about.st_size + HEADER - *bytes);
        if (got > 0)
            *bytes += (size_t)got;
        else if (got == 0 || errno != EINTR)
            status = ur_fail(error, UR_IO, "The model's file cannot be read.");
    }
    if (fd >= 0)
        close(fd);
    return status;
}

/* Sends a model that was marked LOADING. The mutex is held on entry and exit, not in
 * between. */
static void send_model(struct ur_predictor *predictor, struct ur_model *model)
{
    struct ur_error error = {0};
    unsigned char *payload;
    size_t bytes;
    const uint32_t generation = predictor->generation, request = model->load_request;
    const uint32_t slot = model->slot;
    pthread_mutex_unlock(&predictor->mutex);
    const enum ur_status status =
        read_file(predictor, model->row.file, &payload, &bytes, &error);
    if (status == UR_OK) {
        struct ur_writer writer = ur_writer_of(payload, bytes);
        ur_write_u32(&writer, request);
        ur_write_u32(&writer, slot);
        send_frame(predictor, generation, UR_PREDICT_LOAD, payload, bytes);
    }
    free(payload);
    pthread_mutex_lock(&predictor->mutex);
    if (status == UR_OK || generation != predictor->generation)
        return;
    model->state = UR_MODEL_BROKEN;
    ur_copy(model->why, sizeof model->why, error.detail);
    predictor->slots[slot] = NULL;
    pthread_cond_broadcast(&predictor->changed);
}

static bool begin_load(struct ur_predictor *predictor, struct ur_model *model)
{
    const int slot = find_slot(predictor);
    if (slot < 0)
        return false;
    model->state = UR_MODEL_LOADING;
    model->slot = (uint32_t)slot;
    model->load_request = ++predictor->last_request;
    predictor->slots[slot] = model;
    send_model(predictor, model);
    return true;
}

/* Waits until the model is in the predictor; a process that takes the place of a dead one gets
 * time of its own, once. The mutex is held. */
static enum ur_status await_loaded(struct ur_predictor *predictor, struct ur_model *model,
                                   struct ur_error *error)
{
    int64_t deadline_us = ur_clock_us() + predictor->deadline_us;
    uint32_t generation = predictor->generation;
    for (bool again = false;;) {
        if (predictor->generation != generation && !again) {
            again = true;
            generation = predictor->generation;
            deadline_us = ur_clock_us() + predictor->deadline_us;
        }
        if (model->deleted)
            return ur_fail(error, UR_NOT_FOUND, "The model was removed.");
        if (model->state == UR_MODEL_BROKEN)
            return ur_fail(error, UR_BAD_MODEL, "The model cannot be loaded: %s", model->why);
        if (predictor->ready && model->state == UR_MODEL_READY)
            return UR_OK;
        if (predictor->ready && model->state == UR_MODEL_UNLOADED &&
            begin_load(predictor, model))
            continue;
        if (!wait_until(predictor, deadline_us))
            return fail_late(predictor, generation, error);
    }
}

static void forget_asked(struct ur_predictor *predictor, const struct ur_asked *asked)
{
    struct ur_asked **link = &predictor->asked;
    while (*link && *link != asked)
        link = &(*link)->next;
    if (*link)
        *link = asked->next;
}

/* Asks once. *lost: the predictor died over it. The mutex is held. */
static enum ur_status ask(struct ur_predictor *predictor, const struct ur_model *model,
                          const struct ur_classify_request *request, void *payload,
                          size_t payload_bytes, struct ur_classify_reply *reply, bool *lost,
                          struct ur_error *error)
{
    const int64_t deadline_us = ur_clock_us() + predictor->deadline_us;
    struct ur_asked asked = {
        .next = predictor->asked, .request = ++predictor->last_request, .reply = reply};
    struct ur_writer writer = ur_writer_of(payload, payload_bytes);
    ur_predict_classify_write(
        &writer, &(struct ur_predict_classify){.request = asked.request,
                                               .slot = model->slot,
                                               .preprocess = (uint8_t)request->preprocess,
                                               .want_image = request->want_image,
                                               .body = request->body,
                                               .body_bytes = request->body_bytes});
    assert(!writer.failed);
    const uint32_t generation = predictor->generation;
    predictor->asked = &asked;
    pthread_mutex_unlock(&predictor->mutex);
    send_frame(predictor, generation, UR_PREDICT_CLASSIFY, payload, writer.used);
    pthread_mutex_lock(&predictor->mutex);

    enum ur_status status = UR_OK;
    while (!asked.answered && !asked.lost && predictor->generation == generation &&
           status == UR_OK)
        if (!wait_until(predictor, deadline_us))
            status = fail_late(predictor, generation, error);
    forget_asked(predictor, &asked);
    *lost = status == UR_OK && !asked.answered;
    return status;
}

static enum ur_status classify(struct ur_predictor *predictor, struct ur_model *model,
                               const struct ur_classify_request *request, void *payload,
                               size_t payload_bytes, struct ur_classify_reply *reply,
                               struct ur_error *error)
{
    for (int attempt = 0; attempt < 2; attempt++) {
        bool lost = false;
        enum ur_status status = await_loaded(predictor, model, error);
        if (status == UR_OK)
            status =
                ask(predictor, model, request, payload, payload_bytes, reply, &lost, error);
        if (status != UR_OK)
            return status;
        if (lost)
            continue;
        model->used_us = ur_clock_us();
        predictor->counts.seconds_total += (double)reply->answer.latency_us * 1e-6;
        const enum ur_status said = (enum ur_status)reply->answer.status;
        return said == UR_OK ? UR_OK : ur_fail(error, said, "%s", reply->answer.detail);
    }
    return ur_fail(error, UR_UNAVAILABLE, "The predictor died over this request, twice.");
}

/* Requests wait in threads of the pool, which answer everything else too: one thread is left to
 * the others, however long the predictor takes. The mutex is held. */
static enum ur_status take_place(struct ur_predictor *predictor, struct ur_error *error)
{
    const int32_t others = predictor->config->pool_threads - 1;
    const int64_t until_us = ur_clock_us() + UR_PREDICT_PLACE_US;
    while (predictor->n_asking >= (others > 1 ? others : 1))
        if (!wait_until(predictor, until_us))
            return ur_fail(error, UR_UNAVAILABLE,
                           "%d pictures wait for the predictor already; try again later.",
                           (int)predictor->n_asking);
    predictor->n_asking++;
    return UR_OK;
}

static void leave_place(struct ur_predictor *predictor)
{
    predictor->n_asking--;
    pthread_cond_broadcast(&predictor->changed);
}

enum ur_status ur_predictor_classify(struct ur_predictor *predictor,
                                     const struct ur_classify_request *request,
                                     struct ur_classify_reply *reply, struct ur_error *error)
{
    *reply = (struct ur_classify_reply){0};
    if (request->body_bytes > UR_IMAGE_MAX_BYTES)
        return ur_fail(error, UR_TOO_LARGE, "The picture is larger than %d MB.",
                       UR_IMAGE_MAX_BYTES >> 20);
    const size_t payload_bytes = request->body_bytes + 64;
    void *payload = malloc(payload_bytes);
    if (!payload)
        return ur_no_memory(error);
    pthread_mutex_lock(&predictor->mutex);
    predictor->counts.requests_total++;
    enum ur_status status = take_place(predictor, error);
    const bool placed = status == UR_OK;
    struct ur_model *model = ur_model_find(predictor, request->model, request->version);
    if (!placed)
        model = NULL;
    else if (!model && !request->model)
        status =
            ur_fail(error, UR_NOT_FOUND, "There is no model %s: train one with POST /v1/jobs.",
                    predictor->n_models ? "that reads pictures yet" : "yet");
    else if (!model)
        status = ur_fail(error, UR_NOT_FOUND, "There is no model of that name and version.");
    else {
        model->users++;
        status = classify(predictor, model, request, payload, payload_bytes, reply, error);
        ur_copy(reply->model, sizeof reply->model, model->row.name);
        reply->version = model->row.version;
        ur_model_release(predictor, model);
    }
    if (placed)
        leave_place(predictor);
    predictor->counts.failures_total += status != UR_OK && status != UR_NO_DIGIT;
    pthread_mutex_unlock(&predictor->mutex);
    free(payload);
    if (status != UR_OK) {
        free(reply->image);
        reply->image = NULL;
    }
    return status;
}

static void answer_asked(struct ur_asked *asked, const struct ur_predict_answer *answer)
{
    struct ur_classify_reply *reply = asked->reply;
    reply->answer = *answer;
    reply->answer.image = NULL;
    if (answer->image && answer->image_bytes > 0 &&
        (reply->image = malloc(answer->image_bytes))) {
        memcpy(reply->image, answer->image, answer->image_bytes);
        reply->image_bytes = answer->image_bytes;
    }
    asked->answered = true;
}

static void answer_load(struct ur_predictor *predictor, struct ur_model *model,
                        const struct ur_predict_answer *answer)
{
    model->used_us = ur_clock_us();
    if (answer->status == UR_OK) {
        model->state = UR_MODEL_READY;
        return;
    }
    model->state = UR_MODEL_BROKEN;
    ur_copy(model->why, sizeof model->why, answer->detail);
    predictor->slots[model->slot] = NULL;
    ur_log(UR_LOG_ERROR, "model %s version %d cannot be loaded: %s", model->row.name,
           (int)model->row.version, model->why);
}

enum ur_status ur_predictor_answered(struct ur_predictor *predictor,
                                     const struct ur_frame *frame, struct ur_error *error)
{
    static struct ur_predict_answer answer; /* 5 KB, of the keeper's thread alone */
    const enum ur_status status = ur_predict_answer_read(frame, &answer, error);
    if (status != UR_OK)
        return status;
    if (answer.status >= UR_STATUS_COUNT)
        return ur_fail(error, UR_PROTOCOL, "The predictor answered with an unknown status.");
    for (struct ur_asked *asked = predictor->asked; asked; asked = asked->next)
        if (asked->request == answer.request && !asked->answered)
            answer_asked(asked, &answer);
    for (int i = 0; i < UR_PREDICT_SLOTS; i++) {
        struct ur_model *model = predictor->slots[i];
        if (model && model->state == UR_MODEL_LOADING && model->load_request == answer.request)
            answer_load(predictor, model, &answer);
    }
    pthread_cond_broadcast(&predictor->changed);
    return UR_OK;
}

void ur_predictor_lost(struct ur_predictor *predictor)
{
    predictor->ready = predictor->kill_wanted = false;
    predictor->generation++;
    for (struct ur_asked *asked = predictor->asked; asked; asked = asked->next)
        asked->lost = true;
    for (int i = 0; i < UR_PREDICT_SLOTS; i++) {
        if (predictor->slots[i])
            predictor->slots[i]->state = UR_MODEL_UNLOADED;
        predictor->slots[i] = NULL;
    }
    pthread_cond_broadcast(&predictor->changed);
}

/* Gives a newest version that is not loaded while a slot is free; NULL: nothing to do. */
static struct ur_model *next_to_load(struct ur_predictor *predictor)
{
    bool room = false;
    for (int i = 0; i < UR_PREDICT_SLOTS; i++)
        room = room || !predictor->slots[i];
    if (!room || !predictor->ready)
        return NULL;
    for (int32_t i = predictor->n_models - 1; i >= 0; i--) {
        struct ur_model *model = predictor->models[i];
        if (model->state == UR_MODEL_UNLOADED && ur_model_is_newest(predictor, model))
            return model;
    }
    return NULL;
}

/* Loads what will be asked for before it is asked for, so that the first request is quick. */
void *ur_predictor_loader_main(void *argument)
{
    struct ur_predictor *predictor = argument;
    pthread_mutex_lock(&predictor->mutex);
    while (!predictor->ending) {
        struct ur_model *model = next_to_load(predictor);
        if (!model) {
            pthread_cond_wait(&predictor->wanted, &predictor->mutex);
            continue;
        }
        struct ur_error ignored = {0};
        model->users++;
        await_loaded(predictor, model, &ignored);
        ur_model_release(predictor, model);
    }
    pthread_mutex_unlock(&predictor->mutex);
    return NULL;
}
