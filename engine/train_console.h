/*
 * What a person at a terminal sees: a progress bar on standard error and the textbook's lines
 * on standard output.
 *
 *     42 % [########............] step 328/781  loss 0.4312  8211 images/s  0:03 left
 *     Iter 1280, Minibatch Loss= 1.876283, Training Accuracy= 0.37500
 *
 * The bar is drawn only where standard error is a terminal, at most ten times a second, never
 * wider than it; the lines where they are asked for or standard output is a terminal. Where
 * both share one terminal the bar is wiped before a line is printed. Threads: one.
 */
#ifndef UNROLL_TRAIN_CONSOLE_H
#define UNROLL_TRAIN_CONSOLE_H

#include "train/trainer.h"

struct ur_console {
    bool bar;
    bool lines;
    bool shown; /* there is a bar to wipe */
    int64_t drawn_us;
    int32_t steps; /* in all */
    int32_t batch;
    int32_t display_every;
};

void ur_console_init(struct ur_console *console, const struct ur_spec *spec, bool lines);
void ur_console_phase(struct ur_console *console, enum ur_phase phase, float done);
void ur_console_step(struct ur_console *console, const struct ur_step_point *point);

/* Prints the textbook's last lines. */
void ur_console_result(struct ur_console *console, const struct ur_train_result *result);

/* Wipes the bar, so that something else can be printed. */
void ur_console_wipe(struct ur_console *console);

/* Gives the seconds that are left at the pace of a point. */
float ur_console_eta(const struct ur_step_point *point, int32_t steps, int32_t batch);

#endif
