/*
 * The split goes through in blocks of shards with one parallel region each: long enough that
 * the region costs nothing, short enough that somebody who asks the program to end is answered
 * within a fraction of a second.
 */
#include "train/evaluate.h"

#include <math.h>
#include <omp.h>

#include "model/loss.h"
#include "train/shard.h"

enum { SHARDS_A_THREAD = 8 }; /* of one block */

/* An evaluation under way. */
struct sweep {
    const struct ur_team *team;
    struct ur_subject subject; /* the team's, or with another data set */
    enum ur_split split;
    int32_t images;
    int32_t n_shards;
    struct ur_shard_sums *sums; /* [n_shards] */
    uint16_t *truth;            /* [n_shards * shard_rows] */
    uint16_t *predicted;        /* the same */
};

int32_t ur_split_count(const struct ur_subject *subject, enum ur_split split)
{
    switch (split) {
    case UR_SPLIT_TRAIN:
        return subject->order->n_train;
    case UR_SPLIT_VALIDATION:
        return subject->order->n_validation;
    case UR_SPLIT_TEST:
        return subject->dataset->shape.n_test;
    }
    return 0;
}

static void run_shard(const struct sweep *sweep, int32_t shard, struct ur_workspace *workspace)
{
    const struct ur_model *model = sweep->subject.model;
    int32_t rows = model->shard_rows;
    ur_batch_fill_split(sweep->subject.order, sweep->subject.dataset, (int)sweep->split,
                        shard * rows, rows, workspace->x, workspace->labels,
                        workspace->row_weights, workspace->lengths);
    ur_model_forward(model, ur_team_result(sweep->team), workspace->x, workspace);
    sweep->sums[shard] =
        ur_model_loss(model, workspace->labels, workspace->row_weights, 1.0F, workspace);
    for (int32_t row = 0; row < rows; row++) {
        size_t at = (size_t)shard * (size_t)rows + (size_t)row;
        const float *logits = workspace->logits + (size_t)row * (size_t)model->classes;
        sweep->truth[at] = (uint16_t)workspace->labels[row];
        sweep->predicted[at] = (uint16_t)ur_loss_argmax(logits, model->classes);
    }
}

static void run_block(const struct sweep *sweep, int32_t begin, int32_t end)
{
#pragma omp parallel num_threads(sweep->team->threads)
    {
        struct ur_workspace *workspace = &sweep->team->workspaces[omp_get_thread_num()];
#pragma omp for schedule(dynamic, 1)
        for (int32_t shard = begin; shard < end; shard++)
            run_shard(sweep, shard, workspace);
    }
}

static enum ur_status run_all(const struct sweep *sweep, const struct ur_watcher *watcher)
{
    int32_t block = SHARDS_A_THREAD * sweep->team->threads;
    for (int32_t begin = 0; begin < sweep->n_shards; begin += block) {
        int32_t end = sweep->n_shards - begin < block ? sweep->n_shards : begin + block;
        run_block(sweep, begin, end);
        if (watcher == NULL)
            continue;
        enum ur_status status =
            watcher->watch(watcher->context, (float)end / (float)sweep->n_shards);
        if (status != UR_OK)
            return status;
    }
    return UR_OK;
}

static struct ur_score score_of(const struct sweep *sweep)
{
    if (sweep->images == 0)
        return (struct ur_score){.loss = (double)NAN, .accuracy = (double)NAN};
    double loss = 0;
    int64_t correct = 0;
    for (int32_t shard = 0; shard < sweep->n_shards; shard++) {
        loss += sweep->sums[shard].loss;
        correct += sweep->sums[shard].correct;
    }
    return (struct ur_score){.loss = loss / sweep->images,
                             .accuracy = (double)correct / sweep->images,
                             .images = sweep->images};
}

/* Fills the confusion matrix and counts the right ones among the first n_first. */
static int32_t count(const struct sweep *sweep, uint32_t *counts, int32_t n_first)
{
    size_t classes = (size_t)sweep->subject.model->classes;
    int32_t first_correct = 0;
    memset(counts, 0, classes * classes * sizeof *counts);
    for (int32_t i = 0; i < sweep->images; i++) {
        counts[sweep->truth[i] * classes + sweep->predicted[i]]++;
        first_correct += i < n_first && sweep->truth[i] == sweep->predicted[i];
    }
    return first_correct;
}

enum ur_status ur_evaluate(const struct ur_team *team, const struct ur_watcher *watcher,
                           struct ur_evaluation *evaluation, struct ur_error *error)
{
    int32_t shard_rows = team->subject.model->shard_rows;
    struct sweep sweep = {.team = team, .subject = team->subject, .split = evaluation->split};
    if (evaluation->dataset != NULL)
        sweep.subject.dataset = evaluation->dataset;
    sweep.images = ur_split_count(&sweep.subject, evaluation->split);
    sweep.n_shards = ur_shard_count(sweep.images, shard_rows);
    /* One more than needed, so that an empty split is no special case. */
    size_t rows = (size_t)sweep.n_shards * (size_t)shard_rows + 1;
    sweep.sums = calloc((size_t)sweep.n_shards + 1, sizeof *sweep.sums);
    sweep.truth = calloc(rows, sizeof *sweep.truth);
    sweep.predicted = calloc(rows, sizeof *sweep.predicted);
    enum ur_status status = UR_OK;
    if (!sweep.sums || !sweep.truth || !sweep.predicted) {
        status = ur_fail(error, UR_NO_MEMORY, "There is not enough memory to evaluate in.");
        goto out;
    }
    status = run_all(&sweep, watcher);
    if (status != UR_OK)
        goto out;
    evaluation->score = score_of(&sweep);
    evaluation->first_correct = count(&sweep, evaluation->counts, evaluation->n_first);
out:
    free(sweep.sums);
    free(sweep.truth);
    free(sweep.predicted);
    return status;
}
