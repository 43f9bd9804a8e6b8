#include "train_console.h"

#include <math.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "unroll/clock.h"

enum { DRAW_EVERY_US = 100000, CELLS = 20, MAX_COLUMNS = 200 };

void ur_console_init(struct ur_console *console, const struct ur_spec *spec, bool lines)
{
    *console = (struct ur_console){.bar = isatty(STDERR_FILENO) == 1,
                                   .lines = lines || isatty(STDOUT_FILENO) == 1,
                                   .batch = spec->train.batch,
                                   .display_every = spec->run.display_every};
}

float ur_console_eta(const struct ur_step_point *point, int32_t steps, int32_t batch)
{
    float images = (float)(steps - point->step) * (float)batch;
    return point->images_per_second > 0 ? images / point->images_per_second : 0.0F;
}

void ur_console_wipe(struct ur_console *console)
{
    if (console->shown)
        fputs("\r\033[K", stderr);
    console->shown = false;
}

static int columns(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return 80;
    return size.ws_col < MAX_COLUMNS ? size.ws_col : MAX_COLUMNS;
}

/* Draws one line, cut one short of the edge: a full one would wrap and could not be wiped. */
static void draw(struct ur_console *console, const char *line)
{
    fprintf(stderr, "\r%.*s\033[K", columns() - 1, line);
    console->shown = true;
}

/* True if a bar is wanted and the last one has stood for a while; force draws it anyway. */
static bool is_time(struct ur_console *console, bool force)
{
    int64_t now_us = ur_clock_us();
    if (!console->bar || (!force && now_us - console->drawn_us < DRAW_EVERY_US))
        return false;
    console->drawn_us = now_us;
    return true;
}

void ur_console_phase(struct ur_console *console, enum ur_phase phase, float done)
{
    static const char *const names[] = {"loading", "training", "evaluating", "saving"};
    char line[64];
    if (phase == UR_PHASE_TRAINING || !is_time(console, done <= 0))
        return;
    snprintf(line, sizeof line, "%3.0f %% %s", 100 * (double)done, names[phase]);
    draw(console, line);
}

static void cells(char out[CELLS + 1], double done)
{
    int full = (int)(done * CELLS);
    memset(out, '.', CELLS);
    memset(out, '#', (size_t)(full < CELLS ? full : CELLS));
    out[CELLS] = '\0';
}

static void draw_step(struct ur_console *console, const struct ur_step_point *point)
{
    char line[256], bar[CELLS + 1];
    double done = (double)point->step / console->steps;
    int left = (int)ur_console_eta(point, console->steps, console->batch);
    cells(bar, done);
    snprintf(line, sizeof line,
             "%3.0f %% [%s] step %d/%d  loss %.4f  acc %.3f  %.0f images/s  %d:%02d left",
             100 * done, bar, (int)point->step, (int)console->steps, (double)point->loss,
             (double)point->accuracy, (double)point->images_per_second, left / 60, left % 60);
    draw(console, line);
}

void ur_console_step(struct ur_console *console, const struct ur_step_point *point)
{
    if (console->lines && point->step % console->display_every == 0) {
        ur_console_wipe(console);
        printf("Iter %lld, Minibatch Loss= %.6f, Training Accuracy= %.5f\n",
               (long long)point->step * console->batch, (double)point->loss,
               (double)point->accuracy);
        fflush(stdout);
    }
    if (is_time(console, false))
        draw_step(console, point);
}

void ur_console_result(struct ur_console *console, const struct ur_train_result *result)
{
    ur_console_wipe(console);
    if (!console->lines)
        return;
    puts("Optimization Finished!");
    if (isfinite(result->test_first_128))
        printf("Testing Accuracy: %g\n", result->test_first_128);
    if (result->transfer.score.images > 0)
        printf("Accuracy on %s: %g\n", result->transfer.dataset,
               result->transfer.score.accuracy);
}
