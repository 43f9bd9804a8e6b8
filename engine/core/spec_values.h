/*
 * One value of a job's JSON against its row of the table.
 *
 * Errors: what is wrong goes to errors, with the field's pointer and its limit; nothing is
 * stored then. Ownership: everything is borrowed. Threads: one.
 */
#ifndef UNROLL_CORE_SPEC_VALUES_H
#define UNROLL_CORE_SPEC_VALUES_H

#include "unroll/spec.h"

struct json_t; /* of jansson */

struct ur_spec_parse {
    struct ur_spec *spec;
    struct ur_field_errors *errors;
};

/* Checks a value and stores it in the spec. */
void ur_spec_value_parse(struct ur_spec_parse *parse, const struct ur_spec_field *field,
                         const struct json_t *value);

/* Says what a value is, for "must be ..., got a string". */
const char *ur_spec_value_kind(const struct json_t *value);

#endif
