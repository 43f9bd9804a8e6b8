/*
 * A job's specification: what to train, on what, how. One table (ur_spec_fields) holds every
 * field's address, type, range, default and help; parsing, checking, printing, the JSON Schema
 * behind the form in the page, and the tests all loop over it.
 *
 * Format: JSON, the shape of docs/spec.md. Only "dataset" is required; unknown fields are
 * errors, because they are typos. Fields of the contract that this version cannot vary yet are
 * in the table with the one value they may have. Units: as named in each field's help. Cost: a
 * parse of a few kilobytes. Errors: all field errors at once, each with its JSON pointer and
 * its limit. Ownership: struct ur_spec and struct ur_field_errors hold no pointers: copy them
 * freely. Threads: pure functions.
 */
#ifndef UNROLL_SPEC_H
#define UNROLL_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unroll/limits.h"
#include "unroll/status.h"
#include "unroll/text.h"

/* The built-in set of digits; the only one whose images can be fresh. */
#define UR_DIGITS_NAME "digits"

enum ur_cell { UR_CELL_LSTM, UR_CELL_RNN, UR_CELL_GRU };
enum ur_activation { UR_ACTIVATION_TANH, UR_ACTIVATION_RELU, UR_ACTIVATION_LINEAR };
enum ur_readout { UR_READOUT_LAST, UR_READOUT_MEAN, UR_READOUT_FINAL, UR_READOUT_MAX };
enum ur_init { UR_INIT_GLOROT, UR_INIT_NORMAL, UR_INIT_ORTHOGONAL, UR_INIT_PYTORCH };
enum ur_scan { UR_SCAN_ROWS, UR_SCAN_COLUMNS };
enum ur_optimizer {
    UR_OPTIMIZER_SGD,
    UR_OPTIMIZER_MOMENTUM,
    UR_OPTIMIZER_NESTEROV,
    UR_OPTIMIZER_RMSPROP,
    UR_OPTIMIZER_ADAM,
    UR_OPTIMIZER_ADAMW
};
enum ur_schedule {
    UR_SCHEDULE_CONSTANT,
    UR_SCHEDULE_STEP,
    UR_SCHEDULE_EXPONENTIAL,
    UR_SCHEDULE_COSINE,
    UR_SCHEDULE_ONECYCLE,
    UR_SCHEDULE_PLATEAU
};
enum ur_numerics {
    UR_NUMERICS_AUTO,
    UR_NUMERICS_AVX2,
    UR_NUMERICS_PORTABLE,
    UR_NUMERICS_NATIVE
};

struct ur_spec {
    char name[UR_NAME_BYTES];
    char tags[UR_MAX_TAGS][UR_NAME_BYTES];
    int32_t n_tags;
    char dataset[UR_NAME_BYTES];

    struct {
        int32_t count; /* generated sets: training images; a sixth as many test images come on
                          top */
        int64_t seed;  /* generated sets: which images */
        int32_t fresh; /* generated sets: other images every epoch */
    } data;

    struct {
        int32_t cell; /* enum ur_cell; enums are int32_t so that the table can address them */
        int32_t hidden;
        int32_t layers;
        int32_t bidirectional;
        int32_t activation; /* enum ur_activation */
        int32_t readout;    /* enum ur_readout */
        double forget_bias;
        double dropout;
        int32_t projection;
        int32_t init; /* enum ur_init */
        int32_t scan; /* enum ur_scan */
    } model;

    struct {
        int32_t steps;  /* 0: count in epochs */
        int32_t epochs; /* 0: count in steps */
        int32_t batch;
        int32_t shard_rows;
        int64_t seed;
        int32_t numerics;  /* enum ur_numerics */
        int32_t optimizer; /* enum ur_optimizer */
        double learning_rate;
        double beta1;
        double beta2;
        double epsilon;
        double momentum;
        double alpha;
        double weight_decay;
        int32_t schedule; /* enum ur_schedule; what its numbers mean: train/schedule.h */
        int32_t warmup_steps;
        int32_t step_size;
        double gamma;
        double min_factor;
        double pct_start;
        double div_factor;
        double final_div_factor;
        int32_t patience; /* plateau: epochs */
        double clip_norm; /* 0: none (null in JSON) */
        double label_smoothing;
        struct {
            int32_t on; /* 0: null in JSON */
            double shift, rotate, scale, shear, elastic;
        } augment;
        double ema;                      /* 0: none (null in JSON) */
        int32_t validation;              /* samples held back from training */
        char evaluate_on[UR_NAME_BYTES]; /* "": none (null in JSON) */
        struct {
            int32_t on; /* 0: null in JSON */
            int32_t patience;
            double min_delta;
        } early_stopping;
        int32_t time_budget_s; /* 0: none (null in JSON) */
        int32_t truncate_bptt; /* time steps; 0: all (null in JSON) */
    } train;

