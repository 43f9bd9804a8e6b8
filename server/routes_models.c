#include "predictor.h"

#include <math.h>

#include "http.h"
#include "json_text.h"
#include "routes.h"
#include "unroll/limits.h"

enum { DEFAULT_TOP = 3 };

enum ur_status ur_route_models(const struct ur_request *request, struct ur_reply *reply,
                               struct ur_error *error)
{
    reply->document = true;
    return ur_predictor_models(request->server->predictor, &reply->text, error);
}

static enum ur_status check_name(const char *name, struct ur_error *error)
{
    if (strlen(name) >= UR_NAME_BYTES)
        return ur_fail(error, UR_NOT_FOUND, "There is no model of that name.");
    return UR_OK;
}

/* Reads {m} and {v}; without {v} the version is 0, the newest. */
static enum ur_status read_version(const struct ur_request *request, int32_t *version,
                                   struct ur_error *error)
{
    *version = 0;
    int64_t number = 0;
    enum ur_status status = check_name(request->params[0], error);
    if (status != UR_OK || request->params[1][0] == '\0')
        return status;
    if (!ur_parse_int64(request->params[1], 1, INT32_MAX, &number))
        return ur_fail(error, UR_NOT_FOUND, "There is no version of that number.");
    *version = (int32_t)number;
    return UR_OK;
}

enum ur_status ur_route_model_version(const struct ur_request *request, struct ur_reply *reply,
                                      struct ur_error *error)
{
    int32_t version = 0;
    enum ur_status status = read_version(request, &version, error);
    reply->document = true;
    if (status != UR_OK)
        return status;
    return ur_predictor_model(request->server->predictor, request->params[0], version,
                              &reply->text, error);
}

enum ur_status ur_route_model(const struct ur_request *request, struct ur_reply *reply,
                              struct ur_error *error)
{
    return ur_route_model_version(request, reply, error);
}

enum ur_status ur_route_model_delete(const struct ur_request *request, struct ur_reply *reply,
                                     struct ur_error *error)
{
    int32_t version = 0;
    enum ur_status status = read_version(request, &version, error);
    if (status == UR_OK)
        status = ur_predictor_model_delete(request->server->predictor, request->params[0],
                                           version, error);
    if (status == UR_OK) {
        reply->status = 204;
        reply->type = NULL;
    }
    return status;
}

struct options {
    int32_t top, image, preprocess;
    double threshold;
};

static enum ur_status read_options(const struct ur_request *request, struct options *options,
                                   struct ur_error *error)
{
    *options = (struct options){.top = DEFAULT_TOP};
    enum ur_status status =
        ur_request_integer(request, "top", 1, UR_MAX_CLASSES, &options->top, error);
    if (status == UR_OK)
        status = ur_request_number(request, "threshold", 0, 1, &options->threshold, error);
    if (status == UR_OK) /* the order of enum ur_preprocess */
        status =
            ur_request_choice(request, "preprocess", "auto none", &options->preprocess, error);
    if (status == UR_OK)
        status = ur_request_integer(request, "image", 0, 1, &options->image, error);
    return status;
}

/* Gives the class of the largest probability below the one found before; -1: the largest. Equal
 * ones follow each other by class. */
static int32_t next_best(const struct ur_predict_answer *answer, int32_t before)
{
    int32_t best = -1;
    for (int32_t class = 0; class < answer->classes; class ++) {
        float p = answer->probabilities[class];
        if (before >= 0) {
            float q = answer->probabilities[before];
            if (p > q || (p >= q && class <= before))
                continue;
        }
        if (best < 0 || p > answer->probabilities[best])
            best = class;
    }
    return best;
}

static void print_prediction(const struct options *options,
                             const struct ur_classify_reply *answered, struct ur_text *json)
{
    const struct ur_predict_answer *answer = &answered->answer;
    int32_t best = next_best(answer, -1);
    double probability = best < 0 ? (double)NAN : (double)answer->probabilities[best];
    ur_json_key(json, "label");
    if (best < 0 || probability < options->threshold)
        ur_text_format(json, "null");
    else
        ur_text_format(json, "\"%d\"", best);
    ur_json_key_number(json, "probability", probability);
    ur_json_key(json, "top");
    ur_text_append(json, "[", 1);
    for (int32_t rank = 0; rank < options->top && best >= 0; rank++) {
        ur_json_comma(json);
        ur_text_format(json, "[\"%d\",", best);
        ur_json_number(json, (double)answer->probabilities[best]);
        ur_text_append(json, "]", 1);
        best = next_best(answer, best);
    }
    ur_text_append(json, "]", 1);
    ur_json_key_boolean(json, "digit", true);
    ur_json_key_integer(json, "rows_read", answer->rows_read);
    if (answered->image == NULL)
        return;
    ur_json_key(json, "image");
    ur_text_append(json, "\"", 1);
    ur_text_base64(json, answered->image, answered->image_bytes);
    ur_text_append(json, "\"", 1);
}

static void print_reply(const struct options *options, const struct ur_classify_reply *answered,
                        struct ur_text *json)
{
    ur_text_append(json, "{", 1);
    ur_json_key_string(json, "model", answered->model);
    ur_json_key_integer(json, "version", answered->version);
    ur_json_key(json, "predictions");
    ur_text_append(json, "[{", 2);
    print_prediction(options, answered, json);
    ur_text_append(json, "}]", 2);
    ur_json_key_integer(json, "latency_us", answered->answer.latency_us);
    ur_text_append(json, "}", 1);
}

enum ur_status ur_route_classify(const struct ur_request *request, struct ur_reply *reply,
                                 struct ur_error *error)
{
    struct options options;
    struct ur_classify_request ask = {.body = (const unsigned char *)request->body,
                                      .body_bytes = request->body_bytes};
    enum ur_status status = read_options(request, &options, error);
    if (status == UR_OK)
        status = read_version(request, &ask.version, error);
    if (status == UR_OK && request->body_bytes == 0)
        status = ur_fail(error, UR_BAD_IMAGE,
                         "The body is empty: send a PNG, a JPEG, a PGM or raw bytes.");
    if (status != UR_OK)
        return status;
    ask.model = request->params[0][0] != '\0' ? request->params[0] : NULL;
    ask.preprocess = (enum ur_preprocess)options.preprocess;
    ask.want_image = options.image != 0;

    struct ur_classify_reply *answered = calloc(1, sizeof *answered);
    if (answered == NULL)
        return ur_fail(error, UR_NO_MEMORY, "There is no memory for the answer.");
    status = ur_predictor_classify(request->server->predictor, &ask, answered, error);
    if (status == UR_OK)
        print_reply(&options, answered, &reply->text);
    free(answered->image);
    free(answered);
    return status;
}
