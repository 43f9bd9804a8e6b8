/*
 * The learning rate of a step: a pure function of the spec and the step number, so a resumed
 * run needs no state for it.
 */
#ifndef UNROLL_TRAIN_SCHEDULE_H
#define UNROLL_TRAIN_SCHEDULE_H

#include <stdint.h>

#include "unroll/spec.h"

/* Gives the learning rate of step t, counted from 1. */
double ur_schedule_rate(const struct ur_spec *spec, int32_t t);

#endif
