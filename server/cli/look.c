#include "cli/look.h"

#include <math.h>

#include "unroll/text.h"

const json_t *ur_look(const json_t *json, const char *path)
{
    while (json != NULL && *path != '\0') {
        char key[64];
        size_t length = strcspn(path, "/");
        snprintf(key, sizeof key, "%.*s", (int)length, path);
        json = json_object_get(json, key);
        path += length + (path[length] == '/');
    }
    return json;
}

const char *ur_look_text(const json_t *json, const char *path)
{
    const char *text = json_string_value(ur_look(json, path));
    return text != NULL ? text : "";
}

double ur_look_number(const json_t *json, const char *path)
{
    const json_t *value = ur_look(json, path);
    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

void ur_show(FILE *file, const char *text, int width)
{
    char safe[2048];
    ur_copy_printable(safe, sizeof safe, text);
    fprintf(file, "%-*s", width, safe);
}

static void show_scalar(FILE *file, const json_t *value)
{
    if (json_is_string(value)) {
        ur_show(file, json_string_value(value), 0);
        return;
    }
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(9));
    if (text != NULL)
        ur_show(file, text, 0);
    free(text);
}

/* A short list of plain values reads best in its line. */
static bool is_plain_list(const json_t *value)
{
    for (size_t i = 0; i < json_array_size(value); i++)
        if (json_is_object(json_array_get(value, i)) || json_is_array(json_array_get(value, i)))
            return false;
    return true;
}

static void show_list(FILE *file, const json_t *list, int indent)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        fprintf(file, "%*s-\n", indent, "");
        ur_show_lines(file, json_array_get(list, i), indent + 2);
    }
}

void ur_show_lines(FILE *file, const json_t *json, int indent)
{
    if (!json_is_object(json)) {
        fprintf(file, "%*s", indent, "");
        show_scalar(file, json);
        fputc('\n', file);
        return;
    }
    /* The iterator of jansson 2.14 takes no const object, and does not change it. */
    json_t *object = json_incref((json_t *)(uintptr_t)json);
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        fprintf(file, "%*s", indent, "");
        ur_show(file, key, 0);
        fputc(':', file);
        bool inside = json_is_object(value) || (json_is_array(value) && !is_plain_list(value));
        if (!inside) {
            fputc(' ', file);
            show_scalar(file, value);
        }
        fputc('\n', file);
        if (json_is_object(value))
            ur_show_lines(file, value, indent + 2);
        else if (inside)
            show_list(file, value, indent + 2);
    }
    json_decref(object);
}

void ur_show_json(FILE *file, const json_t *json)
{
    char *text = json_dumps(json, JSON_ENCODE_ANY | JSON_COMPACT | JSON_ENSURE_ASCII |
                                      JSON_REAL_PRECISION(9));
    if (text != NULL)
        fprintf(file, "%s\n", text);
    free(text);
}
