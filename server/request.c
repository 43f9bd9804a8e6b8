#include "request.h"

#include <ctype.h>
#include <strings.h>

#include "unroll/text.h"

const char *ur_request_header(const struct ur_request *request, const char *name)
{
    for (size_t at = 0; at < request->n_headers; at++)
        if (strcasecmp(request->headers[at].name, name) == 0)
            return request->headers[at].value;
    return NULL;
}

const char *ur_request_query(const struct ur_request *request, const char *name)
{
    for (size_t at = 0; at < request->n_query; at++)
        if (strcmp(request->query[at].name, name) == 0)
            return request->query[at].value;
    return NULL;
}

enum ur_status ur_request_integer(const struct ur_request *request, const char *name,
                                  int32_t low, int32_t high, int32_t *out,
                                  struct ur_error *error)
{
    const char *text = ur_request_query(request, name);
    if (text == NULL)
        return UR_OK;
    int64_t value = 0;
    if (!ur_parse_int64(text, low, high, &value))
        return ur_fail(error, UR_BAD_REQUEST,
                       "The parameter \"%s\" must be a whole number in %d..%d.", name, low,
                       high);
    *out = (int32_t)value;
    return UR_OK;
}

enum ur_status ur_request_number(const struct ur_request *request, const char *name, double low,
                                 double high, double *out, struct ur_error *error)
{
    const char *text = ur_request_query(request, name);
    if (text == NULL)
        return UR_OK;
    char *end = NULL;
    double value = strtod(text, &end);
    bool number = (isdigit((unsigned char)text[0]) || text[0] == '.') && *end == '\0';
    if (!number || value < low || value > high)
        return ur_fail(error, UR_BAD_REQUEST,
                       "The parameter \"%s\" must be a number in %g..%g.", name, low, high);
    *out = value;
    return UR_OK;
}

enum ur_status ur_request_choice(const struct ur_request *request, const char *name,
                                 const char *names, int32_t *out, struct ur_error *error)
{
    const char *text = ur_request_query(request, name);
    if (text == NULL)
        return UR_OK;
    size_t length = strlen(text);
    int32_t place = 0;
    for (const char *at = names; *at != '\0'; place++) {
        size_t span = strcspn(at, " ");
        if (span == length && memcmp(at, text, span) == 0) {
            *out = place;
            return UR_OK;
        }
        at += span + (at[span] == ' ');
    }
    return ur_fail(error, UR_BAD_REQUEST, "The parameter \"%s\" must be one of: %s.", name,
                   names);
}

bool ur_request_is_head(const struct ur_request *request)
{
    return strcmp(request->method, "HEAD") == 0;
}

/* True where an element's parameters hold q=0, q=0.0 and so on. */
static bool refused(const char *parameters, size_t length)
{
    const char *q = memmem(parameters, length, "q=0", 3);
    if (q == NULL)
        return false;
    for (q += 3; q < parameters + length && (*q == '.' || *q == '0'); q++)
        ;
    return q == parameters + length || !isdigit((unsigned char)*q);
}

bool ur_list_has(const char *list, char separator, const char *word)
{
    const char stops[] = {separator, '\0'};
    size_t length = strlen(word);
    for (const char *at = list; at != NULL && *at != '\0';) {
        at += strspn(at, " \t");
        size_t element = strcspn(at, stops);
        size_t span = strcspn(at, "; \t");
        if (span > element)
            span = element;
        if (span == length && strncasecmp(at, word, length) == 0 &&
            !refused(at + span, element - span))
            return true;
        at += element + (at[element] != '\0');
    }
    return false;
}
