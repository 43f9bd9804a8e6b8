#include "train_json.h"

#include <jansson.h>
#include <math.h>

/* A matrix or a list of more classes makes no line that anybody wants to read. */
enum { MAX_CLASSES = 100 };

enum { DUMP = JSON_COMPACT | JSON_REAL_PRECISION(9) };

/* json_real refuses NaN and infinities, and an object would then silently lack the key. */
static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static void put(json_t *object, const char *key, json_t *value)
{
    json_object_set_new(object, key, value);
}

static void put_loss(json_t *object, const char *key, double loss)
{
    put(object, key, number(loss));
    if (!isfinite(loss))
        put(object, "diverged", json_true());
}

static json_t *score(const struct ur_score *score)
{
    if (score->images == 0)
        return json_null();
    json_t *object = json_object();
    put_loss(object, "loss", score->loss);
    put(object, "accuracy", number(score->accuracy));
    put(object, "images", json_integer(score->images));
    return object;
}

static json_t *confusion(const uint32_t *counts, int32_t classes)
{
    if (counts == NULL || classes > MAX_CLASSES)
        return json_null();
    json_t *rows = json_array();
    for (int32_t truth = 0; truth < classes; truth++) {
        json_t *row = json_array();
        for (int32_t named = 0; named < classes; named++)
            json_array_append_new(
                row, json_integer(counts[(size_t)truth * (size_t)classes + (size_t)named]));
        json_array_append_new(rows, row);
    }
    return rows;
}

/* The share of each class's sequences that was named right; null for a class without any. */
static json_t *class_accuracy(const uint32_t *counts, int32_t classes)
{
    if (counts == NULL || classes > MAX_CLASSES)
        return json_null();
    json_t *list = json_array();
    for (int32_t truth = 0; truth < classes; truth++) {
        const uint32_t *row = counts + (size_t)truth * (size_t)classes;
        uint64_t sum = 0;
        for (int32_t named = 0; named < classes; named++)
            sum += row[named];
        json_array_append_new(list, sum > 0 ? json_real((double)row[truth] / (double)sum)
                                            : json_null());
    }
    return list;
}

/* A score with the accuracy of each class. */
static json_t *score_of_classes(const struct ur_score *numbers, const uint32_t *counts,
                                int32_t classes)
{
    json_t *object = score(numbers);
    if (json_is_object(object))
        put(object, "classes", class_accuracy(counts, classes));
    return object;
}

static json_t *transfer_object(const struct ur_transfer *transfer, int32_t classes)
{
    if (transfer->dataset[0] == '\0')
        return json_null();
    json_t *object = json_object();
    json_t *numbers = score_of_classes(&transfer->score, transfer->confusion, classes);
    put(object, "dataset", json_string(transfer->dataset));
    put(object, "dataset_sha256", json_string(transfer->dataset_sha256));
    json_object_update(object, numbers);
    json_decref(numbers);
    return object;
}

static json_t *spec_object(const struct ur_spec *spec)
{
    struct ur_text text;
    ur_text_init(&text, UR_JSON_MAX_BYTES);
    ur_spec_print(spec, &text);
    json_t *object = json_loads(ur_text_get(&text), 0, NULL);
    ur_text_release(&text);
    return object != NULL ? object : json_null();
}

static const char *state_name(const struct ur_train_result *result)
{
    if (result->status == UR_DIVERGED)
        return "diverged";
    return result->stopped ? "stopped" : "succeeded";
}

static const char *ending_name(enum ur_ending ending)
{
    static const char *const names[] = {"steps", "early_stopping", "time_budget", "command",
                                        "divergence"};
    return names[ending];
}

static void append(json_t *object, struct ur_text *out)
{
    char *text = json_dumps(object, DUMP);
    if (text != NULL)
        ur_text_append(out, text, strlen(text));
    else
        out->failed = true;
    free(text);
    json_decref(object);
}

void ur_json_report(const struct ur_train_result *result, struct ur_text *out)
{
    json_t *report = json_object();
    put(report, "state", json_string(state_name(result)));
    put(report, "input", json_string(result->series ? "series" : "images"));
    put(report, "ended_by", json_string(ending_name(result->ended_by)));
    put(report, "steps", json_integer(result->steps));
    put(report, "model_step", json_integer(result->model_step));
    put(report, "epochs", json_integer(result->epochs));
    put(report, "train", score(&result->train));
    put(report, "validation", score(&result->validation));
    put(report, "test", score_of_classes(&result->test, result->confusion, result->classes));
    put(report, "test_first_128", number(result->test_first_128));
    put(report, "transfer", transfer_object(&result->transfer, result->classes));
    put(report, "seconds", number(result->seconds));
    put(report, "images_per_second", number(result->images_per_second));
    put(report, "weights_sha256", json_string(result->weights_sha256));
    put(report, "numerics_profile", json_string(result->numerics_profile));
    put(report, "spec", spec_object(result->spec));
    put(report, "confusion", confusion(result->confusion, result->classes));
    append(report, out);
}

