#include "data/csv_scan.h"

#include "unroll/text.h"

enum { END_OF_FILE = -1 };

/* What ended a field. */
enum end { END_FIELD, END_LINE, END_FILE };

enum ur_status ur_csv_scan_init(struct ur_csv_scan *scan, struct ur_gz *gz, size_t max_bytes,
                                struct ur_error *error)
{
    memset(scan, 0, sizeof *scan);
    scan->gz = gz;
    scan->max_bytes = max_bytes;
    scan->fields = malloc(UR_CSV_MAX_COLUMNS * sizeof *scan->fields);
    if (!scan->fields)
        return ur_fail(error, UR_NO_MEMORY, "There is no memory to read %s.", gz->name);
    return UR_OK;
}

void ur_csv_scan_release(struct ur_csv_scan *scan)
{
    free(scan->fields);
    scan->fields = NULL;
}

const char *ur_csv_shown(const char *field, char out[UR_CSV_SHOWN_BYTES])
{
    ur_copy_printable(out, UR_CSV_SHOWN_BYTES, field);
    return out;
}

static enum ur_status refill(struct ur_csv_scan *scan, struct ur_error *error)
{
    scan->at = 0;
    enum ur_status status =
        ur_gz_read(scan->gz, scan->buffer, sizeof scan->buffer, &scan->filled, error);
    if (status != UR_OK)
        return status;
    if (scan->filled > scan->max_bytes - scan->n_bytes)
        return ur_fail(error, UR_BAD_DATASET,
                       "%s has more text than the limit of %zu bytes, unpacked.",
                       scan->gz->name, scan->max_bytes);
    scan->n_bytes += scan->filled;
    return UR_OK;
}

/* Gives the next byte without taking it, or END_OF_FILE. */
static enum ur_status peek(struct ur_csv_scan *scan, int *byte, struct ur_error *error)
{
    if (scan->at == scan->filled) {
        enum ur_status status = refill(scan, error);
        if (status != UR_OK)
            return status;
    }
    *byte = scan->filled == 0 ? END_OF_FILE : scan->buffer[scan->at];
    return UR_OK;
}

static enum ur_status fail_here(const struct ur_csv_scan *scan, const char *what,
                                struct ur_error *error)
{
    return ur_fail(error, UR_BAD_DATASET, "%s: line %lld, column %d: %s.", scan->gz->name,
                   (long long)scan->line, (int)scan->count + 1, what);
}

/* A field while it is read. */
struct field {
    char *text;
    size_t length;
    bool quoted, closed; /* stands in quotes; they have ended */
};

static enum ur_status append(const struct ur_csv_scan *scan, struct field *field, int byte,
                             struct ur_error *error)
{
    const bool blank = byte == ' ' || byte == '\t';
    if (!field->quoted && field->length == 0 && blank)
        return UR_OK;
    if (field->closed)
        return blank ? UR_OK : fail_here(scan, "there is text after the closing quote", error);
    if (byte < ' ' && !blank)
        return fail_here(scan, "a control character is no text", error);
    if (field->length + 1 == UR_CSV_FIELD_BYTES)
        return fail_here(scan, "the field is longer than the limit of 63 bytes", error);
    field->text[field->length++] = (char)byte;
    return UR_OK;
}

static enum ur_status take_quote(const struct ur_csv_scan *scan, struct field *field,
                                 struct ur_error *error)
{
    if (field->quoted && !field->closed)
        field->closed = true;
    else if (field->quoted || field->length > 0)
        return fail_here(scan, "a quote may only begin and end a field", error);
    else
        field->quoted = true;
    return UR_OK;
}

/* CR counts as a part of the line's end and of nothing else. */
static enum ur_status take_return(struct ur_csv_scan *scan, struct ur_error *error)
{
    int next;
    enum ur_status status = peek(scan, &next, error);
    if (status == UR_OK && next != '\n' && next != END_OF_FILE)
        return fail_here(scan, "a carriage return stands in the middle of a line", error);
    return status;
}

static bool separates(struct ur_csv_scan *scan, int byte)
{
    if (scan->separator == 0 && (byte == ',' || byte == '\t'))
        scan->separator = (char)byte;
    return scan->separator != 0 && byte == scan->separator;
}

static enum ur_status end_field(const struct ur_csv_scan *scan, struct field *field,
                                struct ur_error *error)
{
    if (field->quoted && !field->closed)
        return fail_here(scan, "a quote is not closed in its line", error);
    while (!field->quoted && field->length > 0 &&
           (field->text[field->length - 1] == ' ' || field->text[field->length - 1] == '\t'))
        field->length--;
    field->text[field->length] = '\0';
    return UR_OK;
}

static enum ur_status scan_field(struct ur_csv_scan *scan, enum end *end,
                                 struct ur_error *error)
{
    struct field field = {.text = scan->fields[scan->count]};
    enum ur_status status = UR_OK;
    while (status == UR_OK) {
        int byte;
        status = peek(scan, &byte, error);
        if (status != UR_OK)
            return status;
        scan->at += byte != END_OF_FILE;
        const bool inside = field.quoted && !field.closed;
        if (byte == END_OF_FILE || byte == '\n' || (!inside && separates(scan, byte))) {
            *end = byte == END_OF_FILE ? END_FILE : byte == '\n' ? END_LINE : END_FIELD;
            return end_field(scan, &field, error);
        }
        if (byte == '"')
            status = take_quote(scan, &field, error);
        else if (byte == '\r')
            status = take_return(scan, error);
        else
            status = append(scan, &field, byte, error);
    }
    return status;
}

static enum ur_status skip_mark(struct ur_csv_scan *scan, struct ur_error *error)
{
    int byte;
    enum ur_status status = peek(scan, &byte, error);
    if (status == UR_OK && scan->filled >= 3 && memcmp(scan->buffer, "\xef\xbb\xbf", 3) == 0)
        scan->at = 3;
    return status;
}

/* Reads one line, which may be empty: one field of nothing. */
static enum ur_status scan_any_line(struct ur_csv_scan *scan, enum end *end,
                                    struct ur_error *error)
{
    scan->line++;
    scan->count = 0;
    do {
        if (scan->count == UR_CSV_MAX_COLUMNS)
            return ur_fail(error, UR_BAD_DATASET,
                           "%s: line %lld has more than %d columns: a label and a series of at "
                           "most %d values.",
                           scan->gz->name, (long long)scan->line, (int)UR_CSV_MAX_COLUMNS,
                           (int)UR_MAX_STEPS_PER_ROW);
        enum ur_status status = scan_field(scan, end, error);
        if (status != UR_OK)
            return status;
        scan->count++;
    } while (*end == END_FIELD);
    return UR_OK;
}

enum ur_status ur_csv_scan_line(struct ur_csv_scan *scan, struct ur_error *error)
{
    enum end end = END_LINE;
    enum ur_status status = scan->line == 0 ? skip_mark(scan, error) : UR_OK;
    do {
        scan->count = 0;
        if (status == UR_OK && end != END_FILE)
            status = scan_any_line(scan, &end, error);
        else
            return status;
    } while (status != UR_OK || (scan->count == 1 && scan->fields[0][0] == '\0'));
    return status;
}