    struct {
        int32_t threads; /* 0: as many as the machine or the daemon gives */
        int32_t ranks;
        int32_t priority;
        int32_t checkpoint_s;
        int32_t display_every;
        int32_t insight_every; /* steps between records of gradients and gates; 0: none */
    } run;
};

/* One thing wrong with one field. */
struct ur_field_error {
    char pointer[96]; /* RFC 6901, "/train/batch" */
    char detail[160]; /* "must be 1..4096" */
};

enum { UR_MAX_FIELD_ERRORS = 64 };

struct ur_field_errors {
    int32_t count; /* of those kept */
    struct ur_field_error items[UR_MAX_FIELD_ERRORS];
};

enum ur_field_type {
    UR_FIELD_NAME,
    UR_FIELD_TAGS,
    UR_FIELD_INT,
    UR_FIELD_INT64,
    UR_FIELD_NUMBER,
    UR_FIELD_BOOL,
    UR_FIELD_ENUM,
    UR_FIELD_GROUP, /* an object or null; its members' rows follow, the flag says which */
    UR_FIELD_HOSTS
};

/* One row of the table. */
struct ur_spec_field {
    const char *pointer; /* "/train/optimizer/learning_rate" */
    enum ur_field_type type;
    size_t
        offset; /* into struct ur_spec; SIZE_MAX: nothing is stored (the field has one value) */
    double low, high; /* numbers; low excluded where open_low, high where open_high */
    bool open_low, open_high;
    bool nullable;     /* null means the stored value 0, or "" */
    double standard;   /* the default; an index into names for an enum */
    const char *names; /* enum values, separated by blanks */
    const char *unit;  /* "rows", "s", "" */
    const char *help;  /* one line */
};

/* Gives the table and its length. */
const struct ur_spec_field *ur_spec_fields(size_t *count);

/* Fills in every default; dataset stays "". */
void ur_spec_defaults(struct ur_spec *spec);

/*
 * Parses length bytes of JSON over the defaults. UR_BAD_JSON (with line and column), or
 * UR_INVALID_SPEC with every wrong field in *fields and the first one in error->detail. fields
 * may be NULL.
 */
enum ur_status ur_spec_parse(struct ur_spec *spec, const char *json, size_t length,
                             struct ur_field_errors *fields, struct ur_error *error);

/* Adds one field error; past UR_MAX_FIELD_ERRORS it is dropped. */
void ur_field_error_add(struct ur_field_errors *fields, const char *pointer, const char *format,
                        ...) __attribute__((format(printf, 3, 4)));

/* Appends the spec as JSON, every default filled in, always the same bytes for the same spec.
 */
void ur_spec_print(const struct ur_spec *spec, struct ur_text *out);

/* Appends the JSON Schema (2020-12) drawn from the table. */
void ur_spec_schema(struct ur_text *out);

/* Appends the part of the spec that decides the result (everything but name, tags and run), for
 * comparing a checkpoint with a spec. */
void ur_spec_print_result_part(const struct ur_spec *spec, struct ur_text *out);

/* Checks that a fork keeps what its parent's weights stand on: the network, the data, the
 * split, the numerics. UR_INVALID_SPEC with every field that differs in *fields, which may be
 * NULL. Whether its steps lie beyond the checkpoint is the caller's to check. */
enum ur_status ur_spec_check_fork(const struct ur_spec *parent, const struct ur_spec *child,
                                  struct ur_field_errors *fields, struct ur_error *error);

/* Gives the name of an enum field's value, "?" outside it: ur_spec_enum_name("/model/cell",
 * spec->model.cell). */
const char *ur_spec_enum_name(const char *pointer, int32_t value, char out[UR_NAME_BYTES]);

#endif
