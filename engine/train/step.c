/*
 * One parallel region a step. Shards are handed out one by one as threads become free: they are
 * few (four at batch 128), and a core that loses time to a neighbour must not hold the others
 * up. Chunks are shared out once and for all, so that the optimizer finds in its own cache the
 * gradient that it has just summed. A counter and a division do both instead of OpenMP's loops,
 * for which LLVM's runtime allocates memory every time. The number of threads is always given:
 * an OpenBLAS built on OpenMP may have changed the default under us.
 */
#include "train/step.h"

#include <assert.h>
#include <math.h>
#include <omp.h>

#include "train/clip.h"
#include "train/ema.h"
#include "train/optim.h"
#include "train/reduce.h"
#include "train/schedule.h"
#include "train/shard.h"

/*
 * A gradient whose norm passes this is no longer trained on, finite or not: its square still
 * fits a float, so the second moment stays finite, and with it every number of a checkpoint.
 */
static const double LARGEST_NORM = 1e18;

static void carve_params(struct ur_team *team, size_t n_floats, struct ur_arena *arena)
{
    team->weights = ur_arena_floats(arena, n_floats);
    team->first_moment = ur_arena_floats(arena, n_floats);
    team->second_moment = ur_arena_floats(arena, n_floats);
    if (team->subject.spec->train.ema > 0)
        team->mean = ur_arena_floats(arena, n_floats);
    for (int32_t shard = 0; shard < team->n_shards; shard++)
        team->gradients[shard] = ur_arena_floats(arena, n_floats);
}

static void carve_work(struct ur_team *team, struct ur_arena *arena)
{
    for (int32_t thread = 0; thread < team->threads; thread++)
        ur_workspace_carve(&team->workspaces[thread], team->subject.model, arena);
}

/* Allocates the tables of pointers and sums: a few bytes a shard, not worth a place in the
 * plan. */
static bool tables(struct ur_team *team)
{
    team->gradients = calloc((size_t)team->n_shards, sizeof *team->gradients);
    team->workspaces = calloc((size_t)team->threads, sizeof *team->workspaces);
    team->shard_sums = calloc((size_t)team->n_shards, sizeof *team->shard_sums);
    team->squares = calloc((size_t)team->n_chunks, sizeof *team->squares);
    return team->gradients && team->workspaces && team->shard_sums && team->squares;
}

enum ur_status ur_team_init(struct ur_team *team, const struct ur_subject *subject,
                            int32_t threads, struct ur_error *error)
{
    const struct ur_spec *spec = subject->spec;
    size_t n_floats = subject->model->params.n_floats;
    *team = (struct ur_team){
        .subject = *subject,
        .n_shards = ur_shard_count(spec->train.batch, spec->train.shard_rows),
        .n_chunks = ur_chunk_count(n_floats),
        .steps = ur_train_steps(spec, subject->order->n_train),
        .rate_factor = 1,
    };
    team->threads = threads < team->n_shards ? threads : team->n_shards;
    struct ur_plan plan;
    enum ur_status status = ur_plan_job(spec, &subject->dataset->shape, threads, &plan, error);
    if (status == UR_OK && !tables(team))
        status = ur_fail(error, UR_NO_MEMORY, "There is not enough memory for the tables.");
    if (status == UR_OK)
        status = ur_arena_init(&team->params, plan.params_bytes, error);
    if (status == UR_OK)
        status = ur_arena_init(&team->work, plan.work_bytes, error);
    if (status != UR_OK) {
        ur_team_release(team);
        return status;
    }
    carve_params(team, n_floats, &team->params);
    carve_work(team, &team->work);
    ur_insight_carve(&team->insight, spec, subject->model, team->n_shards, &team->work);
    assert(team->params.used == plan.params_bytes);
    assert(team->work.used == plan.work_bytes);
    return UR_OK;
}

void ur_team_release(struct ur_team *team)
{
    if (team == NULL)
        return;
    ur_arena_release(&team->params);
    ur_arena_release(&team->work);
    free(team->gradients);
    free(team->workspaces);
    free(team->shard_sums);
    free(team->squares);
    *team = (struct ur_team){0};
}

const float *ur_team_result(const struct ur_team *team)
{
    return team->mean != NULL ? team->mean : team->weights;
}

