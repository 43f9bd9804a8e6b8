#include "train/shard.h"

int32_t ur_shard_count(int32_t batch, int32_t shard_rows)
{
    return (batch + shard_rows - 1) / shard_rows;
}

struct ur_shard_sums ur_shard_train(const struct ur_shard_job *job, int32_t shard,
                                    struct ur_workspace *workspace, float *gradients)
{
    int32_t rows = job->model->shard_rows;
    ur_batch_fill(job->order, job->dataset, job->step, shard * rows, rows, workspace->x,
                  workspace->labels, workspace->row_weights, workspace->lengths);
    if (job->model->dropout > 0.0)
        ur_batch_places(job->order, job->step, shard * rows, rows, workspace->epochs,
                        workspace->samples);
    ur_model_forward_training(job->model, job->weights, workspace->x, workspace);
    struct ur_shard_sums sums =
        ur_model_smoothed_loss(job->model, workspace->labels, workspace->row_weights,
                               1.0F / (float)job->batch, job->label_smoothing, workspace);
    ur_model_backward(job->model, job->weights, workspace->x, workspace, gradients);
    return sums;
}
