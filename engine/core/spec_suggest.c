#include "core/spec_suggest.h"

#include "unroll/spec.h"

enum { KEY_BYTES = 64, NOT_ALIKE = 3 /* edits: as many make another word */ };

static size_t minimum(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Counts the letters to insert, delete or replace. Source: V. Levenshtein, 1966. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[KEY_BYTES];
    size_t a_length = strlen(a), b_length = strlen(b);
    if (a_length >= KEY_BYTES || b_length >= KEY_BYTES)
        return SIZE_MAX;
    for (size_t j = 0; j <= b_length; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t above = row[j];
            size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
            row[j] = minimum(minimum(row[j], row[j - 1]) + 1, replaced);
            diagonal = above;
        }
    }
    return row[b_length];
}

/* Gives the length of the part of pointer that could have stood in place of group/key: the
 * neighbour below group, or the whole of a field elsewhere. */
static size_t candidate_length(const char *pointer, const char *group, bool *neighbour)
{
    size_t depth = strlen(group);
    *neighbour = strncmp(pointer, group, depth) == 0 && pointer[depth] == '/';
    return *neighbour ? depth + 1 + strcspn(pointer + depth + 1, "/") : strlen(pointer);
}

void ur_spec_suggest(const char *group, const char *key, char *out, size_t size)
{
    size_t count, best = SIZE_MAX;
    const struct ur_spec_field *fields = ur_spec_fields(&count);
    out[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        bool neighbour;
        char pointer[96];
        size_t length = candidate_length(fields[i].pointer, group, &neighbour);
        snprintf(pointer, sizeof pointer, "%.*s", (int)length, fields[i].pointer);
        size_t distance = edit_distance(strrchr(pointer, '/') + 1, key);
        if (distance >= NOT_ALIKE || distance >= strlen(key))
            continue;
        size_t cost = 2 * distance + !neighbour;
        if (cost < best) {
            best = cost;
            ur_copy(out, size, pointer);
        }
    }
}
