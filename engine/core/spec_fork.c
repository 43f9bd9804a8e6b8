/*
 * What a fork may change. Weights that were learnt stay meaningful under other rates, other
 * batches, other noise; they do not under another network or other data. The validation split
 * and the seed that draws it stay too: a fork that trained on what its parent was judged by
 * would look better than it is.
 */
#include "unroll/spec.h"

static bool is_fixed(const char *pointer)
{
    static const char *const fixed[] = {"/dataset", "/train/seed", "/train/validation",
                                        "/train/numerics"};
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        if (strcmp(pointer, fixed[i]) == 0)
            return true;
    if (strcmp(pointer, "/model/dropout") == 0)
        return false;
    return strncmp(pointer, "/model/", 7) == 0 || strncmp(pointer, "/data/", 6) == 0;
}

/* Compares as what the field is: a name ends at its NUL, and zero has two signs. */
static bool same_value(const struct ur_spec_field *field, const struct ur_spec *one,
                       const struct ur_spec *other)
{
    const char *a = (const char *)one + field->offset, *b = (const char *)other + field->offset;
    double x, y;
    if (field->type == UR_FIELD_NAME)
        return strcmp(a, b) == 0;
    if (field->type == UR_FIELD_INT64)
        return memcmp(a, b, sizeof(int64_t)) == 0;
    if (field->type != UR_FIELD_NUMBER)
        return memcmp(a, b, sizeof(int32_t)) == 0;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return x == y;
}

enum ur_status ur_spec_check_fork(const struct ur_spec *parent, const struct ur_spec *child,
                                  struct ur_field_errors *fields, struct ur_error *error)
{
    enum ur_status status = UR_OK;
    size_t count;
    const struct ur_spec_field *table = ur_spec_fields(&count);
    for (size_t i = 0; i < count; i++) {
        if (!is_fixed(table[i].pointer) || same_value(&table[i], parent, child))
            continue;
        if (fields != NULL)
            ur_field_error_add(fields, table[i].pointer,
                               "cannot change in a fork: the weights stand on it");
        if (status == UR_OK)
            status = ur_fail(error, UR_INVALID_SPEC,
                             "%s cannot change in a fork: the weights stand on it.",
                             table[i].pointer);
    }
    return status;
}