static json_t *shape_object(const struct ur_data_shape *shape)
{
    json_t *object = json_object();
    put(object, "steps", json_integer(shape->steps));
    put(object, "width", json_integer(shape->width));
    put(object, "classes", json_integer(shape->classes));
    put(object, "n_train", json_integer(shape->n_train));
    put(object, "n_test", json_integer(shape->n_test));
    return object;
}

static json_t *labels_of(const struct ur_dataset *dataset)
{
    json_t *list = json_array();
    for (int32_t k = 0; k < dataset->shape.classes; k++)
        json_array_append_new(list, json_string(dataset->labels[k]));
    return list;
}

void ur_json_dataset(const struct ur_dataset *dataset, struct ur_text *out)
{
    json_t *object = json_object();
    put(object, "name", json_string(dataset->name));
    put(object, "kind", json_string(dataset->kind));
    put(object, "sha256", json_string(dataset->sha256));
    put(object, "shape", shape_object(&dataset->shape));
    if (!ur_dataset_is_image(dataset)) {
        put(object, "labels", labels_of(dataset));
        put(object, "mean", number(dataset->mean));
        put(object, "deviation", number(dataset->deviation));
    }
    append(object, out);
}

static json_t *event(const char *name)
{
    json_t *object = json_object();
    put(object, "event", json_string(name));
    return object;
}

static void write_line(FILE *file, json_t *object)
{
    json_dumpf(object, file, DUMP);
    putc('\n', file);
    json_decref(object);
}

void ur_json_start(FILE *file, const struct ur_train_start *start)
{
    json_t *object = event("start");
    put(object, "steps", json_integer(start->steps));
    put(object, "first_step", json_integer(start->first_step));
    put(object, "threads", json_integer(start->threads));
    put(object, "parameters", json_integer((json_int_t)start->n_parameters));
    put(object, "memory_bytes", json_integer((json_int_t)start->memory_bytes));
    put(object, "dataset_sha256", json_string(start->dataset_sha256));
    put(object, "shape", shape_object(&start->shape));
    write_line(file, object);
}

void ur_json_phase(FILE *file, enum ur_phase phase, float done)
{
    static const char *const names[] = {"loading", "training", "evaluating", "saving"};
    json_t *object = event("phase");
    put(object, "phase", json_string(names[phase]));
    put(object, "done", number((double)done));
    write_line(file, object);
}

void ur_json_step(FILE *file, const struct ur_step_point *point, int32_t steps, float eta_s)
{
    json_t *object = event("step");
    put(object, "step", json_integer(point->step));
    put(object, "epoch", json_integer(point->epoch + 1)); /* JSON counts epochs from 1 */
    put_loss(object, "loss", (double)point->loss);
    put(object, "accuracy", number((double)point->accuracy));
    put(object, "learning_rate", number((double)point->learning_rate));
    put(object, "gradient_norm", number((double)point->gradient_norm));
    put(object, "images_per_second", number((double)point->images_per_second));
    put(object, "progress", number((double)point->step / steps));
    put(object, "eta_s", number((double)eta_s));
    write_line(file, object);
}

void ur_json_epoch(FILE *file, const struct ur_record_epoch *epoch)
{
    json_t *object = event("epoch");
    put(object, "epoch", json_integer(epoch->epoch));
    put(object, "step", json_integer(epoch->step));
    put(object, "train_loss", number((double)epoch->train_loss));
    put(object, "train_accuracy", number((double)epoch->train_accuracy));
    put(object, "validation_loss", number((double)epoch->validation_loss));
    put(object, "validation_accuracy", number((double)epoch->validation_accuracy));
    put(object, "seconds", number((double)epoch->seconds));
    put(object, "weights_sha256", json_string(epoch->weights_sha256));
    write_line(file, object);
}

void ur_json_checkpoint(FILE *file, const struct ur_record_checkpoint *checkpoint)
{
    static const char *const names[] = {"last", "best", "model"};
    json_t *object = event("checkpoint");
    put(object, "kind", json_string(names[checkpoint->kind]));
    put(object, "step", json_integer(checkpoint->step));
    put(object, "bytes", json_integer((json_int_t)checkpoint->bytes));
    put(object, "weights_sha256", json_string(checkpoint->weights_sha256));
    write_line(file, object);
}

void ur_json_confusion(FILE *file, const struct ur_record_confusion *record)
{
    static const char *const names[] = {"train", "validation", "test"};
    json_t *object = event("confusion");
    put(object, "epoch", json_integer(record->epoch));
    put(object, "split", json_string(names[record->split]));
    put(object, "counts", confusion(record->counts, record->classes));
    write_line(file, object);
}

void ur_json_end(FILE *file, enum ur_status status, const char *detail, const char *report_json)
{
    json_t *object = event("end");
    json_t *report = json_loads(report_json, 0, NULL);
    put(object, "status", json_string(ur_status_code(status)));
    put(object, "detail", json_string(detail));
    put(object, "report", report != NULL ? report : json_null());
    write_line(file, object);
}
