#include <jansson.h>
#include <math.h>

#include "train_json.h"

static json_t *number(float value)
{
    return isfinite(value) ? json_real((double)value) : json_null();
}

/* count numbers, every stride-th. */
static json_t *list(const float *values, int32_t count, int32_t stride)
{
    json_t *array = json_array();
    for (int32_t k = 0; k < count; k++)
        json_array_append_new(array, number(values[(size_t)k * (size_t)stride]));
    return array;
}

/* An object for a layer in one direction. */
static json_t *stream(const struct ur_insight *insight, int32_t index)
{
    const int32_t directions = insight->model->directions;
    json_t *object = json_object();
    json_object_set_new(object, "layer", json_integer(index / directions));
    json_object_set_new(object, "direction",
                        json_string(index % directions == 0 ? "forward" : "backward"));
    return object;
}

static json_t *gradients(const struct ur_insight *insight)
{
    json_t *array = json_array();
    for (int32_t k = 0; k < insight->streams; k++) {
        json_t *object = stream(insight, k);
        json_object_set_new(object, "norms",
                            list(insight->norms + k * insight->points, insight->points, 1));
        json_array_append_new(array, object);
    }
    return array;
}

static json_t *activity(const struct ur_insight *insight)
{
    json_t *array = json_array();
    const int32_t columns = insight->columns;
    for (int32_t k = 0; k < insight->streams; k++) {
        const float *values =
            insight->activity + (size_t)k * (size_t)(insight->points * columns);
        json_t *object = stream(insight, k);
        for (int32_t column = 0; column < columns; column++)
            json_object_set_new(object, ur_insight_column(insight->model->cell, column),
                                list(values + column, insight->points, columns));
        json_array_append_new(array, object);
    }
    return array;
}

static json_t *tensors(const struct ur_insight *insight)
{
    json_t *array = json_array();
    const struct ur_params *params = &insight->model->params;
    for (int32_t k = 0; k < params->count; k++) {
        json_t *object = json_object();
        json_object_set_new(object, "name", json_string(params->items[k].name));
        json_object_set_new(object, "weight_norm", number(insight->weight_norms[k]));
        json_object_set_new(object, "gradient_norm", number(insight->gradient_norms[k]));
        json_array_append_new(array, object);
    }
    return array;
}

void ur_json_insight(int32_t step, const struct ur_insight *insight, struct ur_text *out)
{
    json_t *object = json_object();
    json_object_set_new(object, "step", json_integer(step));
    json_object_set_new(object, "time_steps", json_integer(insight->model->steps));
    json_object_set_new(object, "stride", json_integer(insight->stride));
    json_object_set_new(object, "gradients", gradients(insight));
    json_object_set_new(object, "activity", activity(insight));
    json_object_set_new(object, "tensors", tensors(insight));
    char *text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(5));
    if (text != NULL)
        ur_text_append(out, text, strlen(text));
    else
        out->failed = true;
    free(text);
    json_decref(object);
}

void ur_json_gradients(FILE *file, const char *json)
{
    /* The text is an object: its opening brace makes room for the event's name. */
    fprintf(file, "{\"event\":\"gradients\",%s\n", json + 1);
}