/* Adds up the step's sums in shard and chunk order and decides whether it may be applied. */
static struct ur_step_outcome judge(const struct ur_team *team, int32_t batch)
{
    struct ur_step_outcome outcome = {0};
    for (int32_t shard = 0; shard < team->n_shards; shard++) {
        outcome.loss += team->shard_sums[shard].loss;
        outcome.correct += team->shard_sums[shard].correct;
    }
    outcome.loss /= batch;
    outcome.gradient_norm = sqrt(ur_reduce_squares(team->squares, team->n_chunks));
    outcome.applied = isfinite(outcome.loss) && outcome.gradient_norm <= LARGEST_NORM;
    return outcome;
}

/* Takes the next number from a counter that all threads share. */
static int32_t take(int32_t *next)
{
    int32_t taken;
#pragma omp atomic capture
    taken = (*next)++;
    return taken;
}

/* One shard, looked at from inside if that is due. */
static void run_shard(struct ur_team *team, const struct ur_shard_job *job, int32_t shard,
                      bool look)
{
    struct ur_workspace *workspace = &team->workspaces[omp_get_thread_num()];
    workspace->squares = look ? ur_insight_squares(&team->insight, shard) : NULL;
    team->shard_sums[shard] = ur_shard_train(job, shard, workspace, team->gradients[shard]);
    if (look && shard == 0) {
        const int32_t rows = job->model->shard_rows;
        ur_insight_take_activity(&team->insight, workspace,
                                 rows < job->batch ? rows : job->batch);
    }
}

/* The chunks that one thread of the team works on. */
struct chunks {
    int32_t begin, end;
};

static struct chunks share_of(int32_t n_chunks)
{
    int64_t thread = omp_get_thread_num(), threads = omp_get_num_threads();
    return (struct chunks){.begin = (int32_t)(n_chunks * thread / threads),
                           .end = (int32_t)(n_chunks * (thread + 1) / threads)};
}

static void reduce_chunks(struct ur_team *team, struct chunks mine)
{
    for (int32_t chunk = mine.begin; chunk < mine.end; chunk++) {
        size_t count;
        size_t begin = ur_chunk_begin(chunk, team->subject.model->params.n_floats, &count);
        team->squares[chunk] = ur_reduce_range(team->gradients, team->n_shards, begin, count);
    }
}

static void update_chunks(struct ur_team *team, struct chunks mine,
                          const struct ur_update *update, const struct ur_ema *ema,
                          double gradient_norm)
{
    float factor = ur_clip_factor(gradient_norm, team->subject.spec->train.clip_norm);
    for (int32_t chunk = mine.begin; chunk < mine.end; chunk++) {
        size_t count;
        size_t begin = ur_chunk_begin(chunk, team->subject.model->params.n_floats, &count);
        ur_update_apply(update, factor, team->gradients[0] + begin, team->weights + begin,
                        team->first_moment + begin, team->second_moment + begin, count);
        if (team->mean != NULL)
            ur_ema_apply(ema, team->weights + begin, team->mean + begin, count);
    }
}

struct ur_step_outcome ur_step_run(struct ur_team *team, int32_t step)
{
    const struct ur_spec *spec = team->subject.spec;
    const struct ur_shard_job job = {.model = team->subject.model,
                                     .order = team->subject.order,
                                     .dataset = team->subject.dataset,
                                     .weights = team->weights,
                                     .step = step,
                                     .batch = spec->train.batch,
                                     .label_smoothing = (float)spec->train.label_smoothing};
    const double rate = team->rate_factor * ur_schedule_rate(spec, team->steps, step + 1);
    const struct ur_update update = ur_update_prepare(spec, rate, step + 1);
    const struct ur_ema ema = ur_ema_prepare(spec->train.ema, step + 1);
    struct ur_step_outcome result = {0};
    int32_t next = 0; /* the first shard that nobody has taken */
    const bool look = ur_insight_is_due(&team->insight, step);

#pragma omp parallel num_threads(team->threads)
    {
        for (int32_t shard = take(&next); shard < team->n_shards; shard = take(&next))
            run_shard(team, &job, shard, look);

#pragma omp barrier
        const struct chunks mine = share_of(team->n_chunks);
        reduce_chunks(team, mine);

#pragma omp barrier
        struct ur_step_outcome outcome = judge(team, job.batch);
        if (outcome.applied)
            update_chunks(team, mine, &update, &ema, outcome.gradient_norm);
        if (omp_get_thread_num() == 0)
            result = outcome;
    }
    if (look)
        ur_insight_finish(&team->insight, team->n_shards, team->weights, team->gradients[0]);
    result.looked = look;
    result.learning_rate = rate;
    return result;
}
