/*
 * What the dense layer sees of one direction of a recurrent layer: the last time step, the
 * first (where a direction that reads backwards ends), the mean of all, or the largest of all.
 * Of rows that are shorter than T only their own steps count.
 *
 * Shapes: y, dy [T][B][H]  out, dout [B][H]  lengths [B]. Cost: at most one pass over y.
 * Errors: none. Threads: pure functions.
 */
#ifndef UNROLL_LAYERS_READOUT_H
#define UNROLL_LAYERS_READOUT_H

#include <stddef.h>
#include <stdint.h>

#include "layers/recurrent.h"

/* out = y[T - 1]; block is B*H. */
void ur_readout_last_forward(float *out, const float *y, int32_t steps, size_t block);

/* Gives dy: dout at the last step alone. Borrows dout. */
struct ur_output_gradient ur_readout_last_backward(const float *dout, int32_t steps);

/* out = y[0]. */
void ur_readout_first_forward(float *out, const float *y, size_t block);

/* Gives dy: dout at the first step alone. Borrows dout. */
struct ur_output_gradient ur_readout_first_backward(const float *dout);

/* out = (y[0] + .. + y[T - 1]) / T, summed in that order. */
void ur_readout_mean_forward(float *out, const float *y, int32_t steps, size_t block);

/* Gives dy: dout / T at every step. Scales dout in place and borrows it. */
struct ur_output_gradient ur_readout_mean_backward(float *dout, int32_t steps, size_t block);

/* out = the largest of y[0] .. y[T - 1], unit by unit; NaN where the first step has one. */
void ur_readout_max_forward(float *out, const float *y, int32_t steps, size_t block);

/* Writes dy: dout at the first of the steps that have the value out. Overwrites dout. */
struct ur_output_gradient ur_readout_max_backward(float *dy, float *dout, const float *out,
                                                  const float *y, int32_t steps, size_t block);

/* An output whose rows have lengths of their own, 1..steps. */
struct ur_readout_rows {
    const int32_t *lengths;
    int32_t steps;
    size_t rows, hidden; /* B H */
};

/* Each gives a row the bits that it has alone, at its own length, from the function above. */
void ur_readout_last_forward_rows(float *out, const float *y, struct ur_readout_rows of);
void ur_readout_mean_forward_rows(float *out, const float *y, struct ur_readout_rows of);
void ur_readout_max_forward_rows(float *out, const float *y, struct ur_readout_rows of);

/* Gives dy: dout at each row's last step alone. Borrows dout. */
struct ur_output_gradient ur_readout_last_backward_rows(const float *dout, int32_t steps);

/* Gives dy: dout / length at every step, those past the length included, which a layer with
 * lengths passes over. Scales dout in place and borrows it. ur_readout_max_backward serves
 * rows of any length: past it there is nothing left to give. */
struct ur_output_gradient ur_readout_mean_backward_rows(float *dout, struct ur_readout_rows of);

#endif
