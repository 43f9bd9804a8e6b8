#include "operations.h"

/* Products of each kind, in passes over T steps: forward takes one with W and one with U. */
struct passes {
    double with_w, with_u;
    bool dx; /* backward gives the layer below its gradient: one more with W */
};

static const struct passes FORWARD = {1, 1, false};
static const struct passes TRAINING = {2, 3, true};

static double gates(int32_t cell)
{
    return cell == UR_CELL_LSTM ? 4 : cell == UR_CELL_GRU ? 3 : 1;
}

/* The backward direction of the top layer, of which only the row that it reads first counts. */
static bool reads_one_row(const struct bench_shape *shape, int32_t layer, int32_t direction)
{
    return direction == 1 && layer == shape->layers - 1 && shape->readout == UR_READOUT_LAST;
}

static double direction_operations(const struct bench_shape *shape, int32_t layer,
                                   int32_t direction, struct passes passes)
{
    const double h = shape->hidden, directions = shape->bidirectional ? 2 : 1;
    const double width = layer == 0 ? shape->width : directions * h;
    const bool one_row = reads_one_row(shape, layer, direction);
    const double rows = (double)shape->batch * (one_row ? 1 : shape->steps);
    const double with_w = passes.with_w + (passes.dx && layer > 0 ? 1 : 0);
    const double with_u = one_row ? 0 : passes.with_u;
    return 2 * rows * gates(shape->cell) * h * (with_w * width + with_u * h);
}

static double operations(const struct bench_shape *shape, struct passes passes,
                         double dense_products)
{
    const int32_t directions = shape->bidirectional ? 2 : 1;
    double sum =
        dense_products * 2 * shape->batch * directions * shape->hidden * shape->classes;
    for (int32_t layer = 0; layer < shape->layers; layer++)
        for (int32_t direction = 0; direction < directions; direction++)
            sum += direction_operations(shape, layer, direction, passes);
    return sum;
}

double bench_forward_operations(const struct bench_shape *shape)
{
    return operations(shape, FORWARD, 1);
}

double bench_step_operations(const struct bench_shape *shape)
{
    return operations(shape, TRAINING, 3);
}
