/*
 * Clipping of the gradient by its global norm: one factor for all tensors, so the direction
 * stays.
 *
 * Source: R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty of training recurrent neural
 * networks", ICML 2013.
 */
#ifndef UNROLL_TRAIN_CLIP_H
#define UNROLL_TRAIN_CLIP_H

/* Gives the factor that brings a gradient of this norm to at most limit; 1 for a limit of 0
 * (no clipping) or a norm within it. */
float ur_clip_factor(double norm, double limit);

#endif
