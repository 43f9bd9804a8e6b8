#include "cli/progress.h"

#include <math.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/look.h"
#include "unroll/clock.h"

enum { REDRAW_US = 100000, CELLS = 24, NARROW = 80, MAX_COLUMNS = 200 };

void ur_progress_init(struct ur_progress *progress)
{
    *progress = (struct ur_progress){.terminal = isatty(STDERR_FILENO) == 1, .tenth = -1};
}

static int columns(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return NARROW;
    return size.ws_col < MAX_COLUMNS ? size.ws_col : MAX_COLUMNS;
}

void ur_progress_duration(double seconds, char *out, size_t size)
{
    if (!(seconds >= 0 && seconds < 1e9)) {
        snprintf(out, size, "-");
        return;
    }
    long whole = lround(seconds);
    if (whole >= 3600)
        snprintf(out, size, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
    else
        snprintf(out, size, "%ld:%02ld", whole / 60, whole % 60);
}

void ur_progress_wipe(struct ur_progress *progress)
{
    if (progress->drawn)
        fputs("\r\033[K", stderr);
    progress->drawn = false;
}

void ur_progress_line(struct ur_progress *progress, const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    ur_progress_wipe(progress);
    ur_show(stderr, line, 0);
    fputc('\n', stderr);
}

/* What a number looks like where there may be none: a diverged loss is null in JSON. */
static void show_loss(double loss, char *out, size_t size)
{
    if (isfinite(loss))
        snprintf(out, size, "%.4f", loss);
    else
        snprintf(out, size, "not finite");
}

static void describe(const json_t *step, char *out, size_t size)
{
    char loss[24], left[24];
    show_loss(ur_look_number(step, "loss"), loss, sizeof loss);
    ur_progress_duration(ur_look_number(step, "eta_s"), left, sizeof left);
    snprintf(out, size, "step %.0f  loss %s  accuracy %.1f %%  %.0f images/s  %s left",
             ur_look_number(step, "step"), loss, 100 * ur_look_number(step, "accuracy"),
             ur_look_number(step, "images_per_second"), left);
}

/* One cell short of the edge: a full line would wrap, and could not be wiped. */
static void draw(struct ur_progress *progress, double done, const char *text)
{
    char bar[CELLS + 1], line[256];
    int full = (int)(done * CELLS);
    memset(bar, '.', CELLS);
    memset(bar, '#', (size_t)full);
    bar[CELLS] = '\0';
    snprintf(line, sizeof line, "%3.0f %% [%s] %s", 100 * done, bar, text);
    fprintf(stderr, "\r%.*s\033[K", columns() - 1, line);
    fflush(stderr);
    progress->drawn = true;
}

void ur_progress_step(struct ur_progress *progress, const json_t *step)
{
    double done = ur_look_number(step, "progress");
    if (!(done >= 0))
        done = 0;
    if (done > 1)
        done = 1;
    char text[192];
    describe(step, text, sizeof text);
    if (progress->terminal) {
        int64_t now_us = ur_clock_us();
        if (progress->drawn && now_us - progress->drawn_us < REDRAW_US && done < 1)
            return;
        progress->drawn_us = now_us;
        draw(progress, done, text);
    } else if ((int)(done * 10) > progress->tenth) {
        progress->tenth = (int)(done * 10);
        fprintf(stderr, "%3.0f %%  %s\n", 100 * done, text);
    }
}
