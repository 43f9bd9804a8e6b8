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

/* Takes the first length bytes of pointer as the suggestion if their last word is closer to key
 * than the best so far. extra makes distant fields lose a tie. */
static void consider(const char *pointer, size_t length, const char *key, size_t extra,
                     size_t *best, char *out, size_t size)
{
    char candidate[96];
    snprintf(candidate, sizeof candidate, "%.*s", (int)length, pointer);
    size_t distance = edit_distance(strrchr(candidate, '/') + 1, key);
    if (distance >= NOT_ALIKE || distance >= strlen(key) || 2 * distance + extra >= *best)
        return;
    *best = 2 * distance + extra;
    ur_copy(out, size, candidate);
}

void ur_spec_suggest(const char *group, const char *key, char *out, size_t size)
{
    size_t count, best = SIZE_MAX, depth = strlen(group);
    const struct ur_spec_field *fields = ur_spec_fields(&count);
    out[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        const char *pointer = fields[i].pointer;
        bool neighbour = strncmp(pointer, group, depth) == 0 && pointer[depth] == '/';
        if (neighbour)
            consider(pointer, depth + 1 + strcspn(pointer + depth + 1, "/"), key, 0, &best, out,
                     size);
        consider(pointer, strlen(pointer), key, 1, &best, out, size);
    }
}
