#include "train/history.h"

#include <assert.h>
#include <math.h>

#include "unroll/wire.h"

static void write_sums(struct ur_writer *writer, const struct ur_history_sums *sums)
{
    ur_write_f64(writer, sums->loss);
    ur_write_u64(writer, (uint64_t)sums->correct);
    ur_write_u32(writer, (uint32_t)sums->steps);
}

static bool read_sums(struct ur_reader *reader, struct ur_history_sums *sums)
{
    sums->loss = ur_read_f64(reader);
    sums->correct = (int64_t)ur_read_u64(reader);
    sums->steps = (int32_t)ur_read_u32(reader);
    return isfinite(sums->loss) && sums->correct >= 0 && sums->steps >= 0;
}

static bool is_duration(double seconds)
{
    return isfinite(seconds) && seconds >= 0;
}

struct ur_history ur_history_start(void)
{
    return (struct ur_history){.plateau = ur_plateau_start(), .stopping = ur_stopping_start()};
}

void ur_history_encode(const struct ur_history *history, unsigned char bytes[UR_HISTORY_BYTES])
{
    struct ur_writer writer = ur_writer_of(bytes, UR_HISTORY_BYTES);
    ur_write_u32(&writer, UR_HISTORY_VERSION);
    write_sums(&writer, &history->sums);
    write_sums(&writer, &history->last);
    ur_write_u32(&writer, (uint32_t)history->epoch);
    ur_write_f64(&writer, history->seconds);
    ur_write_f64(&writer, history->step_seconds);
    ur_write_f64(&writer, history->epoch_seconds);
    ur_write_f64(&writer, history->plateau.factor);
    ur_write_f64(&writer, history->plateau.best);
    ur_write_u32(&writer, (uint32_t)history->plateau.waited);
    ur_write_f64(&writer, history->stopping.best);
    ur_write_u32(&writer, (uint32_t)history->stopping.waited);
    assert(!writer.failed && writer.used == UR_HISTORY_BYTES);
}

enum ur_status ur_history_decode(struct ur_history *history, const unsigned char *bytes,
                                 size_t n_bytes, struct ur_error *error)
{
    struct ur_reader reader = ur_reader_of(bytes, n_bytes);
    bool good = ur_read_u32(&reader) == UR_HISTORY_VERSION;
    good = read_sums(&reader, &history->sums) && good;
    good = read_sums(&reader, &history->last) && good;
    history->epoch = (int32_t)ur_read_u32(&reader);
    history->seconds = ur_read_f64(&reader);
    history->step_seconds = ur_read_f64(&reader);
    history->epoch_seconds = ur_read_f64(&reader);
    history->plateau.factor = ur_read_f64(&reader);
    history->plateau.best = ur_read_f64(&reader);
    history->plateau.waited = (int32_t)ur_read_u32(&reader);
    history->stopping.best = ur_read_f64(&reader);
    history->stopping.waited = (int32_t)ur_read_u32(&reader);
    good = good && ur_plateau_possible(&history->plateau) &&
           ur_stopping_possible(&history->stopping);
    good = good && ur_reader_done(&reader) && history->epoch >= 0;
    good = good && is_duration(history->seconds) && is_duration(history->step_seconds) &&
           is_duration(history->epoch_seconds);
    if (good)
        return UR_OK;
    *history = (struct ur_history){0};
    return ur_fail(error, UR_BAD_CHECKPOINT,
                   "The checkpoint's history section is not one of this version.");
}
