#include "unroll/clock.h"

#include <time.h>

static int64_t now_us(clockid_t which)
{
    struct timespec now = {0};
    clock_gettime(which, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t ur_clock_us(void)
{
    return now_us(CLOCK_MONOTONIC);
}

int64_t ur_clock_wall_us(void)
{
    return now_us(CLOCK_REALTIME);
}

void ur_clock_format(int64_t wall_us, char out[UR_TIMESTAMP_BYTES])
{
    int64_t seconds = wall_us / 1000000;
    int64_t rest = wall_us % 1000000;
    if (rest < 0) { /* C rounds towards zero, a calendar rounds down */
        rest += 1000000;
        seconds--;
    }

    time_t whole = (time_t)seconds;
    struct tm parts = {0};
    gmtime_r(&whole, &parts);
    char date[UR_TIMESTAMP_BYTES - 8] = "";
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(out, UR_TIMESTAMP_BYTES, "%s.%03dZ", date, (int)(rest / 1000));
}
