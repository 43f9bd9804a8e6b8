#include "bench.h"

#include <stddef.h>

#include "unroll/text.h"

/* Options with a whole number, and those with the name of an enum's value. */
static const struct {
    const char *name;
    size_t offset; /* into struct bench_shape */
    int32_t high;
} numbers[] = {
    {"--layers", offsetof(struct bench_shape, layers), UR_MAX_LAYERS},
    {"--hidden", offsetof(struct bench_shape, hidden), UR_MAX_HIDDEN},
    {"--batch", offsetof(struct bench_shape, batch), UR_MAX_BATCH},
};

static const struct {
    const char *name, *pointer; /* in the spec's table */
    size_t offset;
} names[] = {
    {"--cell", "/model/cell", offsetof(struct bench_shape, cell)},
    {"--readout", "/model/readout", offsetof(struct bench_shape, readout)},
};

static bool parse_number(const char *value, int32_t high, int32_t *out)
{
    int64_t number;
    if (!ur_parse_int64(value, 1, high, &number))
        return false;
    *out = (int32_t)number;
    return true;
}

/* Looks a value up in the spec's own table, so that a new cell needs no line here. */
static bool parse_name(const char *pointer, const char *value, int32_t *out)
{
    char name[UR_NAME_BYTES];
    for (int32_t i = 0; strcmp(ur_spec_enum_name(pointer, i, name), "?") != 0; i++) {
        if (strcmp(name, value) == 0) {
            *out = i;
            return true;
        }
    }
    return false;
}

static bool parse_seconds(const char *value, double *out)
{
    char *end;
    *out = strtod(value, &end);
    return end != value && *end == '\0' && *out > 0 && *out <= 3600;
}

/* Reads one option that has a value; false if it is none or the value will not do. */
static bool parse_pair(struct bench_options *options, const char *name, const char *value)
{
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        int32_t *out = (int32_t *)(void *)((char *)&options->shape + numbers[i].offset);
        if (strcmp(name, numbers[i].name) == 0)
            return parse_number(value, numbers[i].high, out);
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        int32_t *out = (int32_t *)(void *)((char *)&options->shape + names[i].offset);
        if (strcmp(name, names[i].name) == 0)
            return parse_name(names[i].pointer, value, out);
    }
    if (strcmp(name, "--threads") == 0)
        return options->n_threads < BENCH_MAX_THREAD_COUNTS &&
               parse_number(value, UR_MAX_THREADS, &options->threads[options->n_threads++]);
    if (strcmp(name, "--seconds") == 0)
        return parse_seconds(value, &options->seconds);
    return false;
}

bool bench_parse(struct bench_options *options, int argc, char **argv)
{
    *options = (struct bench_options){.shape = {.cell = UR_CELL_LSTM,
                                                .readout = UR_READOUT_LAST,
                                                .layers = 1,
                                                .hidden = 128,
                                                .batch = 128,
                                                .steps = 28,
                                                .width = 28,
                                                .classes = 10},
                                      .seconds = 3};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--bidirectional") == 0) {
            options->shape.bidirectional = true;
        } else if (i + 1 < argc && parse_pair(options, argv[i], argv[i + 1])) {
            i++;
        } else {
            fprintf(stderr,
                    "%s: %s %s is not understood or out of range\n"
                    "usage: %s [--cell lstm|gru|rnn] [--bidirectional] [--layers 1..%d]\n"
                    "    [--readout last|final|mean|max] [--hidden 1..%d] [--batch 1..%d]\n"
                    "    [--threads 1..%d]... [--seconds S]\n",
                    argv[0], argv[i], i + 1 < argc ? argv[i + 1] : "", argv[0], UR_MAX_LAYERS,
                    UR_MAX_HIDDEN, UR_MAX_BATCH, UR_MAX_THREADS);
            return false;
        }
    }
    return true;
}

void bench_spec(const struct bench_shape *shape, struct ur_spec *spec)
{
    ur_spec_defaults(spec);
    ur_copy(spec->dataset, sizeof spec->dataset, "bench");
    spec->model.cell = shape->cell;
    spec->model.readout = shape->readout;
    spec->model.bidirectional = shape->bidirectional;
    spec->model.layers = shape->layers;
    spec->model.hidden = shape->hidden;
    spec->train.batch = shape->batch;
    spec->train.validation = 0;
}
