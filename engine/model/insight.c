#include "model/insight.h"

#include <assert.h>
#include <math.h>

#include "kernels/vec.h"
#include "layers/bidir.h"

static const char *const columns_of[][6] = {
    [UR_CELL_LSTM] = {"i", "f", "g", "o", "h", "c"},
    [UR_CELL_RNN] = {"h"},
    [UR_CELL_GRU] = {"r", "z", "n", "h"},
};

static int32_t column_count(enum ur_cell cell)
{
    int32_t count = 0;
    while (count < 6 && columns_of[cell][count] != NULL)
        count++;
    return count;
}

const char *ur_insight_column(enum ur_cell cell, int32_t column)
{
    assert(column >= 0 && column < column_count(cell));
    return columns_of[cell][column];
}

void ur_insight_carve(struct ur_insight *insight, const struct ur_spec *spec,
                      const struct ur_model *model, int32_t n_shards, struct ur_arena *arena)
{
    *insight = (struct ur_insight){.every = spec->run.insight_every, .model = model};
    if (insight->every == 0)
        return;
    insight->streams = model->layers * model->directions;
    insight->stride = (model->steps + UR_INSIGHT_POINTS - 1) / UR_INSIGHT_POINTS;
    insight->points = (model->steps + insight->stride - 1) / insight->stride;
    insight->columns = column_count(model->cell);
    const size_t streams = (size_t)insight->streams;
    const size_t told = streams * (size_t)insight->points;
    insight->squares = ur_arena_take(arena, (size_t)n_shards * streams * (size_t)model->steps,
                                     sizeof *insight->squares);
    insight->norms = ur_arena_floats(arena, told);
    insight->activity = ur_arena_floats(arena, told * (size_t)insight->columns);
}

bool ur_insight_is_due(const struct ur_insight *insight, int32_t step)
{
    return insight->every > 0 && (step + 1) % insight->every == 0;
}

double *ur_insight_squares(const struct ur_insight *insight, int32_t shard)
{
    const size_t each = (size_t)insight->streams * (size_t)insight->model->steps;
    return insight->squares + (size_t)shard * each;
}

/* The rows of a shard at one time step that are looked at: those that have not ended yet. */
struct rows {
    const int32_t *lengths; /* NULL: none ends early */
    size_t count;
    int32_t t;
};

static bool has_ended(const struct rows *rows, size_t row)
{
    return rows->lengths != NULL && rows->t >= rows->lengths[row];
}

/* Not a number where all rows have ended. */
static float mean_of(const float *values, const struct rows *rows, size_t stride, size_t n)
{
    double sum = 0, count = 0;
    for (size_t row = 0; row < rows->count; row++) {
        if (has_ended(rows, row))
            continue;
        for (size_t k = 0; k < n; k++)
            sum += (double)values[row * stride + k];
        count += (double)n;
    }
    return count > 0 ? (float)(sum / count) : NAN;
}

/* The same of the root mean square. */
static float spread_of(const float *values, const struct rows *rows, size_t stride, size_t n)
{
    double squares = 0, count = 0, of_row;
    for (size_t row = 0; row < rows->count; row++) {
        if (has_ended(rows, row))
            continue;
        ur_vec_squares(&of_row, values + row * stride, n);
        squares += of_row;
        count += (double)n;
    }
    return count > 0 ? (float)sqrt(squares / count) : NAN;
}

/* The candidate of a cell lies around zero: its mean says nothing. */
static bool is_candidate(enum ur_cell cell, int32_t column)
{
    return cell == UR_CELL_LSTM || cell == UR_CELL_GRU ? column == 2 : true;
}

/* One time step of one layer and direction. */
static void take_step(const struct ur_model *model, struct ur_recurrent_shape shape,
                      struct ur_recurrent_kept kept, const struct rows *rows, float *out)
{
    const size_t hidden = (size_t)model->hidden, t = (size_t)rows->t;
    const size_t units = (size_t)ur_recurrent_units(shape), n_rows = (size_t)shape.rows;
    const int32_t n_gates = model->cell == UR_CELL_RNN ? 0 : ur_recurrent_gates(model->cell);
    const size_t stride = (size_t)n_gates * hidden;
    const float *gates = n_gates > 0 ? kept.gates + t * n_rows * stride : NULL;

    if (shape.reversed && rows->t < shape.steps - ur_recurrent_reads(shape)) {
        const int32_t columns = column_count(model->cell);
        for (int32_t k = 0; k < columns; k++)
            out[k] = NAN;
        return;
    }
    for (int32_t k = 0; k < n_gates; k++) {
        const float *gate = gates + (size_t)k * hidden;
        *out++ = is_candidate(model->cell, k) ? spread_of(gate, rows, stride, hidden)
                                              : mean_of(gate, rows, stride, hidden);
    }
    *out++ =
        spread_of(ur_recurrent_output(shape, kept) + t * n_rows * units, rows, units, units);
    if (model->cell == UR_CELL_LSTM) {
        const size_t now = shape.reversed ? t : t + 1;
        *out = spread_of(kept.c + now * n_rows * hidden, rows, hidden, hidden);
    }
}

void ur_insight_take_activity(struct ur_insight *insight, const struct ur_workspace *workspace,
                              int32_t rows)
{
    const struct ur_model *model = insight->model;
    const size_t points = (size_t)insight->points, columns = (size_t)insight->columns;

    for (int32_t stream = 0; stream < insight->streams; stream++) {
        const int32_t layer = stream / model->directions, d = stream % model->directions;
        const struct ur_recurrent_shape shape =
            ur_bidir_shape(ur_model_layer_shape(model, layer), d);
        float *out = insight->activity + (size_t)stream * points * columns;
        for (size_t point = 0; point < points; point++) {
            const struct rows looked = {.lengths = workspace->lengths,
                                        .count = (size_t)rows,
                                        .t = (int32_t)point * insight->stride};
            take_step(model, shape, workspace->ws_layers[layer][d], &looked,
                      out + point * columns);
        }
    }
}

static void add_shards(struct ur_insight *insight, int32_t n_shards)
{
    const size_t steps = (size_t)insight->model->steps;
    for (int32_t stream = 0; stream < insight->streams; stream++)
        for (int32_t point = 0; point < insight->points; point++) {
            const size_t t = (size_t)point * (size_t)insight->stride;
            double sum = 0;
            for (int32_t shard = 0; shard < n_shards; shard++)
                sum += ur_insight_squares(insight, shard)[(size_t)stream * steps + t];
            insight->norms[stream * insight->points + point] = (float)sqrt(sum);
        }
}

static float norm(const float *values, size_t count)
{
    double squares;
    ur_vec_squares(&squares, values, count);
    return (float)sqrt(squares);
}

void ur_insight_finish(struct ur_insight *insight, int32_t n_shards, const float *weights,
                       const float *gradients)
{
    const struct ur_params *params = &insight->model->params;
    add_shards(insight, n_shards);
    for (int32_t k = 0; k < params->count; k++) {
        const struct ur_tensor *tensor = &params->items[k];
        insight->weight_norms[k] = norm(weights + tensor->offset, tensor->count);
        insight->gradient_norms[k] = norm(gradients + tensor->offset, tensor->count);
    }
}
