#include <jansson.h>

#include "http.h"
#include "request.h"
#include "unroll/limits.h"
#include "unroll/text.h"

/* Looks at the nesting before a tree is built: the parser's own limit is its stack. */
static bool too_deep(const char *json, size_t length)
{
    int depth = 0;
    bool in_string = false;
    for (size_t at = 0; at < length; at++) {
        char c = json[at];
        if (in_string && c == '\\')
            at++;
        else if (c == '"')
            in_string = !in_string;
        else if (!in_string && (c == '[' || c == '{') && ++depth > UR_JSON_MAX_DEPTH)
            return true;
        else if (!in_string && (c == ']' || c == '}'))
            depth--;
    }
    return false;
}

enum ur_status ur_request_json(const struct ur_request *request, struct json_t **root,
                               struct ur_error *error)
{
    if (too_deep(request->body, request->body_bytes))
        return ur_fail(error, UR_BAD_JSON, "The body nests deeper than %d levels.",
                       UR_JSON_MAX_DEPTH);
    json_error_t where;
    ur_http_parse_begin(request->http);
    *root = json_loadb(request->body, request->body_bytes, JSON_REJECT_DUPLICATES, &where);
    ur_http_parse_end(request->http);
    if (*root == NULL) {
        char text[JSON_ERROR_TEXT_LENGTH];
        ur_copy_printable(text, sizeof text, where.text);
        return ur_fail(error, UR_BAD_JSON, "Line %d, column %d: %s.", where.line, where.column,
                       text);
    }
    if (json_is_object(*root))
        return UR_OK;
    json_decref(*root);
    *root = NULL;
    return ur_fail(error, UR_BAD_JSON, "The body must be a JSON object.");
}
